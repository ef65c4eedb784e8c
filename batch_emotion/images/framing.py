"""Whether images are photos rather than crops of faces, by how much of them a face fills."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np

from batch_emotion.images.centerface import centerface
from batch_emotion.images.decode import decode_whole, load
from batch_emotion.options.images import Limits
from batch_emotion.plan import Plan
from batch_emotion.records import ImageBatch, Status

_FIRST_ROWS, _EACH = 64, 8
_SMALL = 160
_LOOKED_AT = 320
_MIN_SCORE = 0.5
_FILLED = 0.25

_LOG = logging.getLogger("batch_emotion")


class PhotoWatch:
    """Warns, once, where most images of a plan are photos, of which the model is shown the whole.

    It looks at 8 of the first 64 images, so as to warn early, and at 8 that are spread over the plan; at each once it
    has been decoded for the model, so that a file that kills the process is never looked at here first.
    """

    def __init__(self, plan: Plan, limits: Limits) -> None:
        self._samples = [_Sample(span) for span in (min(len(plan), _FIRST_ROWS), len(plan))]
        self._locations, self._framing = plan.images["location"], Framing(limits)
        self._passed = 0

    def __call__(self, batch: ImageBatch) -> None:
        """Look at some images of the next batch of the plan."""
        rows = range(self._passed, self._passed + len(batch.pixels))
        self._passed = rows.stop
        is_photo: dict[int, bool | None] = {}
        for sample in list(self._samples):
            for row in sorted(sample.rows.intersection(rows)):
                if batch.facts["status"][row - rows.start].as_py() == Status.OK:
                    if row not in is_photo:
                        is_photo[row] = self._framing.is_photo(self._locations[row].as_py())
                    sample.photos.append(is_photo[row] is True)
            if rows.stop > max(sample.rows, default=-1):
                self._samples.remove(sample)
                if _warned(sample.photos):
                    self._samples.clear()
                    return


class _Sample:
    """Some rows of the first ``span`` rows of a plan, and which of the images looked at are photos."""

    def __init__(self, span: int) -> None:
        self.rows = {int(row) for row in np.linspace(0, max(0, span - 1), _EACH)}
        self.photos: list[bool] = []


def _warned(photos: Sequence[bool]) -> bool:
    """Whether most of the images looked at are photos, about which there is a warning then."""
    if 2 * sum(photos) <= len(photos):
        return False
    which = f"{sum(photos)} of {len(photos)} images looked at are photos" if len(photos) > 1 else "this is a photo"
    _LOG.warning(
        f"{which}, not crops of faces: no face fills them. The model answers whatever it is shown; give `faces` to "
        "have the faces found and each one scored"
    )
    return True


class Framing:
    """Tells photos from crops; the network is only loaded for an image that is large enough to be a photo."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits

    def is_photo(self, location: str) -> bool | None:
        """Whether an image is a photo; None where it cannot be decoded.

        A photo is at least 160 pixels high and wide, and its largest face has less than a quarter of its area.
        """
        image = load(location, self._limits, lambda data: decode_whole(data, False, self._limits, _divisor))
        if image.pixels is None or image.width is None or image.height is None:
            return None
        if min(image.width, image.height) < _SMALL:
            return False
        height, width = image.pixels.shape[:2]
        longer = max(height, width)
        faces = centerface().find(image.pixels, min(1.0, _LOOKED_AT / longer), _MIN_SCORE, longer / 5)
        return bool(faces[:, 2:4].prod(axis=1).max(initial=0.0) < _FILLED * height * width)


def warn_of_photos(locations: Sequence[str], limits: Limits) -> None:
    """Warn where most of some images, of which at most 8 are looked at, are photos; the unreadable do not count."""
    framing = Framing(limits)
    _warned([is_photo for is_photo in map(framing.is_photo, locations[:_EACH]) if is_photo is not None])


def are_crops(locations: Sequence[str], limits: Limits) -> bool:
    """Whether at least half of these images are crops of faces; those that cannot be decoded do not count."""
    framing = Framing(limits)
    photos = [is_photo for is_photo in map(framing.is_photo, locations) if is_photo is not None]
    return 2 * sum(photos) <= len(photos)


def _divisor(size: tuple[int, int], upright: bool) -> int:
    """By what a JPEG is divided as it is decoded, so that enough of it is left to look at."""
    del upright
    return next(divisor for divisor in (8, 4, 2, 1) if divisor == 1 or min(size) // divisor >= _LOOKED_AT)
