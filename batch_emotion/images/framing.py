"""Whether images look like photos rather than face crops, by their size and shape and by what fills them."""

from __future__ import annotations

import logging

import numpy as np
from numpy.typing import NDArray

from batch_emotion.images.detectors import HaarDetector
from batch_emotion.records import ImageBatch, Status

_FIRST = 32
_SMALL, _LARGE = 160, 400
_OBLONG = 1.2
_FILLED = 0.4

_LOG = logging.getLogger("batch_emotion")


class PhotoWatch:
    """Warns, once, where most of the first images look like photos; costs nothing more for all that follow."""

    def __init__(self) -> None:
        self._has_looked = False

    def __call__(self, batch: ImageBatch) -> None:
        """Look at the first batch that has an image."""
        if self._has_looked:
            return
        images, photos = count_photos(batch)
        self._has_looked = images > 0
        if 2 * photos > images:
            which = (
                f"{photos} of the first {images} images look like photos" if images > 1 else "this looks like a photo"
            )
            _LOG.warning(
                f"{which}, not like face crops: large, and not filled by a face. The model answers whatever it is "
                "shown; give `faces` to have the faces found and each one scored"
            )


def count_photos(batch: ImageBatch) -> tuple[int, int]:
    """How many images a batch has, of its first 32, and how many of those look like photos.

    A photo is at least 400 pixels on its shorter side, or 160 and oblong, and no face fills it: none is found in the
    model's own pixels that is 0.4 of their width.
    """
    facts = batch.facts.slice(0, _FIRST).select(["status", "width", "height"])
    rows = enumerate(zip(*facts.to_pydict().values(), strict=True))
    sizes = {row: sorted(size) for row, (status, *size) in rows if status == Status.OK}
    large = [
        row for row, (short, long) in sizes.items() if short >= _LARGE or (short >= _SMALL and long >= _OBLONG * short)
    ]
    if not large:
        return len(sizes), 0
    detector = HaarDetector()
    return len(sizes), sum(not _is_filled(batch.pixels[row], detector) for row in large)


def _is_filled(pixels: NDArray[np.uint8], detector: HaarDetector) -> bool:
    found = detector.find(pixels[..., 0] if pixels.shape[2] == 1 else pixels, 1.0)
    return bool((found[:, 2] >= _FILLED * pixels.shape[1]).any())
