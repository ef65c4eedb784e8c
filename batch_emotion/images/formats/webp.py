"""WebP: its still image, or an animation's first frame, is given to a decoder by itself."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

from PIL import WebPImagePlugin

from batch_emotion.images.facts import Box, ImageFacts
from batch_emotion.images.formats.libraries import Samples, first_decoded, opencv, opencv_as_stored, pillow
from batch_emotion.images.orientation import orientation_of

_CHUNK = struct.Struct("<4sI")
_FRAME_HEADER = 16
_LOSSLESS_MARK, _KEY_FRAME_MARK = 0x2F, b"\x9d\x01\x2a"


class _Still(NamedTuple):
    """One picture: its chunk, its alpha chunk, and what its own header says."""

    chunk: bytes
    alpha_chunk: bytes
    size: tuple[int, int]
    alpha: bool


def matches(data: bytes) -> bool:
    """Whether a file is a WebP."""
    return data[:4] == b"RIFF" and data[8:12] == b"WEBP"


def read_facts(data: bytes) -> ImageFacts:
    """What a WebP is: its canvas, and of an animation its first frame."""
    still, box = _first(data)
    exif = [content for kind, content in _chunks(data, 12) if kind == b"EXIF"]
    xmp = [content for kind, content in _chunks(data, 12) if kind == b"XMP "]
    canvas = _canvas(data) or still.size
    if box is None and canvas != still.size:
        raise ValueError(f"a canvas of {canvas[0]}x{canvas[1]} pixels, a picture of {still.size[0]}x{still.size[1]}")
    return ImageFacts(
        "WebP",
        canvas,
        orientation_of(exif, xmp),
        alpha=still.alpha,
        frame=box if box and (box.width, box.height) != canvas else None,
    )


def read_samples(data: bytes, facts: ImageFacts) -> Samples:
    """Decode to 8 bits RGB or RGBA."""
    still, _ = _first(data)
    content = still.chunk
    if still.alpha_chunk:
        width, height = still.size
        sides = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
        content = _chunk(b"VP8X", b"\x10\0\0\0" + sides) + still.alpha_chunk + still.chunk
    single = b"RIFF" + (4 + len(content)).to_bytes(4, "little") + b"WEBP" + content
    return first_decoded(
        lambda: opencv_as_stored(single) if facts.alpha else opencv(single),
        lambda: pillow(WebPImagePlugin.WebPImageFile, single, facts),
    )


def _canvas(data: bytes) -> tuple[int, int] | None:
    for kind, content in _chunks(data, 12):
        if kind == b"VP8X":
            return _three(content, 4) + 1, _three(content, 7) + 1
    return None


def _first(data: bytes) -> tuple[_Still, Box | None]:
    """The still image, or an animation's first frame and where it lies."""
    for kind, content in _chunks(data, 12):
        if kind == b"ANMF":
            box = Box(2 * _three(content, 0), 2 * _three(content, 3), _three(content, 6) + 1, _three(content, 9) + 1)
            return _still(content, _FRAME_HEADER), box
        if kind in (b"VP8 ", b"VP8L"):
            break
    return _still(data, 12), None


def _still(data: bytes, at: int) -> _Still:
    alpha_chunk = b""
    for kind, content in _chunks(data, at):
        if kind == b"ALPH":
            alpha_chunk = _chunk(kind, content)
        elif kind == b"VP8 ":
            if content[3:6] != _KEY_FRAME_MARK:
                raise ValueError("no key frame")
            width, height = struct.unpack_from("<HH", content, 6)
            return _Still(_chunk(kind, content), alpha_chunk, (width & 0x3FFF, height & 0x3FFF), bool(alpha_chunk))
        elif kind == b"VP8L":
            mark, packed = struct.unpack_from("<BI", content)
            if mark != _LOSSLESS_MARK:
                raise ValueError("no lossless picture")
            size = (packed & 0x3FFF) + 1, (packed >> 14 & 0x3FFF) + 1
            return _Still(_chunk(kind, content), b"", size, bool(packed >> 28 & 1))
    raise ValueError("no picture in it")


def _chunks(data: bytes, at: int) -> Iterator[tuple[bytes, bytes]]:
    while at + 8 <= len(data):
        kind, length = _CHUNK.unpack_from(data, at)
        yield kind, data[at + 8 : at + 8 + length]
        at += 8 + length + length % 2


def _chunk(kind: bytes, content: bytes) -> bytes:
    return kind + len(content).to_bytes(4, "little") + content + b"\0" * (len(content) % 2)


def _three(data: bytes, at: int) -> int:
    if at + 3 > len(data):
        raise ValueError("a chunk is too short")
    return int.from_bytes(data[at : at + 3], "little")
