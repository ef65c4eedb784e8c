"""Have the shards scored by the engine that was asked for, and keep count."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import fields

import pyarrow as pa
import pyarrow.compute as pc

from batch_emotion.commands.remaining import Prepared
from batch_emotion.engines.options import EngineOptions
from batch_emotion.engines.worker import Assignment, ShardReport
from batch_emotion.plan import Plan
from batch_emotion.records import Profile
from batch_emotion.results.parts import Workspace
from batch_emotion.results.summary import Summary, WorkerPace

_LOG = logging.getLogger("batch_emotion")


def score_here(
    plan: Plan,
    prepared: Prepared,
    workspace: Workspace,
    seen: Summary,
    time_left_s: float | None,
    on_progress: Callable[[], None],
) -> None:
    """Score and commit in this process every shard that is not committed yet.

    Args:
        plan: the whole plan.
        prepared: with what.
        workspace: where the shards are committed.
        seen: takes the counts and the pace.
        time_left_s: after so many seconds no shard is begun; None never comes.
        on_progress: told after each change of the counts.

    Raises:
        TimeLimitReached: that was so.
    """
    from batch_emotion.engines import local

    called = time.monotonic()
    scorer = prepared.open_scorer(seen)
    started = time.monotonic()

    def counting(rows: pa.RecordBatch) -> None:
        seen.add(rows)
        seen.scored += len(pc.unique(rows["index"]))
        seen.seconds = time.monotonic() - started
        on_progress()

    local.run(
        plan,
        scorer,
        workspace,
        prepared.fingerprint.shard_size,
        counting,
        lambda: time_left_s is not None and time.monotonic() - called >= time_left_s,
    )
    seen.seconds = time.monotonic() - started


def score_on_ray(
    engine: EngineOptions,
    plan: Plan,
    prepared: Prepared,
    workspace: Workspace,
    seen: Summary,
    time_left_s: float | None,
    on_progress: Callable[[], None],
) -> None:
    """Have every shard that is not committed yet scored and committed by Ray's workers; arguments as above."""
    called = time.time()
    with seen.profile.timing("start"):
        from batch_emotion.engines import ray
    shard_size = prepared.fingerprint.shard_size
    spec = prepared.spec
    paces: dict[str, WorkerPace] = {}
    began: list[float] = []
    warned: list[str] = []

    def take(report: ShardReport) -> None:
        if report.counts is None:  # its worker died between the commit and the report
            first = report.shard.first
            seen.add(workspace.read(report.shard.number, first, report.shard.count))
            seen.scored += report.shard.count
        else:
            counted = Summary.from_counts(report.counts)
            seen.merge(counted)
            seen.scored += counted.images
            seen.runtime = report.runtime
            pace = paces.setdefault(report.worker, WorkerPace(report.worker))
            pace.images, pace.seconds = pace.images + counted.images, pace.seconds + report.seconds
            seen.workers = sorted(paces.values(), key=lambda pace: pace.worker)
            _add(seen.profile, report.profile)
            began[:] = [min([report.began, *began])]
            seen.seconds = time.time() - began[0]
        for warning in report.warnings if not warned else ():
            _LOG.warning(warning)
            warned.append(warning)
        on_progress()

    seen.threads = spec.threads
    assignment = Assignment(workspace, workspace.identity, spec, None if time_left_s is None else called + time_left_s)
    ray.run(len(plan), shard_size, assignment, engine, take)
    if began:
        seen.profile.start = began[0] - called


def _add(profile: Profile, other: Profile) -> None:
    """Add what a worker spent, apart from its start, which is a part of ours."""
    for stage in fields(profile):
        if stage.name != "start":
            setattr(profile, stage.name, getattr(profile, stage.name) + getattr(other, stage.name))
