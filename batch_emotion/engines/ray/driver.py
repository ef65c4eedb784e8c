"""Have Ray Data's workers run the shards: descriptors go out, small reports come back, pixels stay where they are read.

Ray tries again what died with its worker, a few times; what is left after that is listed and submitted anew by us, as
Ray's own ways are to try for ever, to give up everything, or to lose rows without a word.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass

from batch_emotion.engines.base import Assignment, Shard, ShardReport, time_limit_reached
from batch_emotion.engines.ray.cluster import connected
from batch_emotion.engines.worker import WorkersLost
from batch_emotion.errors import BatchEmotionError, Interrupted
from batch_emotion.options.runs import EngineOptions
from batch_emotion.results.workspace import shards

_PATIENCE = 3

_LOG = logging.getLogger("batch_emotion")


@dataclass(frozen=True)
class RayEngine:
    """Scores by Ray's workers, here or on a cluster; they report every shard."""

    options: EngineOptions

    def run(self, assignment: Assignment, on_report: Callable[[ShardReport], None]) -> None:
        """Have every shard scored and committed that is not committed yet, see ``Engine``.

        Raises:
            TimeLimitReached: the deadline came.
            BatchEmotionError: workers die whatever is done.
        """
        suspects = Counter(assignment.workspace.begun)
        cut = list(shards(assignment.images, assignment.shard_size))
        try:
            with connected(self.options) as workers:
                _Driver(cut, assignment, self.options, workers, suspects, on_report).run()
        except (Interrupted, Exception):
            for dropped in assignment.workspace.begun - suspects.keys():
                assignment.workspace.forget(dropped)
            raise


@dataclass
class _Driver:
    """Submits shards until all are committed.

    Attributes:
        cut: the whole plan, as (shard, first row, rows).
        assignment: what the workers are to do.
        options: what each worker takes.
        workers: how many there are.
        suspects: shards by how often they were found marked after workers had died.
        on_report: called with the report of each shard.
    """

    cut: Sequence[tuple[int, int, int]]
    assignment: Assignment
    options: EngineOptions
    workers: int
    suspects: Counter[int]
    on_report: Callable[[ShardReport], None]

    def run(self) -> None:
        fruitless = 0
        while missing := self._missing(self.cut):
            together = [shard for shard in missing if self.suspects[shard.number] < _PATIENCE]
            batch = together or missing[:1]
            failure = self._submit(batch)
            left = self._missing([(shard.number, shard.first, shard.count) for shard in batch])
            if not left:
                continue
            self.suspects.update(self.assignment.workspace.begun)
            fruitless = 0 if len(left) < len(batch) else fruitless + 1
            if not together:
                raise self._given_up(batch[0], failure)
            if fruitless > _PATIENCE:
                raise BatchEmotionError(f"Ray's workers do not get to work: {failure}; what is committed is kept")

    def _missing(self, cut: Sequence[tuple[int, int, int]]) -> list[Shard]:
        """Those of the shards that are not committed yet."""
        committed = self.assignment.workspace.committed
        return [Shard(*each, isolated=self.suspects[each[0]] > 0) for each in cut if each[0] not in committed]

    def _submit(self, batch: list[Shard]) -> str:
        """Have Ray run these shards to their end or to a worker's that Ray gave up; gives the reason."""
        with closing(_reports(batch, self.assignment, self.options, min(self.workers, len(batch)))) as reports:
            try:
                for report in reports:
                    self._take(report)
            except WorkersLost as lost:
                _LOG.info("workers lost", extra={"fields": {"reason": str(lost)}})
                return str(lost)
        return "they ended without a word"

    def _take(self, report: ShardReport) -> None:
        if report.failure is not None:
            raise report.failure
        if not report.is_late:
            self.on_report(report)
        elif not self.assignment.workspace.begun - self.suspects.keys():
            images = sum(count for *_, count in self.cut)
            done = images - sum(shard.count for shard in self._missing(self.cut))
            raise time_limit_reached(done, images, self.assignment.kept)

    def _given_up(self, shard: Shard, failure: str) -> BatchEmotionError:
        return BatchEmotionError(
            f"the images {shard.first} to {shard.first + shard.count - 1} of the plan end every worker, "
            f"even alone and decoded in a child process: {failure}; give the workers more memory, or fewer images at a "
            "time (`batch_size`), and run the same command again, what is committed is kept"
        )


def _reports(
    batch: Sequence[Shard], assignment: Assignment, options: EngineOptions, workers: int
) -> Generator[ShardReport]:
    from batch_emotion.engines.ray.dataset import reports_of  # imports Ray, which by now is set up

    return reports_of(batch, assignment, options, workers)
