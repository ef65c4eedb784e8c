"""The boxes of ISO's container formats: what HEIF, AVIF, JPEG 2000 and films are made of."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple


class IsoBox(NamedTuple):
    """A box; its content is ``data[start:end]``, all of it unless ``is_cut``."""

    kind: bytes
    start: int
    end: int
    is_cut: bool


def children(data: bytes, start: int = 0, end: int | None = None) -> Iterator[IsoBox]:
    """The boxes in a part of a file, up to one that is cut, which ends with the part."""
    end = len(data) if end is None else min(end, len(data))
    while start + 8 <= end:
        length, kind = struct.unpack_from(">I4s", data, start)
        content = start + 8
        if length == 1 and start + 16 <= end:
            (length,) = struct.unpack_from(">Q", data, content)
            content += 8
        if length == 0:
            length = end - start
        if length < content - start:
            return
        yield IsoBox(kind, content, min(start + length, end), start + length > end)
        start += length


def is_cut(data: bytes) -> bool:
    """Whether the file ends before its pixels do; what follows them may be no box at all."""
    return any(box.is_cut for box in children(data) if box.kind == b"mdat")


def main_image(data: bytes) -> tuple[tuple[int, int] | None, bytes | None]:
    """(width, height) before any turning and the coding of a HEIF's main image; None where they are not found.

    Of an image put together from tiles the coding is that of the tiles.
    """
    meta = next((box for box in children(data) if box.kind == b"meta"), None)
    if meta is None:
        return None, None
    parts = {box.kind: box for box in children(data, meta.start + 4, meta.end)}
    try:
        main = _item(data, parts[b"pitm"])
        size = _size(data, parts[b"iprp"], main)
        kinds = dict(_kinds(data, parts[b"iinf"]))
    except (KeyError, struct.error, IndexError):
        return None, None
    coded = {kind for kind in kinds.values() if kind in (b"av01", b"hvc1")}
    kind = kinds.get(main)
    return size, next(iter(coded)) if len(coded) == 1 and kind not in coded else kind


def _item(data: bytes, box: IsoBox) -> int:
    return int(struct.unpack_from(">I" if data[box.start] else ">H", data, box.start + 4)[0])


def _kinds(data: bytes, box: IsoBox) -> Iterator[tuple[int, bytes]]:
    """The number and coding of each item."""
    for entry in children(data, box.start + (8 if data[box.start] else 6), box.end):
        number = ">I" if data[entry.start] == 3 else ">H"
        after = entry.start + 4 + struct.calcsize(number) + 2
        yield struct.unpack_from(number, data, entry.start + 4)[0], data[after : after + 4]


def _size(data: bytes, box: IsoBox, item: int) -> tuple[int, int] | None:
    """What the property ``ispe`` of an item says."""
    parts = {part.kind: part for part in children(data, box.start, box.end)}
    properties = list(children(data, parts[b"ipco"].start, parts[b"ipco"].end))
    for number in _properties(data, parts[b"ipma"], item):
        if 0 < number <= len(properties) and properties[number - 1].kind == b"ispe":
            width, height = struct.unpack_from(">II", data, properties[number - 1].start + 4)
            return width, height
    return None


def _properties(data: bytes, box: IsoBox, item: int) -> Iterator[int]:
    """The places, from 1, of an item's properties among all."""
    version, is_wide = data[box.start], data[box.start + 3] & 1
    number, each = (">I" if version else ">H"), (">H" if is_wide else ">B")
    (items,) = struct.unpack_from(">I", data, box.start + 4)
    at = box.start + 8
    for _ in range(items):
        (owner,) = struct.unpack_from(number, data, at)
        at += struct.calcsize(number)
        count = data[at]
        at += 1
        step = struct.calcsize(each)
        if owner == item:
            mask = 0x7FFF if is_wide else 0x7F
            yield from (struct.unpack_from(each, data, at + step * nth)[0] & mask for nth in range(count))
        at += count * step
