"""An image to the faces in it: where they are, and the crops that the model is shown."""

from __future__ import annotations

import math
import time

import cv2
import numpy as np
from numpy.typing import NDArray

from batch_emotion.images.centerface import rolls
from batch_emotion.images.crops import square, turned_square
from batch_emotion.images.decode import decode_whole, load, reduction, resize
from batch_emotion.images.detectors import Detector, Found, open_detector
from batch_emotion.options.images import FaceOptions, Limits
from batch_emotion.records import DecodedImage, Face, InputSpec, Status
from batch_emotion.storage.reading import FileBytes


class FaceLoader:
    """A location to one decoded image for each face in it, the largest first; to one without pixels where none is.

    An image is decoded once; a JPEG at a half, a quarter or an eighth where even the smallest face wanted stays twice
    the model's input. Faces are looked for in that, made smaller, and crops are cut from it.
    """

    def __init__(self, spec: InputSpec, limits: Limits, options: FaceOptions, full: bool = False) -> None:
        self._spec, self._limits, self._options = spec, limits, options
        self._detector = open_detector(options)
        least = self._detector.min_size if options.min_size is None else options.min_size
        self._divisor = 1 if full else reduction((least, least), spec)
        self._margin = self._detector.margin if options.margin is None else options.margin

    def __call__(self, location: str, file: FileBytes | None = None, /) -> list[DecodedImage]:
        """Read one file, unless that is done, decode it and find the faces; what is wrong with it is in the status."""
        gray = self._spec.color_mode == "grayscale"
        image = load(
            location,
            self._limits,
            lambda data: decode_whole(
                data, gray and not self._detector.color, self._limits, lambda size, upright: self._divisor
            ),
            file,
        )
        if image.pixels is None or image.width is None or image.height is None:
            return [image]
        started = time.perf_counter()
        faces = find_faces(image.pixels, (image.width, image.height), self._detector, self._options)
        detect_s = time.perf_counter() - started
        if not faces:
            return [image._replace(pixels=None, status=Status.NO_FACE, detect_s=detect_s)]
        shrunk = image.pixels.shape[1] / image.width
        return [
            image._replace(
                pixels=face_input(image.pixels, face, self._spec, self._margin, shrunk),
                face=face,
                read_s=0.0 if face.number else image.read_s,
                detect_s=0.0 if face.number else detect_s,
            )
            for face in faces
        ]


def find_faces(
    pixels: NDArray[np.uint8], size: tuple[int, int], detector: Detector, options: FaceOptions
) -> list[Face]:
    """The faces in an image, the largest first.

    They are looked for in an image so small that the smallest face wanted is as large as the detector needs it.

    Args:
        pixels: uint8 (h, w) or RGB (h, w, 3), of the original or of one made smaller.
        size: (width, height) of the original.
        detector: what finds them.
        options: which to take.
    """
    width, height = size
    across, down = width / pixels.shape[1], height / pixels.shape[0]
    least = detector.min_size if options.min_size is None else options.min_size
    found = detector.find(pixels, least / max(across, down))
    boxes = []
    for (x, y, w, h, score, *_), roll in zip(found.tolist(), _rolls(found, across, down), strict=True):
        left, top = max(0, round(x * across)), max(0, round(y * down))
        right, bottom = min(width, round((x + w) * across)), min(height, round((y + h) * down))
        if max(w * across, h * down) > least - 1 and right > left and bottom > top:
            boxes.append((left, top, right - left, bottom - top, score, roll))
    boxes.sort(key=lambda box: (-box[2] * box[3], box[1], box[0]))
    return [Face(number, *box) for number, box in enumerate(boxes[: options.max_faces])]


def face_input(
    pixels: NDArray[np.uint8], face: Face, spec: InputSpec, margin: float, shrunk: float = 1.0
) -> NDArray[np.uint8]:
    """A face as a model is shown it, uint8 (h, w, C) of the spec; the arguments are those of ``crop_face``."""
    crop = crop_face(pixels, face, margin, shrunk)
    if spec.color_mode == "grayscale" and crop.ndim == 3:
        crop = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY)
    return resize(crop, spec)


def crop_face(pixels: NDArray[np.uint8], face: Face, margin: float, shrunk: float = 1.0) -> NDArray[np.uint8]:
    """The square around a face, turned with it, what lies outside the image being repeated from its edge.

    Args:
        pixels: uint8 (h, w) or (h, w, C).
        face: where it is in the original.
        margin: by how much its longer side is widened on each side, as a part of it.
        shrunk: the width of ``pixels`` over that of the original.
    """
    side = max(1, round(max(face.width, face.height) * (1 + 2 * margin) * shrunk))
    centre = (face.x + face.width / 2) * shrunk, (face.y + face.height / 2) * shrunk
    if face.roll:
        return turned_square(pixels, centre, side, face.roll)
    return square(pixels, round(centre[0] - side / 2), round(centre[1] - side / 2), side)


def _rolls(found: Found, across: float, down: float) -> list[float | None]:
    """By how many degrees each face is turned in the original; None where the detector does not tell its parts."""
    stretched = found * np.array([1, 1, 1, 1, 1, *(across, down) * 5], np.float32)
    return [None if math.isnan(each) else each for each in rolls(stretched).tolist()]
