"""One worker of an engine that has several: it is given shards to score, and reports on each."""

from __future__ import annotations

import logging
import os
import pickle
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

import pyarrow as pa

from batch_emotion._version import __version__
from batch_emotion.engines.base import Assignment, Shard, ShardReport
from batch_emotion.errors import BatchEmotionError, one_line
from batch_emotion.images.feeding import by_tf_data, by_threads
from batch_emotion.packages import has_tensorflow, load_tensorflow
from batch_emotion.records import Profile
from batch_emotion.results.summary import Summary

if TYPE_CHECKING:
    from batch_emotion.plan import Plan
    from batch_emotion.scoring import Scorer

_LOG = logging.getLogger("batch_emotion")


class WorkersLost(Exception):
    """Workers died more often than an engine tries again; says how."""


class ShardWorker:
    """Scores and commits shards in this process; the model is loaded and the plan opened when the first one comes."""

    def __init__(self, assignment: Assignment) -> None:
        self._run, self._workspace = assignment, assignment.workspace
        self._profile = Profile()
        self._name = f"{socket.gethostname()}:{os.getpid()}"
        self._has_scored = False

    def __call__(self, shard: Shard) -> ShardReport:
        """Score a shard, unless it is committed already or it is too late.

        A failure is reported and not raised, so that no engine takes it for a worker's death and tries again. The mark
        of a shard stays where the process dies; whoever finds it decodes in a child process.
        """
        deadline = self._run.deadline
        if self._workspace.has(shard.number):
            return ShardReport(shard, self._name)
        if self._has_scored and deadline is not None and time.time() >= deadline:
            return ShardReport(shard, self._name, is_late=True)
        with _caught_warnings() as warnings:
            try:
                report = self._score(shard)
            except Exception as error:
                return ShardReport(shard, self._name, failure=_portable(error))
        self._has_scored = True
        return replace(report, warnings=tuple(warnings))

    def _score(self, shard: Shard) -> ShardReport:
        plan, scorer = self._plan, self._scorer
        summary, batches = Summary(), []
        isolated = shard.isolated or self._workspace.was_begun(shard.number)
        began, clock = time.time(), time.monotonic()
        self._workspace.begin(shard.number)
        try:
            for batch in scorer.score(plan.slice(shard.first, shard.count), isolated):
                summary.add(batch)
                batches.append(batch)
            with self._profile.timing("write"):
                self._commit(shard, pa.Table.from_batches(batches))
            plan.release()
        except Exception:
            self._workspace.forget(shard.number)
            raise
        return ShardReport(
            shard,
            self._name,
            began=began,
            seconds=time.monotonic() - clock,
            counts=summary.counts(),
            profile=self._profile.taken(),
            runtime=scorer.runtime.name,
        )

    def _commit(self, shard: Shard, rows: pa.Table) -> None:
        if self._workspace.identity != self._run.identity:
            raise BatchEmotionError(f"{self._workspace.folder} was begun anew by another run; this one is over")
        self._workspace.commit(shard.number, rows)

    @cached_property
    def _plan(self) -> Plan:
        return self._workspace.plan()

    @cached_property
    def _scorer(self) -> Scorer:
        if self._run.version != __version__:
            raise BatchEmotionError(
                f"{socket.gethostname()} has batch-emotion {__version__}, and the run began with {self._run.version}; "
                "install the same one everywhere"
            )
        if not has_tensorflow():
            return replace(self._run.scorer.open(self._profile), feeder=by_threads)
        with self._profile.timing("start"):
            load_tensorflow()  # it feeds every shard, and loading it is start-up
        return replace(self._run.scorer.open(self._profile), feeder=by_tf_data)


@contextmanager
def _caught_warnings() -> Iterator[list[str]]:
    """Collect the warnings of the log: a worker's own standard error is seen by nobody."""
    messages: list[str] = []

    class Collecting(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            messages.append(record.getMessage())

    handler = Collecting(logging.WARNING)
    _LOG.addHandler(handler)
    try:
        yield messages
    finally:
        _LOG.removeHandler(handler)


def _portable(error: Exception) -> Exception:
    """The exception, or where it cannot travel, one that says the same."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return BatchEmotionError(f"{type(error).__name__}: {one_line(error)}")
    return error
