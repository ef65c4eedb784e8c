"""How an image is to be turned: what EXIF and XMP say of it, and the turning."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable

import cv2
import numpy as np
from numpy.typing import NDArray

EXIF_PREFIX = b"Exif\0\0"
XMP_PREFIX = b"http://ns.adobe.com/xap/1.0/\0"
ORIENTATION_TAG = 0x0112

_INTEGERS = {1: "B", 3: "H", 4: "I"}
_XMP = re.compile(rb"""tiff:Orientation\s*(?:=\s*["']|>)\s*([1-8])\s*["'<]""")
_ROTATIONS = {3: cv2.ROTATE_180, 6: cv2.ROTATE_90_CLOCKWISE, 8: cv2.ROTATE_90_COUNTERCLOCKWISE}
_FLIPS = {2: 1, 4: 0, 7: -1}


def orientation_of(exif: Iterable[bytes], xmp: Iterable[bytes]) -> int:
    """The orientation, 1 to 8, of the first metadata that says one, EXIF before XMP; 1 where none does."""
    stated = next(filter(None, map(exif_orientation, exif)), None)
    return stated or next(filter(None, map(_xmp_orientation, xmp)), 1)


def exif_orientation(exif: bytes) -> int | None:
    """Orientation in EXIF data, whether or not its prefix was left on, even twice; None where it says none."""
    while exif.startswith(EXIF_PREFIX):
        exif = exif[len(EXIF_PREFIX) :]
    order = {b"II": "<", b"MM": ">"}.get(exif[:2])
    if order is None:
        return None
    try:
        (first,) = struct.unpack_from(order + "I", exif, 4)
        (entries,) = struct.unpack_from(order + "H", exif, first)
        for at in range(first + 2, first + 2 + 12 * entries, 12):
            tag, kind = struct.unpack_from(order + "HH", exif, at)
            if tag == ORIENTATION_TAG and kind in _INTEGERS:
                (value,) = struct.unpack_from(order + _INTEGERS[kind], exif, at + 8)
                return value if 1 <= value <= 8 else None
    except struct.error:
        pass
    return None


def _xmp_orientation(xmp: bytes) -> int | None:
    found = _XMP.search(xmp) or _XMP.search(xmp.replace(b"\0", b""))  # XMP may be UTF-16
    return int(found[1]) if found else None


def turn(pixels: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """Stored pixels (h, w) or (h, w, C) made upright; they are not copied where they are that already."""
    if orientation in (5, 7):
        pixels = cv2.transpose(pixels)
    if orientation in _ROTATIONS:
        pixels = cv2.rotate(pixels, _ROTATIONS[orientation])
    elif orientation in _FLIPS:
        pixels = cv2.flip(pixels, _FLIPS[orientation])
    return pixels
