"""Squares cut out of an image, upright or turned, that may reach over its edges."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray


def square(
    pixels: NDArray[np.uint8], left: int, top: int, side: int, border: int = cv2.BORDER_REPLICATE
) -> NDArray[np.uint8]:
    """The square at ``left`` and ``top``, uint8 (side, side) or (side, side, C); some of it must lie in the image.

    Args:
        pixels: uint8 (h, w) or (h, w, C).
        left: its first column, perhaps negative.
        top: its first row, perhaps negative.
        side: its width, in pixels.
        border: OpenCV's name for what lies outside the image: its edge repeated, or ``cv2.BORDER_CONSTANT``, black.
    """
    height, width = pixels.shape[:2]
    beyond = (max(0, -top), max(0, top + side - height), max(0, -left), max(0, left + side - width))
    inside = pixels[max(0, top) : top + side, max(0, left) : left + side]
    return cv2.copyMakeBorder(inside, *beyond, border) if any(beyond) else inside


def turned_square(
    pixels: NDArray[np.uint8], centre: tuple[float, float], side: int, degrees: float
) -> NDArray[np.uint8]:
    """The square around ``centre`` that is turned clockwise by ``degrees``, shown upright; as ``square`` otherwise."""
    across = math.ceil(side * 1.5) + 2  # its diagonal, and a pixel on each side to interpolate between
    left, top = math.floor(centre[0] - across / 2), math.floor(centre[1] - across / 2)
    around = square(pixels, left, top, across)
    middle = centre[0] - left - 0.5, centre[1] - top - 0.5  # pixels count from the middle of the first to warpAffine
    view = cv2.getRotationMatrix2D(middle, degrees, 1.0)
    view[:, 2] += (side - 1) / 2 - np.array(middle)
    upright: NDArray[np.uint8] = cv2.warpAffine(around, view, (side, side), borderMode=cv2.BORDER_REPLICATE)
    return upright
