"""JPEG 2000: the file format JP2 and the bare codestream."""

from __future__ import annotations

import struct

from PIL import Jpeg2KImagePlugin

from batch_emotion.images.facts import ImageFacts, unsupported
from batch_emotion.images.formats.boxes import children
from batch_emotion.images.formats.libraries import Samples, first_decoded, opencv_as_stored, pillow

SIGNATURES = (b"\0\0\0\x0cjP  \r\n\x87\n", b"\xff\x4f\xff\x51")
_SIZE = struct.Struct(">HHIIIIIIIIHB")


def read_facts(data: bytes) -> ImageFacts:
    """What a JPEG 2000 is, by the codestream's own header."""
    start = (
        0 if data.startswith(SIGNATURES[1]) else next((box.start for box in children(data) if box.kind == b"jp2c"), -1)
    )
    if start < 0 or not data.startswith(SIGNATURES[1], start):
        raise ValueError("no codestream")
    _, _, right, bottom, left, top, _, _, _, _, components, depth = _SIZE.unpack_from(data, start + 4)
    if right <= left or bottom <= top:
        raise ValueError("an image that ends before it begins")
    bits = (depth & 0x7F) + 1
    if components > 4:
        raise unsupported(f"a JPEG 2000 of {components} components; save it anew with 3")
    return ImageFacts(
        "JPEG 2000",
        (right - left, bottom - top),
        bits=bits,
        maximum=65535 if bits > 8 else 255,
        gray=components < 3,
        alpha=components in (2, 4),
    )


def read_samples(data: bytes, facts: ImageFacts) -> Samples:
    """Decode to 8 or 16 bits."""
    return first_decoded(lambda: pillow(Jpeg2KImagePlugin.Jpeg2KImageFile, data, facts), lambda: opencv_as_stored(data))
