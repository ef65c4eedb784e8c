"""The engine of this process: shards one after the other, the next being read while one is committed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import groupby
from threading import Lock

import pyarrow as pa

from batch_emotion.engines.base import Assignment, Shard, ShardReport, time_limit_reached
from batch_emotion.errors import Interrupted
from batch_emotion.model.bundle import Bundle
from batch_emotion.plan import Plan
from batch_emotion.records import Profile
from batch_emotion.results.summary import Summary
from batch_emotion.results.workspace import Workspace, shards
from batch_emotion.scoring import Scorer


@dataclass(frozen=True)
class LocalEngine:
    """Scores in this process, with the plan and the model that are at hand; it reports every batch."""

    plan: Plan
    bundle: Bundle

    def run(self, assignment: Assignment, on_report: Callable[[ShardReport], None]) -> None:
        """Score and commit every shard that is not committed yet, see ``Engine``."""
        profile = Profile()
        scorer = assignment.scorer.open(profile, self.bundle)
        began, clock = time.time(), time.monotonic()

        def report(shard: Shard, counted: Summary) -> None:
            on_report(
                ShardReport(
                    shard,
                    began=began,
                    seconds=time.monotonic() - clock,
                    counts=counted.counts(),
                    profile=profile.taken(),
                    runtime=scorer.runtime.name,
                )
            )

        def report_rows(shard: Shard, rows: pa.RecordBatch) -> None:
            counted = Summary()
            counted.add(rows)
            report(shard, counted)

        deadline = assignment.deadline
        score_shards(
            self.plan,
            scorer,
            assignment.workspace,
            assignment.shard_size,
            report_rows,
            lambda: deadline is not None and time.time() >= deadline,
            assignment.kept,
        )
        report(Shard(-1, len(self.plan), 0), Summary())  # the last commit has taken time since the last batch


def score_shards(
    plan: Plan,
    scorer: Scorer,
    workspace: Workspace,
    shard_size: int,
    on_rows: Callable[[Shard, pa.RecordBatch], None],
    is_late: Callable[[], bool] = lambda: False,
    kept: int = 0,
) -> int:
    """Score and commit every shard that is not committed yet; gives the number of images scored.

    Args:
        plan: the whole plan.
        scorer: the kernel.
        workspace: where the shards are committed.
        shard_size: images in a shard.
        on_rows: called with each batch of rows and its shard.
        is_late: asked before each shard but the first.
        kept: images of the run that are not in the plan, as their rows are there already.

    Raises:
        TimeLimitReached: it was late.
    """
    marks = _Marks(workspace)
    scored = 0
    try:
        for isolated, cut in _stretches(len(plan), workspace, shard_size):
            scored += _score(plan, isolated, cut, scorer, workspace, marks, on_rows, is_late, bool(scored), kept)
    except (Interrupted, Exception):
        marks.take_back()
        raise
    return scored


def _score(
    plan: Plan,
    isolated: bool,
    cut: list[tuple[int, int, int]],
    scorer: Scorer,
    workspace: Workspace,
    marks: _Marks,
    on_rows: Callable[[Shard, pa.RecordBatch], None],
    is_late: Callable[[], bool],
    has_scored: bool,
    kept: int,
) -> int:
    """Score neighbouring shards in one go, so that no core waits for a commit or for a pipeline to fill."""
    (start, first, size), (_, end, count) = cut[0], cut[-1]
    stretch = plan.slice(first, end + count - first)
    rows = scorer.score(stretch, isolated, size, lambda row: marks.begin(start + row // size))
    for shard, done, count in cut:
        if (has_scored or shard != start) and is_late():
            raise time_limit_reached(done, len(plan), kept)
        batches = []
        images = 0
        while images < count:
            batch = next(rows)
            images += pa.compute.count_distinct(batch["index"]).as_py()
            batches.append(batch)
            on_rows(Shard(shard, done, count, isolated), batch)
        with scorer.profile.timing("write"):
            workspace.commit(shard, pa.Table.from_batches(batches))
        marks.end(shard)
        plan.release()
    return len(stretch)


def _stretches(images: int, workspace: Workspace, shard_size: int) -> Iterator[tuple[bool, list[tuple[int, int, int]]]]:
    """The shards still to do, as (shard, first row, rows), neighbours together where all or none must be isolated."""
    committed, begun = workspace.committed, workspace.begun
    states = [
        (None if shard in committed else shard in begun, (shard, first, count))
        for shard, first, count in shards(images, shard_size)
    ]
    for isolated, neighbours in groupby(states, key=lambda state: state[0]):
        if isolated is not None:
            yield isolated, [cut for _, cut in neighbours]


class _Marks:
    """The marks of shards that are being worked on; they outlive a process that dies, and no other."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace, self._begun, self._open, self._lock = workspace, set[int](), True, Lock()

    def begin(self, shard: int) -> None:
        """Mark a shard, unless it is marked or the run is over."""
        with self._lock:
            if self._open and shard not in self._begun:
                self._workspace.begin(shard)
                self._begun.add(shard)

    def end(self, shard: int) -> None:
        """The shard is committed, which took its mark away."""
        with self._lock:
            self._begun.discard(shard)

    def take_back(self) -> None:
        """Take all marks away: the run ends for a reason of its own."""
        with self._lock:
            self._open = False
            for shard in self._begun:
                self._workspace.forget(shard)
