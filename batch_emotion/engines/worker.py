"""One worker of an engine that has several: it is told which shards to score, and tells what came of each."""

from __future__ import annotations

import logging
import os
import pickle
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import TYPE_CHECKING

import pyarrow as pa

from batch_emotion._version import __version__
from batch_emotion.errors import BatchEmotionError, one_line
from batch_emotion.records import Profile
from batch_emotion.results.run_document import Counts
from batch_emotion.results.summary import Summary
from batch_emotion.results.workspace import Workspace

if TYPE_CHECKING:
    from batch_emotion.plan import Plan
    from batch_emotion.scoring import Scorer, ScorerSpec

_LOG = logging.getLogger("batch_emotion")


@dataclass(frozen=True)
class Shard:
    """What a worker is told: which rows of the plan, and whether to decode them in a child process."""

    number: int
    first: int
    count: int
    isolated: bool = False


@dataclass(frozen=True)
class ShardReport:
    """What a worker tells of a shard; small, for it travels.

    Attributes:
        shard: which.
        worker: host and process.
        is_late: the time was up before it began.
        began: when the scoring of it began, in seconds since the epoch.
        seconds: how long that took.
        counts: what its rows hold, as ``Summary.counts`` has it; None where the worker did not score it.
        profile: where the time went; the first report of a worker holds its start.
        runtime: what ran the network.
        warnings: what is to be said to the user.
        failure: why the shard could not be scored, which another attempt would not change.
    """

    shard: Shard
    worker: str
    is_late: bool = False
    began: float = 0.0
    seconds: float = 0.0
    counts: Counts | None = None
    profile: Profile = field(default_factory=Profile)
    runtime: str = ""
    warnings: tuple[str, ...] = ()
    failure: Exception | None = None


class WorkersLost(Exception):
    """Workers died more often than an engine tries again; says how."""


@dataclass(frozen=True)
class Assignment:
    """What all workers of a run have in common; it can be pickled.

    Attributes:
        workspace: where the plan is read and shards are committed.
        identity: the workspace's when the run began.
        spec: how to make the scorer.
        deadline: when no worker begins another shard, in seconds since the epoch; None never comes.
        version: of the tool that began the run.
    """

    workspace: Workspace
    identity: str
    spec: ScorerSpec
    deadline: float | None = None
    version: str = __version__


class ShardWorker:
    """Scores and commits shards in this process; the model is loaded and the plan opened when the first one comes."""

    def __init__(self, assignment: Assignment) -> None:
        self._run, self._workspace = assignment, assignment.workspace
        self._profile, self._told = Profile(), Profile()
        self._name = f"{socket.gethostname()}:{os.getpid()}"
        self._has_scored = False

    def __call__(self, shard: Shard) -> ShardReport:
        """Score a shard, unless it is committed already or it is too late.

        A failure is told and not raised, so that no engine takes it for a worker's death and tries again. The mark of
        a shard stays where the process dies; whoever finds it decodes in a child process.
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
        except Exception:
            self._workspace.forget(shard.number)
            raise
        return ShardReport(
            shard,
            self._name,
            False,
            began,
            time.monotonic() - clock,
            summary.counts(),
            self._spent(),
            scorer.runtime.name,
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
        return self._run.spec.open(self._profile)

    def _spent(self) -> Profile:
        """The seconds since this was last asked."""
        now = replace(self._profile)
        spent = Profile(**{each.name: getattr(now, each.name) - getattr(self._told, each.name) for each in fields(now)})
        self._told = now
        return spent


@contextmanager
def _caught_warnings() -> Iterator[list[str]]:
    """Collect what the log is told: a worker's own standard error is seen by nobody."""
    told: list[str] = []

    class Collecting(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            told.append(record.getMessage())

    handler = Collecting(logging.WARNING)
    _LOG.addHandler(handler)
    try:
        yield told
    finally:
        _LOG.removeHandler(handler)


def _portable(error: Exception) -> Exception:
    """The exception, or where it cannot travel, one that says the same."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return BatchEmotionError(f"{type(error).__name__}: {one_line(error)}")
    return error
