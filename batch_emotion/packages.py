"""Which packages are at hand: a lean installation does without TensorFlow and what goes with it."""

from __future__ import annotations

from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec

from batch_emotion.errors import UsageError

_DISTRIBUTIONS = {"sklearn": "scikit-learn"}
"""The names by which modules are installed, where they are others."""


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
