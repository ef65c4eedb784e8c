"""``sample``: a small labelled set of synthetic faces."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from batch_emotion.errors import OutputMismatch, UsageError
from batch_emotion.images.synthetic import write_samples
from batch_emotion.storage.commits import committing_folder


@dataclass(frozen=True)
class SampleOptions:
    """Where to, how many of each expression, and the seed of every random choice."""

    out: Path
    count: int = 20
    seed: int = 0


def sample(options: SampleOptions) -> int:
    """Draw the faces, one folder per expression; gives how many.

    Raises:
        UsageError: there is something in the way already.
    """
    if options.count < 1:
        raise UsageError(f"--count must be at least 1, not {options.count}")
    if options.out.exists() and (not options.out.is_dir() or any(options.out.iterdir())):
        raise OutputMismatch(f"{options.out} is there already and not empty; choose another folder")
    options.out.absolute().parent.mkdir(parents=True, exist_ok=True)
    with committing_folder(options.out) as folder:
        return write_samples(folder, options.count, options.seed)
