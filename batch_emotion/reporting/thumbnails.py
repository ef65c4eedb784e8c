"""The images behind samples: small, upright, cropped to the face where there is one, and as the model sees them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from batch_emotion.cores import available_cores
from batch_emotion.images.decode import load_image, resize
from batch_emotion.options.images import Limits
from batch_emotion.records import InputSpec
from batch_emotion.reporting.samples import Sample
from batch_emotion.storage.escaping import unescape_name
from batch_emotion.storage.locations import locate
from batch_emotion.storage.places import Place

THUMBNAIL = 96
_LONGEST = 2048


@dataclass(frozen=True)
class SampleImages:
    """Where the images of a result are, and which are refused."""

    root: Place
    limits: Limits

    def thumbnails(self, samples: Iterable[Sample]) -> dict[int, NDArray[np.uint8]]:
        """By row number, uint8 (H, W, 3) of at most 96 pixels a side; images that are gone have none."""
        distinct = {sample.row: sample for sample in samples}
        with ThreadPoolExecutor(available_cores()) as pool:
            pictures = pool.map(self._thumbnail, distinct.values())
            return {row: pixels for row, pixels in zip(distinct, pictures, strict=True) if pixels is not None}

    def inputs(self, samples: Sequence[Sample], spec: InputSpec) -> list[NDArray[np.uint8] | None]:
        """Each image as the model sees it, uint8 ``spec.shape``; None where it is gone."""
        return [self._shown(sample, spec) for sample in samples]

    def _thumbnail(self, sample: Sample) -> NDArray[np.uint8] | None:
        width, height = sample.box[2:] if sample.box else sample.size or (1, 1)
        scale = THUMBNAIL / max(width, height, 1)
        spec = InputSpec((max(1, round(height * scale)), max(1, round(width * scale))))
        return self._shown(sample, spec)

    def _shown(self, sample: Sample, spec: InputSpec) -> NDArray[np.uint8] | None:
        location = locate(self.root, unescape_name(sample.path))
        if not sample.box or not sample.size:
            return load_image(location, spec, self.limits).pixels
        width, height = sample.size
        scale = min(1.0, _LONGEST / max(width, height))
        whole = InputSpec((round(height * scale), round(width * scale)), spec.color_mode)
        pixels = load_image(location, whole, self.limits).pixels
        return None if pixels is None else resize(_crop(pixels, sample.box, scale), spec)


def _crop(pixels: NDArray[np.uint8], box: tuple[int, int, int, int], scale: float) -> NDArray[np.uint8]:
    x, y, width, height = (round(value * scale) for value in box)
    left, top = min(max(x, 0), pixels.shape[1] - 1), min(max(y, 0), pixels.shape[0] - 1)
    return pixels[top : max(top + 1, y + height), left : max(left + 1, x + width)]
