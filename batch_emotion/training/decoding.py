"""Labelled images decoded once, into a file that every epoch reads."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from batch_emotion.errors import BatchEmotionError
from batch_emotion.images.pipeline import stream
from batch_emotion.options.images import Limits
from batch_emotion.plan import Plan
from batch_emotion.records import InputSpec, Status
from batch_emotion.sources.missing import all_missing
from batch_emotion.training.pixels import PixelFile

_MOST_LISTED = 5


@dataclass(frozen=True)
class Decoded:
    """The images of several plans that could be decoded, one plan after the other.

    Attributes:
        pixels: all of them.
        rows: of each plan, the rows that are there, in their order.
        unusable: the others, as (path, status).
    """

    pixels: PixelFile
    rows: list[NDArray[np.int64]]
    unusable: list[tuple[str, str]]

    def places(self, number: int) -> NDArray[np.int64]:
        """Where in ``pixels`` the images of a plan are."""
        start = sum(map(len, self.rows[:number]))
        return np.arange(start, start + len(self.rows[number]))

    def unusable_lines(self) -> list[str]:
        """The first of the images that could not be decoded, and how many there are where these are not all."""
        lines = [f"unusable: {path}: {status}" for path, status in self.unusable[:_MOST_LISTED]]
        if len(self.unusable) > _MOST_LISTED:
            lines.append(f"unusable: {len(self.unusable):,} images: {_counted(status for _, status in self.unusable)}")
        return lines


def decode_all(plans: Sequence[Plan], spec: InputSpec, limits: Limits, file: Path) -> Decoded:
    """Decode every image of the plans into a new file of pixels.

    Raises:
        BatchEmotionError: not one image of a plan could be decoded.
    """
    file.unlink(missing_ok=True)
    pixels = PixelFile(file, spec.shape)
    rows: list[NDArray[np.int64]] = []
    unusable: list[tuple[str, str]] = []
    for plan in plans:
        before = len(unusable)
        paths, found = plan.images["path"], [np.empty(0, np.int64)]
        for batch in stream(plan, spec, limits, batch_size=256):
            statuses = batch.facts["status"].to_pylist()
            unusable += [
                (paths[int(at)].as_py(), status)
                for at, status in zip(batch.image_index, statuses, strict=True)
                if status != Status.OK
            ]
            good = np.array([status == Status.OK for status in statuses])
            pixels.append(batch.pixels[good])
            found.append(np.asarray(batch.image_index[good], np.int64))
        rows.append(np.concatenate(found))
        if not len(rows[-1]) and len(plan):
            raise BatchEmotionError(_none_decoded(plan, [status for _, status in unusable[before:]]))
    return Decoded(pixels, rows, unusable)


def _none_decoded(plan: Plan, statuses: Sequence[str]) -> str:
    if set(statuses) == {Status.MISSING}:
        return all_missing(plan)
    first = plan.images["path"][0].as_py()
    return f"none of {len(plan):,} images, such as {first}, could be decoded: {_counted(statuses)}"


def _counted(statuses: Iterable[str]) -> str:
    return ", ".join(f"{count:,} {status}" for status, count in Counter(statuses).most_common())
