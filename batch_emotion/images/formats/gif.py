"""GIF: its first frame, given to a decoder by itself, and where it lies on the screen."""

from __future__ import annotations

import re
import struct

from PIL import GifImagePlugin

from batch_emotion.images.facts import Box, ImageFacts
from batch_emotion.images.formats.libraries import Samples, pillow

SIGNATURES = (b"GIF87a", b"GIF89a")
_SCREEN, _FRAME = struct.Struct("<HHB"), struct.Struct("<HHHHB")
_IMAGE, _CONTROL = 0x2C, 0xF9
_BLOCK = re.compile(b"[,!]")


def read_facts(data: bytes) -> ImageFacts:
    """What a GIF is; a screen that the first frame reaches beyond is as large as that needs, as viewers have it."""
    at, control = _first_frame(data)
    screen = _SCREEN.unpack_from(data, 6)
    box = Box(*_FRAME.unpack_from(data, at + 1)[:4])
    size = max(screen[0], box.x + box.width), max(screen[1], box.y + box.height)
    if not box.width or not box.height:
        raise ValueError("its first frame has no pixels")
    transparent = bool(control and control[3] & 1)
    return ImageFacts("GIF", size, alpha=transparent, frame=box if (box.width, box.height) != size else None)


def read_samples(data: bytes, facts: ImageFacts) -> Samples:
    """Decode to 8 bits grey, RGB or RGBA."""
    at, control = _first_frame(data)
    flags = data[10]
    palette = data[13 : 13 + _palette_bytes(flags)]
    _, _, width, height, frame_flags = _FRAME.unpack_from(data, at + 1)
    screen = _SCREEN.pack(width, height, flags) + b"\0\0"
    frame = b"," + _FRAME.pack(0, 0, width, height, frame_flags)
    return pillow(
        GifImagePlugin.GifImageFile, b"".join((b"GIF89a", screen, palette, control, frame, data[at + 10 :])), facts
    )


def _first_frame(data: bytes) -> tuple[int, bytes]:
    """Where the first frame's header begins, and the control block before it, if any."""
    at, control = 13 + _palette_bytes(data[10]), b""
    while True:
        found = _BLOCK.search(data, at)  # viewers pass over what is between blocks
        if found is None:
            raise ValueError("no frame")
        at = found.start()
        if data[at] == _IMAGE:
            break
        start, label = at, data[at + 1]
        at += 2
        while data[at]:
            at += 1 + data[at]
        at += 1
        if label == _CONTROL and data[start + 2] == 4:
            control = data[start:at]
    return at, control[:8] and b"!\xf9\4" + control[3:7] + b"\0"


def _palette_bytes(flags: int) -> int:
    return 3 * 2 ** ((flags & 7) + 1) if flags & 0x80 else 0
