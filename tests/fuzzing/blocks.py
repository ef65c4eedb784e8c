"""GIF and BMP, whose headers and blocks have no common form."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from random import Random

from tests.fuzzing.fields import edge
from tests.fuzzing.pieces import Layout, Piece


def _end_of_blocks(data: bytes, at: int) -> int:
    while at < len(data) and data[at]:
        at += 1 + data[at]
    return at + 1


def _palette_bytes(flags: bytes) -> int:
    return 3 * 2 ** ((flags[0] & 7) + 1) if flags and flags[0] & 0x80 else 0


def _split_gif(data: bytes) -> list[Piece]:
    """The screen with its palette, then extensions, descriptors of images with their palettes, and coded pixels."""
    screen = 13 + _palette_bytes(data[10:11])
    pieces, at = [Piece(b"", data[:13]), Piece(b"", data[13:screen])], screen
    while at < len(data):
        if data[at] == 0x2C and at + 10 <= len(data):
            pixels = at + 10 + _palette_bytes(data[at + 9 : at + 10])
            end = _end_of_blocks(data, pixels + 1)
            pieces += [Piece(b"", data[at : at + 10]), Piece(b"", data[at + 10 : pixels]), Piece(b"", data[pixels:end])]
        else:
            end = _end_of_blocks(data, at + 2) if data[at] == 0x21 else at + 1
            pieces.append(Piece(b"", data[at:end]))
        at = end
    return [piece for piece in pieces if piece.body]


def _join_bodies(pieces: Sequence[Piece]) -> bytes:
    return b"".join(piece.body for piece in pieces)


def _gif_stranger(rng: Random) -> Piece:
    left, top, width, height = (rng.choice((0, 1, 28, 40, edge(rng, 2))) for _ in range(4))
    descriptor = struct.pack("<cHHHHB", b",", left, top, width, height, rng.randrange(256))
    control = b"!\xf9\4" + rng.randbytes(4) + b"\0"
    application = b"!\xff\x0bNETSCAPE2.0\3\1\0\0\0"
    return Piece(b"", rng.choice((descriptor, descriptor, control, application, b"!\xfe\3abc\0", b";", b"\0")))


GIF = Layout(
    _split_gif,
    _join_bodies,
    "little",
    sides=((6, 2), (8, 2)),
    fields=((10, 1), (11, 1), (12, 1)),
    strangers=_gif_stranger,
)


def _split_bmp(data: bytes) -> list[Piece]:
    """The file's header, that of the image, as long as it says, then palette and pixels as one."""
    end = 14 + int.from_bytes(data[14:18], "little")
    return [Piece(b"", data[:14]), Piece(b"", data[14:end]), Piece(b"", data[end:])]


BMP = Layout(
    _split_bmp,
    _join_bodies,
    "little",
    sides=((18, 4), (22, 4)),
    fields=((10, 4), (14, 4), (26, 2), (28, 2), (30, 4), (46, 4)),
)
