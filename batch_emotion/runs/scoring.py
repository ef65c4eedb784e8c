"""Have an engine score what is left of a plan, and keep count of what it reports."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from batch_emotion.engines.base import Assignment, Engine, ShardReport
from batch_emotion.model.bundle import Bundle
from batch_emotion.options.runs import EngineOptions
from batch_emotion.plan import Plan
from batch_emotion.results.summary import Summary, WorkerPace

_LOG = logging.getLogger("batch_emotion")


def open_engine(options: EngineOptions, plan: Plan, bundle: Bundle) -> Engine:
    """The engine that is asked for; this process scores with the plan and the model that it has at hand."""
    if options.name == "ray":
        from batch_emotion.engines.ray.driver import RayEngine

        return RayEngine(options)
    from batch_emotion.engines.local import LocalEngine

    return LocalEngine(plan, bundle)


def score_remaining(engine: Engine, assignment: Assignment, seen: Summary, on_progress: Callable[[], None]) -> None:
    """Have every shard scored and committed that is not committed yet.

    Args:
        engine: what scores them.
        assignment: what is to be done.
        seen: takes the counts and the pace.
        on_progress: called after each change of the counts.

    Raises:
        TimeLimitReached: there was no time for all of them.
    """
    called = time.time()
    tally = _Tally(assignment, seen, on_progress)
    engine.run(assignment, tally.add)
    if tally.began is not None:
        seen.profile.start = tally.began - called
        seen.seconds = time.time() - tally.began


class _Tally:
    """The counts and the pace of a run, from what its engine reports."""

    def __init__(self, assignment: Assignment, seen: Summary, on_progress: Callable[[], None]) -> None:
        self._assignment, self._seen, self._on_progress = assignment, seen, on_progress
        self._paces: dict[str, WorkerPace] = {}
        self._has_warned = False
        self.began: float | None = None
        seen.threads = assignment.scorer.threads

    def add(self, report: ShardReport) -> None:
        """Count what a report is of."""
        seen, shard = self._seen, report.shard
        if report.counts is None:  # its worker died between the commit and the report
            seen.add(self._assignment.workspace.read(shard.number, shard.first, shard.count))
            seen.scored += shard.count
        else:
            counted = Summary.from_counts(report.counts)
            seen.merge(counted)
            seen.scored += counted.images
            seen.runtime = report.runtime
            seen.profile.add(report.profile)
            self.began = report.began if self.began is None else min(self.began, report.began)
            seen.seconds = time.time() - self.began
            if report.worker:
                self._add_pace(report.worker, counted.images, report.seconds)
        if report.warnings and not self._has_warned:
            for warning in report.warnings:
                _LOG.warning(warning)
            self._has_warned = True
        self._on_progress()

    def _add_pace(self, worker: str, images: int, seconds: float) -> None:
        pace = self._paces.setdefault(worker, WorkerPace(worker))
        pace.images, pace.seconds = pace.images + images, pace.seconds + seconds
        self._seen.workers = sorted(self._paces.values(), key=lambda pace: pace.worker)
