"""A WebP is a RIFF of chunks; a frame of an animated one is such a row itself.

The sides are where the extended format has them; elsewhere that damages the coded image.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from random import Random

from tests.fuzzing.fields import change_field, edge
from tests.fuzzing.metadata import mutate_xmp
from tests.fuzzing.pieces import Layout, Piece
from tests.fuzzing.tiffs import mutate_exif


def _split_riff(data: bytes) -> list[Piece]:
    pieces, at = [Piece(b"", data[:12])], 12
    while at + 8 <= len(data):
        length = int.from_bytes(data[at + 4 : at + 8], "little")
        pieces.append(Piece(data[at : at + 4], data[at + 8 : at + 8 + length]))
        at += 8 + length + length % 2
    return pieces


def _join_chunks(pieces: Sequence[Piece]) -> bytes:
    return b"".join(
        piece.kind + struct.pack("<I", piece.stated) + piece.body + bytes(len(piece.body) % 2)
        if piece.kind
        else piece.body
        for piece in pieces
    )


def _join_riff(pieces: Sequence[Piece]) -> bytes:
    """The chunks, and before them, unless it was changed, how long they are."""
    data = _join_chunks(pieces)
    if pieces and not pieces[0].kind and pieces[0].is_sound and data[:4] == b"RIFF":
        data = data[:4] + struct.pack("<I", (len(data) - 8) % 2**32) + data[8:]
    return data


def _webp_stranger(rng: Random) -> Piece:
    kind = rng.choice((b"VP8X", b"ALPH", b"ANIM", b"ANMF", b"ICCP", b"EXIF", b"XMP ", b"VP8 ", b"VP8L", b"aBcD"))
    if kind == b"VP8X":
        sides = struct.pack("<II", edge(rng, 3), edge(rng, 3))
        return Piece(kind, bytes([rng.randrange(256), 0, 0, 0]) + sides[:3] + sides[4:7])
    return Piece(kind, rng.randbytes(rng.choice((0, 1, 6, 10, 16, 30, 100))))


def _frame(body: bytes, rng: Random) -> bytes:
    """A frame of an animated WebP, which has chunks of its own."""
    inside = _split_riff(bytes(12) + body[16:])[1:]
    if rng.randrange(2) or not inside:
        return change_field(body[:16], rng, "little") + body[16:]
    return body[:16] + _join_chunks(WEBP.changed(inside, inside, rng))


WEBP = Layout(
    _split_riff,
    _join_riff,
    "little",
    sides=((24, 3), (27, 3)),
    fields=((12, 4), (16, 4), (20, 1), (26, 2), (28, 2)),
    inner={b"EXIF": mutate_exif, b"XMP ": mutate_xmp, b"ANMF": _frame},
    strangers=_webp_stranger,
)
