"""Whether images look like photos rather than face crops, by their size and shape and by what fills them."""

from __future__ import annotations

import logging

import numpy as np

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
                "shown; give --faces to have the faces found and each one scored"
            )


def count_photos(batch: ImageBatch) -> tuple[int, int]:
    """How many images a batch has, of its first 32, and how many of those look like photos.

    A photo is at least 400 pixels on its shorter side, or 160 and oblong, and no face fills it: none is found in the
    model's own pixels that is 0.4 of their width.
    """
    detector = HaarDetector()
    facts = batch.facts.slice(0, _FIRST)
    images = photos = 0
    for row, (status, width, height) in enumerate(
        zip(*(facts[name].to_pylist() for name in ("status", "width", "height")), strict=True)
    ):
        if status != Status.OK:
            continue
        images += 1
        short, long = sorted((width, height))
        if short >= _LARGE or (short >= _SMALL and long >= _OBLONG * short):
            pixels = batch.pixels[row]
            found = detector.find(pixels[..., 0] if pixels.shape[2] == 1 else pixels, 1.0)
            photos += not np.any(found[:, 2] >= _FILLED * pixels.shape[1])
    return images, photos
