"""Bytes to uint8 pixels, or a status: the only decoder, for training, evaluation and prediction alike.

What an image is, ``formats`` decides from its bytes, once; the libraries are given samples to decode and nothing to
decide, and ``rendering`` makes pixels of them. A JPEG much larger than the model's input is decoded at a half, a
quarter or an eighth. It never raises for bad data.
"""

from __future__ import annotations

import struct
import time
from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from batch_emotion.images.facts import LARGEST_SIDE, ImageFacts, ImageRefused
from batch_emotion.images.formats import jpeg
from batch_emotion.images.formats.known import JPEG, foreign_name, format_of
from batch_emotion.images.formats.libraries import Samples
from batch_emotion.images.memory import MOST_BYTES_OF_A_PIXEL, UNCOUNTED_PIXELS, decoding_bytes, reserve
from batch_emotion.images.rendering import render
from batch_emotion.options.images import Limits
from batch_emotion.records import DecodedImage, InputSpec, Status
from batch_emotion.storage.reading import FileBytes, read_file

DECODER = f"opencv {cv2.__version__}"
"""What decoded the pixels, as the fingerprint has it: runs and results of earlier versions have no more.

``run.json`` has the versions of Pillow and pillow-heif too.
"""

Divisor = Callable[[tuple[int, int], bool], int]
"""Of an image's upright (width, height), and whether it is stored upright: 1, 2, 4 or 8."""

_DIVISORS = (8, 4, 2, 1)
_INTERPOLATIONS = {"bilinear": cv2.INTER_LINEAR, "nearest": cv2.INTER_NEAREST}
_LONGEST_REASON = 300


def load_image(
    location: str, spec: InputSpec, limits: Limits, full: bool = False, file: FileBytes | None = None
) -> DecodedImage:
    """Read and decode one file, unless it is read already; whatever is wrong with it is in the status."""
    return load(location, limits, lambda data: decode(data, spec, limits, full), file)


def load(
    location: str, limits: Limits, decoded: Callable[[bytes], DecodedImage], file: FileBytes | None = None
) -> DecodedImage:
    """Read one file, unless it is read already, and decode what it holds by ``decoded``.

    Whatever is wrong with it is in the status.
    """
    started = time.perf_counter()
    if file is None:
        file = read_file(location, limits.max_bytes)
    read_s = time.perf_counter() - started
    if file.status is not Status.OK:
        return DecodedImage(None, file.status, None, None, file.error, file.size, file.mtime_ns, read_s)
    return decoded(file.data)._replace(size=file.size, mtime_ns=file.mtime_ns, read_s=read_s)


def decode(data: bytes, spec: InputSpec, limits: Limits, full: bool = False) -> DecodedImage:
    """Decode an encoded image to uint8 ``spec.shape``, upright, transparency laid over white.

    Args:
        data: the content of an image file of any supported format.
        spec: the size, colour mode and interpolation wanted.
        limits: ``max_pixels`` is checked against the header before anything is decoded.
        full: decode every pixel of a JPEG however large it is; else to a size of at least twice ``spec.image_size``.
    """

    def divisor(size: tuple[int, int], upright: bool) -> int:
        return reduction(size, spec, upright)

    seen = _see(data, spec.color_mode == "grayscale", limits, _whole if full else divisor)
    if isinstance(seen, DecodedImage):
        return seen
    pixels, (width, height), divided_by = seen
    if divided_by > 1:
        pixels = _resize_reduced(pixels, spec, (width / divided_by, height / divided_by))
    return DecodedImage(resize(pixels, spec), Status.OK, width, height)


def decode_whole(data: bytes, gray: bool, limits: Limits, divisor: Divisor) -> DecodedImage:
    """Decode an encoded image to uint8 (h, w) or (h, w, 3) pixels of its own size, upright, opaque.

    Args:
        data: the content of an image file of any supported format.
        gray: grey pixels (h, w) instead of RGB.
        limits: ``max_pixels`` is checked against the header before anything is decoded.
        divisor: asked of JPEGs alone, by what each side is divided as it is decoded.
    """
    seen = _see(data, gray, limits, divisor)
    return seen if isinstance(seen, DecodedImage) else DecodedImage(seen[0], Status.OK, *seen[1])


def _whole(_size: tuple[int, int], _upright: bool) -> int:
    return 1


