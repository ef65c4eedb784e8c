"""Shards as one data set of Ray Data: descriptors go out to a pool of workers, reports come back as they are done.

Imports Ray, whose settings have to be in the environment by then.
"""

from __future__ import annotations

import pickle
import queue
import threading
import time
import warnings
from collections.abc import Generator, Sequence
from contextlib import suppress
from dataclasses import asdict
from typing import Any

import numpy as np
import ray.data
from ray.data._internal.execution.execution_callback import ExecutionCallback

from batch_emotion.engines.base import Assignment, Shard, ShardReport
from batch_emotion.engines.worker import ShardWorker, WorkersLost
from batch_emotion.errors import one_line
from batch_emotion.options.runs import EngineOptions

_RETRIES = 2
_MOST_BLOCKS = 10_000
_LAST_STEP_S = 30


def reports_of(
    batch: Sequence[Shard], assignment: Assignment, options: EngineOptions, workers: int
) -> Generator[ShardReport]:
    """Run shards as one data set; gives the reports as they come.

    Closing it ends the workers and waits until nothing here asks Ray for anything more, for after ``ray.shutdown`` its
    native code answers by ending the whole process, with 1 and without a word.

    Args:
        batch: the shards.
        assignment: what the workers are to do.
        options: what each worker takes.
        workers: how many there are.

    Raises:
        WorkersLost: a shard's worker died again and again.
    """
    reader = _Reader(_dataset(batch, assignment, options, workers))
    reader.start()
    try:
        while (result := reader.next()) is not None:
            if isinstance(result, BaseException):
                raise WorkersLost(one_line(f"{type(result).__name__}: {result}")[:400]) from None
            yield result
    finally:
        reader.stop()


class _Reader(threading.Thread):
    """Reads a data set in the background, as Ray's native code swallows what a signal raises in it."""

    def __init__(self, dataset: Any) -> None:
        super().__init__(name="ray data", daemon=True)
        self._dataset = dataset
        self._results: queue.SimpleQueue[ShardReport | BaseException | None] = queue.SimpleQueue()
        self._stopped = threading.Event()
        self._execution: Any = None

    def run(self) -> None:
        try:
            for block in self._dataset.iter_batches(batch_size=None, batch_format="pyarrow", prefetch_batches=0):
                for cell in block["report"].to_pylist():
                    self._results.put(pickle.loads(cell))
            self._results.put(None)
        except BaseException as error:
            self._results.put(error)

    def begins(self, execution: Any) -> None:
        """Keep hold of what runs the data set; Ray Data has no other way to end one than to read it to its end."""
        self._execution = execution
        if self._stopped.is_set():
            raise RuntimeError("stopped before it began")

    def next(self) -> ShardReport | BaseException | None:
        """The next report, or what ended the data set: an error or, at its end, None."""
        while True:
            try:
                return self._results.get(timeout=0.5)
            except queue.Empty:
                continue

    def stop(self) -> None:
        """End the data set and its workers, if they have not ended, and wait for this thread."""
        self._stopped.set()
        deadline = time.monotonic() + _LAST_STEP_S
        while self.is_alive() and time.monotonic() < deadline:
            if self._execution is not None:
                with suppress(Exception):  # of a cluster that is gone; why is known by now
                    self._execution.shutdown(force=True)
            self.join(0.5)


class _Beginning(ExecutionCallback):  # type: ignore[misc]
    """Tells the thread that reads a data set of its beginning."""

    def before_execution_starts(self, executor: Any) -> None:
        reader = threading.current_thread()
        if isinstance(reader, _Reader):
            reader.begins(executor)


def _dataset(batch: Sequence[Shard], assignment: Assignment, options: EngineOptions, workers: int) -> Any:
    """The data set whose rows are the reports; max_errored_blocks stays 0, as it would lose shards without a word."""
    context = ray.data.DataContext.get_current()
    context.max_errored_blocks = 0
    context.enable_progress_bars = context.enable_operator_progress_bars = False
    context.print_on_execution_start = False
    context.execution_no_progress_timeout_s = -1
    if _Beginning not in context.custom_execution_callback_classes:
        context.custom_execution_callback_classes.append(_Beginning)
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
