"""Have the shards scored by the engine that was asked for, and keep count."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, fields

import pyarrow as pa
import pyarrow.compute as pc

from batch_emotion.engines.options import EngineOptions
from batch_emotion.engines.worker import Assignment, ShardReport
from batch_emotion.plan import Plan
from batch_emotion.records import Profile
from batch_emotion.results.summary import Summary, WorkerPace
from batch_emotion.results.workspace import Workspace
from batch_emotion.runs.resume import Prepared

_LOG = logging.getLogger("batch_emotion")


@dataclass(frozen=True)
class Scoring:
    """The scoring of every shard that is not committed yet.

    Attributes:
        plan: the whole plan.
        prepared: with what.
        workspace: where the shards are committed.
        seen: takes the counts and the pace.
        time_left_s: after so many seconds no shard is begun; None never comes.
        on_progress: told after each change of the counts.
    """

    plan: Plan
    prepared: Prepared
    workspace: Workspace
    seen: Summary
    time_left_s: float | None
    on_progress: Callable[[], None]

    def run(self, engine: EngineOptions) -> None:
        """Have the shards scored and committed, in this process or by Ray's workers.

        Raises:
            TimeLimitReached: there was no time for all of them.
        """
        if engine.name == "ray":
            self._on_ray(engine)
        else:
            self._here()

    def _here(self) -> None:
        from batch_emotion.engines import local

        seen, time_left_s = self.seen, self.time_left_s
        called = time.monotonic()
        scorer = self.prepared.open_scorer(seen)
        started = time.monotonic()

        def counting(rows: pa.RecordBatch) -> None:
            seen.add(rows)
            seen.scored += len(pc.unique(rows["index"]))
            seen.seconds = time.monotonic() - started
            self.on_progress()

        local.run(
            self.plan,
            scorer,
            self.workspace,
            self.prepared.fingerprint.shard_size,
            counting,
            lambda: time_left_s is not None and time.monotonic() - called >= time_left_s,
        )
        seen.seconds = time.monotonic() - started

    def _on_ray(self, engine: EngineOptions) -> None:
        seen, workspace, spec = self.seen, self.workspace, self.prepared.spec
        called = time.time()
        with seen.profile.timing("start"):
            from batch_emotion.engines.ray import driver
        paces: dict[str, WorkerPace] = {}
        began: list[float] = []
        warned: list[str] = []

        def take(report: ShardReport) -> None:
            if report.counts is None:  # its worker died between the commit and the report
                seen.add(workspace.read(report.shard.number, report.shard.first, report.shard.count))
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
            self.on_progress()

        seen.threads = spec.threads
        until = None if self.time_left_s is None else called + self.time_left_s
        assignment = Assignment(workspace, workspace.identity, spec, until)
        driver.run(len(self.plan), self.prepared.fingerprint.shard_size, assignment, engine, take)
        if began:
            seen.profile.start = began[0] - called


def _add(profile: Profile, other: Profile) -> None:
    """Add what a worker spent, apart from its start, which is a part of ours."""
    for stage in fields(profile):
        if stage.name != "start":
            setattr(profile, stage.name, getattr(profile, stage.name) + getattr(other, stage.name))
