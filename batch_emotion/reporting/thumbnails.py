"""The images behind samples: small, upright, cropped to the face where there is one, and as the model sees them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray

from batch_emotion.cores import available_cores
from batch_emotion.images.decode import load_image, resize
from batch_emotion.images.faces import crop_face, face_input
from batch_emotion.options.images import Limits
from batch_emotion.records import Face, InputSpec
from batch_emotion.reporting.samples import Sample
from batch_emotion.sources.archives.finding import Finder, split_path
from batch_emotion.storage.escaping import unescape_name
from batch_emotion.storage.locations import locate
from batch_emotion.storage.places import Place, is_uri

THUMBNAIL = 96
_LONGEST = 2048


@dataclass(frozen=True)
class SampleImages:
    """Where the images of a result are, which are refused, and by how much the boxes of faces were widened.

    ``located`` has the locations of rows, by number, where they are known; else ``finder`` finds them by path from
    ``root``.
    """

    root: Place
    limits: Limits
    face_margin: float = 0.0
    located: Mapping[int, str] = field(default_factory=dict)
    finder: Finder = field(default_factory=Finder)

    def thumbnails(self, samples: Iterable[Sample]) -> dict[int, NDArray[np.uint8]]:
        """By row number, uint8 (H, W, 3) of at most 96 pixels a side; images that are gone have none."""
        distinct = {sample.row: sample for sample in sorted(samples, key=lambda sample: sample.row)}
        with ThreadPoolExecutor(available_cores()) as pool:
            pictures = pool.map(self._thumbnail, distinct.values())
            return {row: pixels for row, pixels in zip(distinct, pictures, strict=True) if pixels is not None}

    def linked_from(self, folder: Path) -> Callable[[str], str | None]:
        """What gives a result's path as a link on a page in ``folder``; None on a store or in an archive."""

        def link(path: str) -> str | None:
            if split_path(path) is not None:
                return None
            location = locate(self.root, unescape_name(path))
            if not location or is_uri(location):
                return None
            return quote(os.path.relpath(os.fsencode(unescape_name(location)), os.fsencode(folder.absolute())))

        return link

    def inputs(self, samples: Sequence[Sample], spec: InputSpec) -> list[NDArray[np.uint8] | None]:
        """Each image as the model sees it, uint8 ``spec.shape``; None where it is gone."""
        return [self._input(sample, spec) for sample in samples]

    def photo(self, sample: Sample, longest: int) -> NDArray[np.uint8] | None:
        """The whole image of a sample, uint8 (H, W, 3), its longer side at most ``longest``; None where it is gone."""
        width, height = sample.size or (1, 1)
        scale = min(1.0, longest / max(width, height))
        return self._whole(sample, InputSpec((max(1, round(height * scale)), max(1, round(width * scale)))))

    def face(self, sample: Sample) -> NDArray[np.uint8] | None:
        """The square around the face of a sample, upright, as the model sees it but in full, uint8 (H, W, 3)."""
        assert sample.box is not None
        pixels = self.photo(sample, _LONGEST)
        if pixels is None or not sample.size:
            return None
        face = Face(0, *sample.box, 0.0, sample.roll)
        return crop_face(pixels, face, self.face_margin, pixels.shape[1] / sample.size[0])

    def _thumbnail(self, sample: Sample) -> NDArray[np.uint8] | None:
        return self.picture(sample, THUMBNAIL)

    def picture(self, sample: Sample, side: int) -> NDArray[np.uint8] | None:
        """The image or face of a sample, uint8 (H, W, 3), its longer side ``side`` pixels; None where it is gone."""
        width, height = sample.box[2:] if sample.box else sample.size or (1, 1)
        scale = side / max(width, height, 1)
        spec = InputSpec((max(1, round(height * scale)), max(1, round(width * scale))))
        if not sample.box or not sample.size:
            return self._whole(sample, spec)
        pixels = self.photo(sample, _LONGEST)
        return None if pixels is None else resize(_crop(pixels, sample.box, pixels.shape[1] / sample.size[0]), spec)

    def _input(self, sample: Sample, spec: InputSpec) -> NDArray[np.uint8] | None:
        if not sample.box or not sample.size:
            return self._whole(sample, spec)
        pixels = self.photo(sample, _LONGEST)
        if pixels is None:
            return None
        face = Face(0, *sample.box, 0.0, sample.roll)
        return face_input(pixels, face, spec, self.face_margin, pixels.shape[1] / sample.size[0])

    def _whole(self, sample: Sample, spec: InputSpec) -> NDArray[np.uint8] | None:
        location = self.located.get(sample.row) or self.finder.location(self.root, sample.path)
        return load_image(location, spec, self.limits).pixels


def _crop(pixels: NDArray[np.uint8], box: tuple[int, int, int, int], scale: float) -> NDArray[np.uint8]:
    x, y, width, height = (round(value * scale) for value in box)
    left, top = min(max(x, 0), pixels.shape[1] - 1), min(max(y, 0), pixels.shape[0] - 1)
    return pixels[top : max(top + 1, y + height), left : max(left + 1, x + width)]
