"""The protocol of engines: an assignment goes in, shards are committed to its workspace, reports come out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from batch_emotion._version import __version__
from batch_emotion.errors import TimeLimitReached
from batch_emotion.records import Profile
from batch_emotion.results.run_document import Counts
from batch_emotion.results.workspace import Workspace

if TYPE_CHECKING:
    from batch_emotion.scoring import ScorerSpec


@dataclass(frozen=True)
class Shard:
    """A contiguous slice of the plan: its number, first row and rows, and whether to decode it in a child process."""

    number: int
    first: int
    count: int
    isolated: bool = False


@dataclass(frozen=True)
class Assignment:
    """What is to be done, the same for every engine and for every worker of one; it can be pickled.

    Attributes:
        workspace: where the plan is read and shards are committed.
        identity: the workspace's when the run began.
        scorer: how to make the scorer.
        images: rows of the plan.
        shard_size: images in a shard.
        deadline: when no other shard is begun, in seconds since the epoch; None never comes.
        version: of the tool that began the run.
        kept: images of the run that are not in the plan, as their rows are there already.
    """

    workspace: Workspace
    identity: str
    scorer: ScorerSpec
    images: int
    shard_size: int
    deadline: float | None = None
    version: str = __version__
    kept: int = 0


@dataclass(frozen=True)
class ShardReport:
    """What came of a shard, or of a batch of it; small, for it may travel.

    Attributes:
        shard: which.
        worker: host and process; empty for this one.
        is_late: the time was up before it began.
        began: when the scoring of it began, in seconds since the epoch.
        seconds: how long that took.
        counts: what its rows hold, as ``Summary.counts`` has it; None where they were found committed.
        profile: where the time went since the report before.
        runtime: what ran the network.
        warnings: what the user should know.
        failure: why the shard could not be scored, which another attempt would not change.
    """

    shard: Shard
    worker: str = ""
    is_late: bool = False
    began: float = 0.0
    seconds: float = 0.0
    counts: Counts | None = None
    profile: Profile = field(default_factory=Profile)
    runtime: str = ""
    warnings: tuple[str, ...] = ()
    failure: Exception | None = None


class Engine(Protocol):
    """Something that scores shards."""

    def run(self, assignment: Assignment, on_report: Callable[[ShardReport], None]) -> None:
        """Score and commit every shard that is not committed yet.

        Raises:
            TimeLimitReached: the deadline came first.
            BatchEmotionError: the run cannot go on.
        """
        ...


def time_limit_reached(done: int, images: int, kept: int = 0) -> TimeLimitReached:
    """The error of a run that stops in time.

    Args:
        done: images of the plan that are scored.
        images: of the plan.
        kept: as of an assignment; they count as scored.
    """
    return TimeLimitReached(
        f"stopped at `time_limit`, {done + kept} of {images + kept} images are scored; the same command carries on"
    )
