"""What a network answered to images that it did not learn from: ``held_out.csv`` of a bundle.

A row for each image: its label and the probabilities, calibrated and under the mix of classes of the training.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from batch_emotion.errors import BundleError
from batch_emotion.metrics.quantification import Moments
from batch_emotion.model.bundle import Bundle
from batch_emotion.model.kept_classes import keep_classes

FILE = "held_out.csv"
FEWEST = 5
"""A class with fewer held-out images than this is not known well enough to tell its share."""


@dataclass(frozen=True)
class HeldOut:
    """N labelled images that a network did not learn from.

    Attributes:
        class_names: the K classes.
        labels: int (N,), the class of each image.
        probabilities: float32 (N, K).
    """

    class_names: tuple[str, ...]
    labels: NDArray[np.integer]
    probabilities: NDArray[np.float32]

    def write(self, file: Path) -> None:
        """Write them, to five digits."""
        with file.open("w", newline="", encoding="utf-8") as opened:
            writer = csv.writer(opened, lineterminator="\n")
            writer.writerow(["label", *(f"p_{name}" for name in self.class_names)])
            for label, row in zip(self.labels, self.probabilities, strict=True):
                writer.writerow([self.class_names[label], *(f"{value:.5f}" for value in row)])

    def moments(self, kept: Sequence[str]) -> list[Moments] | None:
        """Of the images of each kept class, its probabilities among them; None where a class has too few images."""
        found = []
        for name in kept:
            rows = self.probabilities[self.labels == self.class_names.index(name)]
            if len(rows) < FEWEST:
                return None
            found.append(Moments(len(kept)).add(keep_classes(rows, self.class_names, kept)))
        return found


def held_out_moments(bundle: Bundle, kept: Sequence[str]) -> list[Moments] | None:
    """What a bundle knows of its answers to images of each class; None where that is not enough.

    Raises:
        BundleError: the file is not the one that the card describes, or cannot be read.
    """
    file = bundle.folder / FILE if bundle.folder else None
    if file is None or not file.is_file():
        return None
    facts = bundle.checked(file).stat()
    return _read(file, bundle.card.class_names, facts.st_size, facts.st_mtime_ns).moments(kept)


@lru_cache(maxsize=4)
def _read(file: Path, names: tuple[str, ...], *_stamp: int) -> HeldOut:
    """The content of a file, kept for the next run in this process until the file is changed."""
    try:
        with file.open(newline="", encoding="utf-8") as opened:
            rows = list(csv.DictReader(opened))
        labels = np.array([names.index(row["label"]) for row in rows], np.intp)
        probabilities = np.array([[row[f"p_{name}"] for name in names] for row in rows], np.float32)
    except (KeyError, ValueError) as error:
        raise BundleError(f"{file} is not what a model answered to held-out images: {error!r}") from None
    return HeldOut(names, labels, probabilities.reshape(-1, len(names)))
