"""JPEG: its segments up to the first scan say all of it."""

from __future__ import annotations

import struct
from functools import lru_cache

import cv2
from PIL import JpegImagePlugin

from batch_emotion.images.facts import ImageFacts, unsupported
from batch_emotion.images.formats.libraries import Samples, opencv, pillow
from batch_emotion.images.orientation import EXIF_PREFIX, XMP_PREFIX, orientation_of

SIGNATURE = b"\xff\xd8\xff"
_METADATA, _ADOBE, _ENDS = 0xE1, 0xEE, frozenset((0xDA, 0xD9))
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_COMMON_FRAMES, _DECODED_FRAMES = frozenset((0xC0, 0xC1, 0xC2)), frozenset((0xC0, 0xC1, 0xC2, 0xC3, 0xC9, 0xCA))
_ALONE = frozenset((0x00, 0x01, *range(0xD0, 0xD9), 0xFF))
_PASSED_OVER = frozenset(range(256)) - _FRAMES - _ALONE - _ENDS - {_METADATA, _ADOBE}
_SEQUENTIAL_FRAMES = frozenset((0xC0, 0xC1, 0xC3, 0xC9))
_SCAN, _MOST_SCANS = b"\xff\xda", 500
"""A picture in colour needs about ten, and could have some two hundred that are of use."""

_SEGMENT = struct.Struct(">BHHB")
_REDUCED = {
    1: 0,
    2: cv2.IMREAD_REDUCED_GRAYSCALE_2,
    4: cv2.IMREAD_REDUCED_GRAYSCALE_4,
    8: cv2.IMREAD_REDUCED_GRAYSCALE_8,
}


def read_facts(data: bytes) -> ImageFacts:
    """What a JPEG is; plain where it is grey or YCbCr, whose brightness is the grey that we would make."""
    at, frame, orientation, transform = 2, 0, 1, None
    exif: list[bytes] = []
    xmp: list[bytes] = []
    while True:
        if data[at] != 0xFF:
            at = data.index(b"\xff", at)  # decoders pass over what lies between segments too
        marker = data[at + 1]
        if marker not in _PASSED_OVER:
            if marker in _FRAMES:
                frame = frame or at
            elif marker in _ENDS:
                break
            elif marker in _ALONE:
                at += 1 if marker == 0xFF else 2
                continue
            elif marker == _ADOBE:
                transform = data[at + 15] if data.startswith(b"Adobe", at + 4) else transform
            elif data.startswith(EXIF_PREFIX, at + 4):
                exif.append(_content(data, at))
            elif data.startswith(XMP_PREFIX, at + 4):
                xmp.append(_content(data, at))
        at += 2 + (data[at + 2] << 8 | data[at + 3])
    if not frame:
        raise ValueError("no frame before the first scan")
    if exif or xmp:
        orientation = orientation_of(exif, xmp)
    precision, height, width, components = _SEGMENT.unpack_from(data, frame + 4)
    is_rgb = (
        components == 3
        and b"JFIF\0" not in data[:frame]
        and (transform == 0 or (transform is None and data[frame + 10 : frame + 19 : 3] == b"RGB"))
    )
    is_buffered = data[frame + 1] not in _SEQUENTIAL_FRAMES or data[at + 4 : at + 5] < data[frame + 9 : frame + 10]
    if is_buffered and (scans := data.count(_SCAN)) > _MOST_SCANS:
        raise unsupported(f"a JPEG of {scans} scans, each of which goes over all of it; save it anew")
    return _facts(width, height, orientation, data[frame + 1], precision, components, is_rgb, is_buffered)


@lru_cache(1024)
def _facts(
    width: int,
    height: int,
    orientation: int,
    frame: int,
    precision: int,
    components: int,
    is_rgb: bool,
    is_buffered: bool,
) -> ImageFacts:
    """One object for all images that are alike, as the faces of a data set are."""
    if not height and width:
        raise unsupported("a JPEG that says its height only after its pixels; save it anew with another program")
    if precision != 8 or components not in (1, 3, 4) or frame not in _DECODED_FRAMES:
        raise unsupported(f"a JPEG of a kind that is not decoded ({components} components of {precision} bits)")
    plain = frame in _COMMON_FRAMES and components < 4 and not is_rgb
    return ImageFacts("JPEG", (width, height), orientation, gray=components == 1, is_buffered=is_buffered, plain=plain)


def _content(data: bytes, at: int) -> bytes:
    return data[at + 4 : at + 2 + (data[at + 2] << 8 | data[at + 3])]


def read_samples(data: bytes, facts: ImageFacts, gray: bool = False, divisor: int = 1) -> Samples:
    """Decode to 8 bits, of each side a ``divisor``-th, rounded up; grey only where that is wanted and right."""
    samples = opencv(data, gray and facts.plain, _REDUCED[divisor])
    if samples is not None:
        return samples
    return _shrunk(pillow(JpegImagePlugin.JpegImageFile, data, facts), divisor)


def _shrunk(samples: Samples, divisor: int) -> Samples:
    height, width = (-(-side // divisor) for side in samples.shape[:2])
    return samples if divisor == 1 else cv2.resize(samples, (width, height), interpolation=cv2.INTER_AREA)
