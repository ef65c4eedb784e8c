"""Changes to a TIFF's directories: tags, types, counts, values, offsets and where the next one is; EXIF is one too."""

from __future__ import annotations

import struct
from random import Random

from tests.fuzzing.fields import Order, change_field, edge, put, sprinkle

_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_TYPES = (0, *_SIZES, 14, 15, 19, 255, 65535)
_IMAGE_TAGS = (254, 256, 257, 258, 259, 262, 266, 273, 274, 277, 278, 279, 282, 284, 292, 293, 317, 318, 320, 322, 323)
_TAGS = (*_IMAGE_TAGS, 324, 325, 330, 338, 339, 340, 347, 512, 513, 529, 530, 532, 700, 34377, 34665, 34675, 34853)
_COMPRESSIONS = (0, 1, 2, 3, 4, 5, 6, 7, 8, 32773, 32809, 32909, 32946, 34661, 34676, 34887, 34892, 34925, 50000, 50001)
_VALUES = {
    256: (0, 1, 9_999, 10_000, 65_500, 2**31 - 1, 2**31, 2**32 - 1),
    257: (0, 1, 9_999, 10_000, 65_500, 2**31 - 1, 2**31, 2**32 - 1),
    258: (0, 1, 2, 4, 8, 10, 12, 16, 24, 32, 64, 128),
    259: _COMPRESSIONS,
    262: (0, 1, 2, 3, 4, 5, 6, 8, 9, 10, 32803, 32844, 32845),
    274: (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 65535),
    277: (0, 1, 2, 3, 4, 5, 6, 100, 65535),
    278: (0, 1, 7, 2**31, 2**32 - 1),
    284: (0, 1, 2, 3),
    317: (0, 1, 2, 3, 34892),
    322: (0, 1, 15, 16, 17, 64, 2**31),
    338: (0, 1, 2, 3),
    339: (0, 1, 2, 3, 4, 5, 6),
}


def mutate(data: bytes, rng: Random) -> bytes:
    """A TIFF with one change to its structure; what is none gets one byte changed."""
    order: Order = "big" if data[:2] == b"MM" else "little"
    found = _directories(data, order)
    if not found:
        return sprinkle(data, rng)
    kind = rng.randrange(12)
    if kind == 0:
        return _with_head(data, rng, order)
    start, wide, count = rng.choice(found)
    entry_size, count_size = (20, 8) if wide else (12, 2)
    end = start + count_size + count * entry_size
    if kind == 1:  # a directory that goes on in itself, in another, or nowhere
        size = 8 if wide else 4
        return put(data, end, rng.choice((start, start + 1, found[0][0], len(data), edge(rng, size))), size, order)
    if kind == 2:
        return put(data, start, rng.choice((count - 1, count + 1, edge(rng, count_size))), count_size, order)
    if count == 0:
        return sprinkle(data, rng)
    at = start + count_size + rng.randrange(count) * entry_size
    if kind == 3:  # an entry twice, instead of another
        to = start + count_size + rng.randrange(count) * entry_size
        return data[:to] + data[at : at + entry_size] + data[to + entry_size :]
    if kind == 4:
        return _with_values_elsewhere(data, at, wide, order, rng)
    return data[:at] + _entry(data[at : at + entry_size], start, len(data), rng, order) + data[at + entry_size :]


def mutate_exif(body: bytes, rng: Random) -> bytes:
    """A body that is a TIFF, with or without the prefixes that cameras put before it."""
    prefix = b"Exif\0\0"
    if rng.randrange(6) == 0:
        return rng.choice((prefix + body, body.removeprefix(prefix), prefix * 3, prefix + bytes(4) + body))
    times = (len(body) - len(body.lstrip(prefix))) // len(prefix) if body.startswith(prefix) else 0
    head = prefix * min(times, 2)
    return head + mutate(body[len(head) :], rng)


def _directories(data: bytes, order: Order) -> list[tuple[int, bool, int]]:
    """(start, whether it is of a BigTIFF, entries) of each directory that the file holds whole, and of those below."""
    if data[:4] not in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        return []
    wide = b"+" in data[:4]
    head = 8 if wide else 4
    size, count_size, entry_size = (8, 8, 20) if wide else (4, 2, 12)
    waiting, found = [int.from_bytes(data[head : head + size], order)], dict[int, tuple[int, bool, int]]()
    while waiting:
        start = waiting.pop()
        count = int.from_bytes(data[start : start + count_size], order)
        end = start + count_size + count * entry_size
        if start in found or start == 0 or end + size > len(data):
            continue
        found[start] = (start, wide, count)
        waiting.append(int.from_bytes(data[end : end + size], order))
        for at in range(start + count_size, end, entry_size):
            if int.from_bytes(data[at : at + 2], order) in (330, 34665, 34853, 40965):
                below = data[at + entry_size - size : at + entry_size]
                waiting.append(int.from_bytes(below, order))
    return sorted(found.values())


def _with_head(data: bytes, rng: Random, order: Order) -> bytes:
    kind = rng.randrange(3)
    if kind == 0:
        return rng.choice((b"II", b"MM", b"MI")) + data[2:]
    if kind == 1:
        return put(data, 2, rng.choice((42, 43, 0, 65535)), 2, order)
    return change_field(data[:16], rng, order) + data[16:]


def _entry(entry: bytes, start: int, size: int, rng: Random, order: Order) -> bytes:
    tag, wide = int.from_bytes(entry[:2], order), len(entry) // 2 - 2
    kind = rng.randrange(6)
    if kind == 0:
        return put(entry, 0, rng.choice(_TAGS), 2, order)
    if kind == 1:
        return put(entry, 2, rng.choice(_TYPES), 2, order)
    if kind == 2:
        return put(entry, 4, edge(rng, wide), wide, order)
    at = len(entry) - wide
    if kind == 3 and tag in _VALUES:
        width = 2 if int.from_bytes(entry[2:4], order) == 3 else wide
        return put(entry, at, rng.choice(_VALUES[tag]), width, order)
    if kind == 4:  # an offset, or a value that could be one
        return put(entry, at, rng.choice((0, start, size - 1, size, size + 2**20, edge(rng, wide))), wide, order)
    return entry[:at] + change_field(entry[at:], rng, order)


def _with_values_elsewhere(data: bytes, at: int, wide: bool, order: Order, rng: Random) -> bytes:
    """Give an entry a long row of values behind the end of the file."""
    size = 8 if wide else 4
    count = rng.choice((1, 2, 3, 5, 1000, 70_000))
    kind = rng.choice((1, 2, 3, 4, 5, 12))
    number = edge(rng, 4)
    values = (number.to_bytes(8, order) * count)[: count * _SIZES[kind]]
    form = ">" if order == "big" else "<"
    head = data[at : at + 2] + struct.pack(f"{form}H{'QQ' if wide else 'II'}", kind, count, len(data))
    return data[:at] + head + data[at + 4 + 2 * size :] + values