def _see(
    data: bytes, gray: bool, limits: Limits, divisor: Divisor
) -> tuple[NDArray[np.uint8], tuple[int, int], int] | DecodedImage:
    """Pixels, the (width, height) of the upright original, and what each side was divided by; or why there are none."""
    if not data:
        return DecodedImage(None, Status.EMPTY, error="the file has no content")
    known = format_of(data)
    if known is None:
        return DecodedImage(None, Status.UNSUPPORTED, error=foreign_name(data))
    try:
        facts = known.read_facts(data)
    except Exception as error:  # a header that is cut or makes no sense is found in many ways
        return _refused(error, "the header cannot be read")
    width, height = size = facts.size
    if width < 1 or height < 1:
        return DecodedImage(None, Status.CORRUPT, error=f"the header says {width}x{height} pixels")
    if width * height > limits.max_pixels or width > LARGEST_SIDE or height > LARGEST_SIDE:
        reason = f"{width}x{height} pixels, more than the limit of {limits.max_pixels}"
        if max(size) > LARGEST_SIDE:
            return DecodedImage(None, Status.TOO_LARGE, error=reason)
        return DecodedImage(None, Status.TOO_LARGE, width, height, reason)
    try:
        if known is JPEG:
            divided_by = divisor(size, facts.orientation == 1)
            if width * height > UNCOUNTED_PIXELS:
                _make_room(data, facts, limits, divided_by)
            samples = jpeg.read_samples(data, facts, gray, divided_by)
        else:
            divided_by = 1
            if width * height > UNCOUNTED_PIXELS:
                _make_room(data, facts, limits, divided_by)
            samples = known.read_samples(data, facts)
        _check_size(samples, facts, divided_by)
        return render(samples, facts, gray), size, divided_by
    except Exception as error:  # the libraries raise whatever they run into
        return _refused(error, "the image data is damaged", width, height)


def _make_room(data: bytes, facts: ImageFacts, limits: Limits, divided_by: int) -> None:
    """Wait until the memory is there that decoding takes.

    Raises:
        ImageRefused: it is more than the limit of pixels allows.
    """
    size = decoding_bytes(facts, divided_by)
    if size > MOST_BYTES_OF_A_PIXEL * limits.max_pixels:
        width, height = facts.size
        reason = f"{width}x{height} pixels of {facts.bits} bits a sample, more memory than the limit of pixels allows"
        raise ImageRefused(Status.TOO_LARGE, reason)
    reserve(len(data) + size)


def _check_size(samples: Samples, facts: ImageFacts, divided_by: int) -> None:
    """Hold what a library decoded to what was decided.

    Raises:
        ValueError: it is of another size.
    """
    width, height = facts.first_size
    if samples.shape[:2] != (-(-height // divided_by), -(-width // divided_by)):
        raise ValueError(f"it has {samples.shape[1]}x{samples.shape[0]} pixels, its header says {width}x{height}")


def _refused(error: Exception, reason: str, width: int | None = None, height: int | None = None) -> DecodedImage:
    """The image that an error stopped."""
    if isinstance(error, ImageRefused):
        return DecodedImage(None, error.status, width, height, str(error)[:_LONGEST_REASON])
    if isinstance(error, (MemoryError, Image.DecompressionBombError)):
        return DecodedImage(None, Status.TOO_LARGE, width, height, f"{error or 'more memory than there is'}")
    is_cut = isinstance(error, (IndexError, OverflowError, struct.error))
    message = f"{reason}: {'it is cut short or points outside itself' if is_cut else error or type(error).__name__}"
    return DecodedImage(None, Status.CORRUPT, width, height, message[:_LONGEST_REASON])


def reduction(size: tuple[int, int], spec: InputSpec, upright: bool = True) -> int:
    """The largest of 8, 4, 2 and 1 by which an image's short side can be divided and stay twice the model's input.

    It is 1 where the model was not made for area averaging, which alone gives the same whatever comes before it; and
    what is not upright is divided without remainder or not at all, for the padded edge would be on the wrong side.
    """
    enough = 2 * max(spec.image_size)
    if spec.interpolation != "area" or min(size) < 2 * enough:
        return 1
    width, height = size
    return next(
        divisor
        for divisor in _DIVISORS
        if min(size) // divisor >= enough and (upright or not (width % divisor or height % divisor))
    )


def _resize_reduced(pixels: NDArray[np.uint8], spec: InputSpec, size: tuple[float, float]) -> NDArray[np.uint8]:
    """Average what has (width, height) of content and, from decoding at a fraction, up to a pixel of padding beyond.

    The padding is less than half a pixel of the result, so that these factors round to ``spec.image_size``.
    """
    height, width = spec.image_size
    averaged: NDArray[np.uint8] = cv2.resize(
        pixels, None, fx=width / size[0], fy=height / size[1], interpolation=cv2.INTER_AREA
    )
    return averaged


def resize(pixels: NDArray[np.uint8], spec: InputSpec) -> NDArray[np.uint8]:
    """Stretch uint8 (h, w) or (h, w, C) pixels to ``spec.shape``, with the card's interpolation."""
    height, width = spec.image_size
    if pixels.shape[:2] != (height, width):
        interpolation = _INTERPOLATIONS.get(spec.interpolation)
        if interpolation is None:
            shrinks = pixels.shape[0] >= height and pixels.shape[1] >= width
            interpolation = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
        pixels = cv2.resize(pixels, (width, height), interpolation=interpolation)
    return pixels.reshape(spec.shape)
