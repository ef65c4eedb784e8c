"""The exceptions of a bad run; a bad image is never one of them, it is a row with a status.

::

    BatchEmotionError             exit 1   the run failed
    ├── UsageError                exit 2   what was asked for cannot be done as asked
    │   ├── SourceError                    nothing to read, or a manifest that makes no sense
    │   ├── WrongType                      a value of a type that is not taken; also a TypeError
    │   ├── OutputMismatch                 another run's output or parts are in the way
    │   │   ├── PruneRefused               too many images vanished to believe it
    │   │   └── RescoreRefused             another model or option would score too many images anew
    │   ├── JobFileError                   a job file that makes no sense
    │   └── BundleError                    no such model, or one that is damaged
    ├── TimeLimitReached          exit 4   stopped at `time_limit`; the same command carries on
    └── OutputBusy                exit 75  another run holds this output

    Interrupted (BaseException)   exit 129, 130 or 143   SIGHUP, SIGINT or SIGTERM arrived
"""

from __future__ import annotations

import re
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import IntEnum
from typing import ClassVar

_NOISE = re.compile(
    r"\?[^\s'\"]*\bsig=[^\s'\"]*"
    r"| error_info=\{.*\}(?=\))| The request was not sent, as such .*?The underlying error message was:"
)


def one_line(error: BaseException | str) -> str:
    """What an error says, on one line, without a URL's signed query and what Google's client adds to all."""
    return _NOISE.sub("", " ".join(str(error).split()))


class _Spelling:
    """How messages name options: as they stand, in backquotes, until a command line names them by its flags."""

    spell: Callable[[str], str] = staticmethod(str)


def spelled(message: str) -> str:
    """A message with the options in it named as the caller knows them."""
    return _Spelling.spell(message)


@contextmanager
def spelling(spell: Callable[[str], str]) -> Iterator[None]:
    """Have options named in another way for the block."""
    before, _Spelling.spell = _Spelling.spell, staticmethod(spell)
    try:
        yield
    finally:
        _Spelling.spell = staticmethod(before)


class ExitCode(IntEnum):
    """What the process says to its caller when it ends."""

    OK = 0
    FAILED = 1
    USAGE = 2
    OVER_THRESHOLD = 3
    TIME_LIMIT = 4
    BUSY = 75
    SIGHUP = 129
    SIGINT = 130
    SIGTERM = 143


class BatchEmotionError(Exception):
    """A run that cannot go on; its text says what happened, what was expected and what to do."""

    exit_code = ExitCode.FAILED

    def __str__(self) -> str:
        return spelled(super().__str__())


class UsageError(BatchEmotionError):
    """What was asked for cannot be done as asked; nothing was changed."""

    exit_code = ExitCode.USAGE


class SourceError(UsageError):
    """A source with nothing to read, or a manifest that makes no sense."""


class WrongType(UsageError, TypeError):
    """A value of a type that is not taken, or a keyword that there is not."""


class OutputMismatch(UsageError):
    """The output, or the parts of an earlier run, were made from something else."""


class PruneRefused(OutputMismatch):
    """So many images vanished that a disk is more likely gone than they are."""


class RescoreRefused(OutputMismatch):
    """So many images would be scored anew for another model or option that it must be asked for."""


class JobFileError(UsageError):
    """A job file with an unknown key, a wrong type, or a variable that is not set."""


class BundleError(UsageError):
    """A model that does not exist, is damaged, or may not be loaded."""


class TimeLimitReached(BatchEmotionError):
    """The time allowed is used up; what is committed is kept."""

    exit_code = ExitCode.TIME_LIMIT


class OutputBusy(BatchEmotionError):
    """Another run holds this output."""

    exit_code = ExitCode.BUSY


class Interrupted(BaseException):
    """SIGHUP, SIGINT or SIGTERM arrived; not an ``Exception``, so that nothing swallows it.

    Attributes:
        arrived: the one that was raised in this process, for native code may put an error of its own in its place.
    """

    arrived: ClassVar[Interrupted | None] = None

    def __init__(self, signum: int) -> None:
        super().__init__(signal.Signals(signum).name)
        self.exit_code = ExitCode(128 + signum)
