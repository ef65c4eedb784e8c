"""Which packages are at hand: a lean installation does without TensorFlow and what goes with it."""

from __future__ import annotations

import os
import re
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import Any

from batch_emotion.errors import UsageError

_DISTRIBUTIONS = {"sklearn": "scikit-learn"}
"""The names by which modules are installed, where they are others."""

_CHATTER = re.compile(
    rb"WARNING: All log messages before absl::|[IWE]\d{4} \d\d:\d\d:\d\d|To enable the following instructions:"
)
_LOADING = threading.RLock()


def has_tensorflow() -> bool:
    """Whether TensorFlow is installed; it is not imported."""
    return find_spec("tensorflow") is not None


def distribution() -> str:
    """The name that this program was installed by: ``batch-emotion``, or ``batch-emotion-lite``."""
    try:
        version("batch-emotion")
    except PackageNotFoundError:
        with suppress(PackageNotFoundError):
            version("batch-emotion-lite")
            return "batch-emotion-lite"
    return "batch-emotion"


def require_packages(what: str, *packages: str) -> None:
    """Refuse what cannot be done for want of packages; none of them is imported.

    Args:
        what: what needs them, as the subject of the message.
        packages: the names of their modules.

    Raises:
        UsageError: some are not installed; names them and the command that adds them.

    Example:
        >>> require_packages("explain", "numpy", "tensorflow")
        Traceback (most recent call last):
            ...
        batch_emotion.errors.UsageError: explain needs tensorflow, which is not installed here: pip install tensorflow
    """
    missing = [_DISTRIBUTIONS.get(name, name) for name in packages if find_spec(name) is None]
    if missing:
        *others, last = missing
        names, verb = (f"{', '.join(others)} and {last}", "are") if others else (last, "is")
        raise UsageError(f"{what} needs {names}, which {verb} not installed here: pip install {' '.join(missing)}")


def load_tensorflow() -> Any:
    """TensorFlow and Keras, loaded without the log lines that no setting of theirs keeps off standard error.

    ``BATCH_EMOTION_DEBUG=1`` lets them through.

    Raises:
        ImportError: TensorFlow is not installed, or cannot be loaded.
    """
    with _LOADING:
        if "keras" not in sys.modules and not os.environ.get("BATCH_EMOTION_DEBUG"):
            with _without_chatter(), suppress(ImportError):
                import_module("tensorflow")
                import_module("keras")
        return import_module("tensorflow")


@contextmanager
def _without_chatter() -> Iterator[None]:
    """Write what arrives at descriptor 2 in the block when it is over, but for TensorFlow's log lines."""
    try:
        kept = os.dup(2)
    except OSError:  # it is closed, and nothing arrives there
        yield
        return
    with tempfile.TemporaryFile() as lines:
        try:
            os.dup2(lines.fileno(), 2)
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            lines.seek(0)
            with suppress(OSError):
                os.write(2, b"".join(line for line in lines if not _CHATTER.match(line)))
