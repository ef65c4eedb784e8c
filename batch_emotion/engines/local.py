"""Run the shards one after the other, in this process."""

from __future__ import annotations

from collections.abc import Callable

import pyarrow as pa

from batch_emotion.errors import Interrupted, TimeLimitReached
from batch_emotion.records import Plan
from batch_emotion.results.parts import Workspace, shards
from batch_emotion.scoring import Scorer


def run(
    plan: Plan,
    scorer: Scorer,
    workspace: Workspace,
    shard_size: int,
    on_rows: Callable[[pa.RecordBatch], None],
    is_late: Callable[[], bool] = lambda: False,
) -> int:
    """Score and commit every shard that is not committed yet; gives the number of images scored.

    Args:
        plan: the whole plan.
        scorer: the kernel.
        workspace: where the shards are committed.
        shard_size: images in a shard.
        on_rows: told of each batch of rows.
        is_late: asked before each shard but the first.

    Raises:
        TimeLimitReached: it said so.
    """
    scored = 0
    for shard, first, count in shards(len(plan), shard_size):
        if workspace.has(shard):
            continue
        if scored and is_late():
            raise TimeLimitReached(
                f"stopped at --time-limit, {first} of {len(plan)} images are scored; the same command carries on"
            )
        isolated = workspace.was_begun(shard)
        workspace.begin(shard)
        batches = []
        try:
            for rows in scorer.score(plan.slice(first, count), isolated):
                batches.append(rows)
                on_rows(rows)
            workspace.commit(shard, pa.Table.from_batches(batches))
        except (Interrupted, Exception):
            workspace.forget(shard)
            raise
        scored += count
    return scored
