"""Damage that needs no knowledge of a format, and the numbers at which parsers break."""

from __future__ import annotations

from random import Random
from typing import Literal

Order = Literal["big", "little"]

_EDGES = (
    *(0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 127, 128, 129, 254, 255, 256, 257, 0x7FFF, 0x8000, 0x8001, 0xFFFE, 0xFFFF),
    *(0x10000, 0x10001, 0xFFFFFF, 2**31 - 2, 2**31 - 1, 2**31, 2**31 + 1, 2**32 - 128, 2**32 - 2, 2**32 - 1, 2**32),
    *(2**63 - 1, 2**63, 2**64 - 2, 2**64 - 1),
)
_SIDES = (1, 2, 9, 100, 999, 5000, 9_999, 10_000, 10_001, 30_000, 65_500, 99_999_999)
"""Around the limit of pixels, where images are huge and still decoded."""


def large_sides(rng: Random) -> tuple[int, int]:
    """A width and a height of up to 100 million pixels together, or a little more."""
    width = rng.choice((1, 40, 1000, 9_999, 10_000, 30_000, 65_500))
    return width, min(rng.choice((100_000_000, 100_000_000, 10_000_000)) // width, 65_500) + rng.choice((0, 0, 1))


def edge(rng: Random, width: int) -> int:
    """A number of ``width`` bytes at which parsers break."""
    return rng.choice((rng.choice(_EDGES), rng.choice(_EDGES), rng.choice(_SIDES))) % 256**width


def put(data: bytes, at: int, number: int, width: int, order: Order) -> bytes:
    """The data with a number of ``width`` bytes at a place of it."""
    return data[:at] + (number % 256**width).to_bytes(width, order) + data[at + width :]


def change_field(data: bytes, rng: Random, order: Order) -> bytes:
    """Take some bytes for a number and give it another value: extreme, or near to the one it has."""
    widths = [width for width in (1, 2, 4, 8) if width <= len(data)]
    if not widths:
        return data
    width = rng.choice(widths)
    at = rng.randrange(len(data) - width + 1)
    at -= rng.choice((0, at % width))  # most fields are aligned
    old = int.from_bytes(data[at : at + width], order)
    new = rng.choice((edge(rng, width), edge(rng, width), old + 1, old - 1, old * 2, old // 2, -old, old ^ 1))
    return put(data, at, new, width, order)


def cut(data: bytes, rng: Random) -> bytes:
    """The beginning of the data."""
    return data[: rng.randrange(len(data) + 1)]


def splice(data: bytes, other: bytes, rng: Random) -> bytes:
    """The beginning of the data, then the end of another's."""
    return cut(data, rng) + other[rng.randrange(len(other) + 1) :]


def sprinkle(data: bytes, rng: Random) -> bytes:
    """Change, insert, take out or blank a few bytes at random."""
    damaged = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 5, 20))):
        at = rng.randrange(len(damaged) + 1)
        length = rng.choice((1, 1, 2, 4, 16, 100))
        kind = rng.randrange(5)
        if kind == 0:
            damaged[at:at] = rng.randbytes(length)
        elif kind == 1:
            del damaged[at : at + length]
        elif kind == 2:
            damaged[at : at + length] = bytes([rng.choice((0, 255))]) * len(damaged[at : at + length])
        elif at < len(damaged):
            damaged[at] = rng.randrange(256) if kind == 3 else damaged[at] ^ 1 << rng.randrange(8)
    return bytes(damaged)


def damage(data: bytes, other: bytes, rng: Random) -> bytes:
    """One of these, ``other`` being another file."""
    kind = rng.randrange(8)
    if kind == 0:
        return cut(data, rng)
    if kind == 1:
        return splice(data, other, rng)
    if kind == 2:
        return data + rng.choice((bytes(1000), other, rng.randbytes(100)))
    return sprinkle(data, rng)
