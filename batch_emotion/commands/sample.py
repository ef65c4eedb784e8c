"""``sample``: a small labelled set of synthetic faces."""

from __future__ import annotations

from pathlib import Path

from batch_emotion.errors import OutputMismatch
from batch_emotion.images.synthetic import write_samples
from batch_emotion.options.sample import SampleOptions
from batch_emotion.runs.asked import asked
from batch_emotion.runs.needs import check_asked
from batch_emotion.storage.commits import committing_folder
from batch_emotion.storage.targets import check_named


def sample(folder: SampleOptions | str | Path, *, count: int = 20, seed: int = 0) -> int:
    """Draw the faces, one folder per expression; gives how many.

    Args:
        folder: to be made, or an empty one; or ``SampleOptions``.
        count: faces of each expression.
        seed: random seed.

    Raises:
        UsageError: a number makes no sense, or there is something in the way already.

    Example:
        >>> from batch_emotion import sample
        >>> sample("drawn", count=2)
        12
    """
    options = asked(SampleOptions, "out", folder, {"count": count, "seed": seed})
    check_asked(options)
    check_named(options.out, "folder, such as faces", "folder")
    if options.out.exists() and (not options.out.is_dir() or any(options.out.iterdir())):
        raise OutputMismatch(f"{options.out} is there already and not empty; choose another folder")
    options.out.absolute().parent.mkdir(parents=True, exist_ok=True)
    with committing_folder(options.out) as folder:
        return write_samples(folder, options.count, options.seed)
