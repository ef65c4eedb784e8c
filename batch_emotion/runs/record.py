"""The record of one run: when, with what and how it ended; it is written to ``run.json`` in any case."""

from __future__ import annotations

import os
import platform
import socket
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version

from batch_emotion._version import __version__
from batch_emotion.results.run_document import ModelRecord, RunRecordDocument

_PACKAGES = (
    *("tensorflow", "keras", "onnxruntime", "numpy", "pyarrow"),
    *("opencv-python", "opencv-python-headless", "pillow", "pillow-heif"),
)


@dataclass
class RunRecord:
    """What is known of a run beside its counts and its profile.

    Attributes:
        job: the name of the job.
        arguments: the command line, empty for a call from Python.
        run_id: in every line of its log.
        began: when.
        model: the model's name, version and sha256, once it is loaded.
    """

    job: str
    arguments: Sequence[str] = ()
    run_id: str = ""
    began: datetime = field(default_factory=lambda: datetime.now(UTC))
    model: ModelRecord | None = None
    _clock: float = field(default_factory=time.monotonic)

    @property
    def seconds(self) -> float:
        """How long the run has been going."""
        return time.monotonic() - self._clock

    def as_dict(self, exit_code: int, error: str | None = None) -> RunRecordDocument:
        """For the part ``last_run`` of ``run.json``."""
        return {
            "run_id": self.run_id,
            "job": self.job,
            "started": self.began.isoformat(timespec="seconds"),
            "finished": datetime.now(UTC).isoformat(timespec="seconds"),
            "seconds": round(self.seconds, 3),
            "exit_code": exit_code,
            "error": error,
            "arguments": list(self.arguments),
            "model": self.model,
            "peak_memory_bytes": peak_memory(),
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "versions": versions(),
        }


def peak_memory() -> int | None:
    """The most memory this process has held, in bytes; None where the system does not tell."""
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def versions() -> dict[str, str]:
    """Of the tool, of Python and of the packages that decide the rows; none of them is imported."""
    found = {"batch-emotion": __version__, "python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
