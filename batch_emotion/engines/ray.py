"""Have Ray Data's workers run the shards: descriptors go out, small reports come back, pixels stay where they are read.

Ray tries again what died with its worker, a few times; what is left after that is listed and submitted anew by us, as
Ray's own ways are to try for ever, to give up everything, or to lose rows without a word.
"""

from __future__ import annotations

import logging
import pickle
import queue
import threading
import warnings
from collections import Counter
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from batch_emotion.engines.cluster import connected
from batch_emotion.engines.options import EngineOptions
from batch_emotion.engines.worker import Assignment, Shard, ShardReport, ShardWorker
from batch_emotion.errors import BatchEmotionError, Interrupted, TimeLimitReached
from batch_emotion.results.parts import shards

_RETRIES = 2
_PATIENCE = 3
_MOST_BLOCKS = 10_000

_LOG = logging.getLogger("batch_emotion")


def run(
    images: int,
    shard_size: int,
    assignment: Assignment,
    options: EngineOptions,
    on_report: Callable[[ShardReport], None],
) -> None:
    """Have every shard scored and committed that is not committed yet.

    Args:
        images: of the whole plan.
        shard_size: images in a shard.
        assignment: what the workers are to do.
        options: how many workers, and where.
        on_report: told of each shard that is done.

    Raises:
        TimeLimitReached: the deadline came.
        BatchEmotionError: workers die whatever is done.
    """
    suspects = Counter(assignment.workspace.begun)
    try:
        with connected(options) as workers:
            _Driver(list(shards(images, shard_size)), assignment, options, workers, suspects, on_report).run()
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
        on_report: told of each shard that is done.
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
        """Have Ray run these shards to their end or to a worker's that Ray gave up; tells why, where it did."""
        with closing(_reports(batch, self.assignment, self.options, min(self.workers, len(batch)))) as reports:
            try:
                for report in reports:
                    self._take(report)
            except _WorkersLost as lost:
                _LOG.info("workers lost", extra={"fields": {"said": str(lost)}})
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
            raise TimeLimitReached(
                f"stopped at --time-limit, {done} of {images} images are scored; the same command carries on"
            )

    def _given_up(self, shard: Shard, failure: str) -> BatchEmotionError:
        return BatchEmotionError(
            f"the images {shard.first} to {shard.first + shard.count - 1} of the plan end every worker, "
            f"even alone and decoded in a child process: {failure}; give the workers more memory, or fewer images at a "
            "time (--batch-size), and run the same command again, what is committed is kept"
        )


class _WorkersLost(Exception):
    """Ray gave up a data set."""


def _reports(
    batch: Sequence[Shard], assignment: Assignment, options: EngineOptions, workers: int
) -> Generator[ShardReport]:
    """Run shards as one data set; gives the reports as they come.

    Ray is waited for in another thread: its native code swallows what a signal raises in it.

    Raises:
        _WorkersLost: a shard's worker died more often than Ray tries again.
    """
    dataset = _dataset(batch, assignment, options, workers)
    results: queue.SimpleQueue[ShardReport | BaseException | None] = queue.SimpleQueue()
    stopped = threading.Event()

    def consume() -> None:
        try:
            for block in dataset.iter_batches(batch_size=None, batch_format="pyarrow", prefetch_batches=0):
                for cell in block["report"].to_pylist():
                    results.put(pickle.loads(cell))
                if stopped.is_set():
                    break
            results.put(None)
        except BaseException as error:
            results.put(error)

    threading.Thread(target=consume, name="ray data", daemon=True).start()
    try:
        while (result := _next(results)) is not None:
            if isinstance(result, BaseException):
                raise _WorkersLost(" ".join(f"{type(result).__name__}: {result}".split())[:400]) from None
            yield result
    finally:
        stopped.set()


def _next(results: queue.SimpleQueue[Any]) -> Any:
    while True:
        try:
            return results.get(timeout=0.5)
        except queue.Empty:
            continue


def _dataset(batch: Sequence[Shard], assignment: Assignment, options: EngineOptions, workers: int) -> Any:
    """The data set whose rows are the reports; max_errored_blocks stays 0, as it would lose shards without a word."""
    import ray.data

    context = ray.data.DataContext.get_current()
    context.max_errored_blocks = 0
    context.enable_progress_bars = context.enable_operator_progress_bars = False
    context.print_on_execution_start = False
    context.execution_no_progress_timeout_s = -1
    items = ray.data.from_items([asdict(shard) for shard in batch], override_num_blocks=min(len(batch), _MOST_BLOCKS))
    with warnings.catch_warnings():
        # There is no other way yet to bound the retries of an actor's tasks.
        warnings.filterwarnings("ignore", "`ray_remote_args` is deprecated", DeprecationWarning)
        return items.map_batches(
            _OnRay,
            fn_constructor_args=(assignment,),
            batch_size=1,
            batch_format="numpy",
            compute=ray.data.ActorPoolStrategy(size=workers, max_tasks_in_flight_per_actor=2),
            num_cpus=options.cpus_per_worker,
            num_gpus=options.gpus_per_worker or None,
            max_restarts=-1,
            max_task_retries=_RETRIES,
        )


class _OnRay:
    """A worker as Ray Data calls it: columns of one row in, columns of one row out."""

    def __init__(self, assignment: Assignment) -> None:
        self._worker = ShardWorker(assignment)

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        shard = Shard(**{name: column[0].item() for name, column in row.items()})
        return {"report": np.array([pickle.dumps(self._worker(shard))], object)}
