"""Samples as they are stored to the pixels that a viewer shows: 8 bits, opaque on white, grey or RGB, upright."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from batch_emotion.images.facts import ImageFacts
from batch_emotion.images.orientation import turn

_STRIP = 2**15
_WHITES = {"f": (1, 255, 65535, 2**32 - 1), "i": (255, 65535, 2**31 - 1), "u": (255, 65535, 2**32 - 1)}
"""What white may be where a file does not say, by the kind of its numbers."""
_BEYOND_WHITE = 0.005
"""The part of floating-point samples that may be brighter than white, as highlights and resampling make them."""


def render(samples: NDArray[Any], facts: ImageFacts, gray: bool) -> NDArray[np.uint8]:
    """The pixels of an image, uint8 (h, w) or RGB (h, w, 3).

    Grey is OpenCV's, 0.299 R + 0.587 G + 0.114 B, rounded once, whatever the format: of a grey image stored as RGB it
    is the same to the bit.

    Args:
        samples: grey (h, w), grey and alpha (h, w, 2), RGB (h, w, 3) or RGBA (h, w, 4), of any number type; of an
            animation, its first frame.
        facts: what the image is.
        gray: whether grey is wanted.
    """
    if facts.plain and facts.orientation == 1:
        return _in_mode(samples, gray)
    if samples.dtype != np.uint8 or (facts.maximum or 255) < 255:
        samples = _eight_bits(samples, facts.maximum)
    if samples.ndim == 3 and samples.shape[2] in (2, 4):
        samples = _on_white(samples)
    pixels = _in_mode(samples, gray)
    return turn(_on_screen(pixels, facts), facts.orientation)


def _eight_bits(samples: NDArray[Any], maximum: int | None) -> NDArray[np.uint8]:
    """Scale to 0 to 255, rounded; what is negative or no number is black, what is beyond white is white."""
    samples = np.ascontiguousarray(samples, samples.dtype.newbyteorder("="))
    if samples.dtype.kind == "u" and samples.dtype.itemsize <= 2 and maximum is not None:
        scaled: NDArray[np.uint8] = _scale(maximum, samples.dtype.itemsize)[samples]
        return scaled
    white = maximum or _white(samples)
    scaled = np.empty(samples.shape, np.uint8)
    with np.errstate(all="ignore"):  # of floating point, any number and none may come
        for strip, out in _strips(samples, scaled):
            values = np.nan_to_num(strip.astype(np.float64), nan=0.0, posinf=white, neginf=0.0)
            out[:] = np.floor(np.clip(values * (255 / white), 0, 255) + 0.5)
    return scaled


@lru_cache(16)
def _scale(maximum: int, itemsize: int) -> NDArray[np.uint8]:
    """What each sample of 8 or 16 bits becomes."""
    maximum = min(maximum, 2 ** (8 * itemsize) - 1)
    values = np.minimum(np.arange(2 ** (8 * itemsize), dtype=np.int64), maximum)
    return ((2 * 255 * values + maximum) // (2 * maximum)).astype(np.uint8)


def _white(samples: NDArray[Any]) -> int:
    """The first candidate that no sample exceeds, of floating point hardly any."""
    kind = samples.dtype.kind
    most = int(_BEYOND_WHITE * samples.size) if kind == "f" else 0
    with np.errstate(invalid="ignore"):
        return next((white for white in _WHITES[kind] if np.count_nonzero(samples > white) <= most), _WHITES[kind][-1])


def _on_white(samples: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Lay colour, or grey, with an alpha channel over white."""
    colors = samples.shape[2] - 1
    flat = np.empty((*samples.shape[:2], colors), np.uint8)
    for strip, out in _strips(samples, flat):
        alpha = strip[..., -1:].astype(np.uint16)
        over = strip[..., :-1] * alpha + (255 * (255 - alpha) + 128)  # at most 65,153: it fits
        out[:] = (over + (over >> 8)) >> 8  # which is a division by 255, rounded
    return flat[..., 0] if colors == 1 else flat


def _strips(source: NDArray[Any], target: NDArray[Any]) -> list[tuple[NDArray[Any], NDArray[Any]]]:
    """Both cut into bands of rows, so that what is computed between them stays small."""
    rows = max(1, _STRIP // max(1, source.shape[1]))
    return [(source[at : at + rows], target[at : at + rows]) for at in range(0, len(source), rows)]


def _in_mode(samples: NDArray[np.uint8], gray: bool) -> NDArray[np.uint8]:
    if gray:
        return samples if samples.ndim == 2 else cv2.cvtColor(samples, cv2.COLOR_RGB2GRAY)
    return samples if samples.ndim == 3 else cv2.cvtColor(samples, cv2.COLOR_GRAY2RGB)


def _on_screen(pixels: NDArray[np.uint8], facts: ImageFacts) -> NDArray[np.uint8]:
    """Put an animation's first frame where it belongs on a white screen."""
    box = facts.frame
    if box is None:
        return pixels
    width, height = facts.stored_size
    screen = np.full((height, width, *pixels.shape[2:]), 255, np.uint8)
    screen[box.y : box.y + box.height, box.x : box.x + box.width] = pixels[: height - box.y, : width - box.x]
    return screen
