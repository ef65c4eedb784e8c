"""HEIC, AVIF and JPEG 2000 are boxes within boxes."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from random import Random

from tests.fuzzing.fields import edge, large_sides
from tests.fuzzing.jpeg import CODESTREAM
from tests.fuzzing.pieces import Layout, Piece

_HEADS = {
    b"meta": 4,
    b"iinf": 6,
    b"iref": 4,
    b"stsd": 8,
    **dict.fromkeys((b"iprp", b"ipco", b"dinf", b"moov", b"trak", b"mdia", b"minf", b"stbl", b"jp2h"), 0),
}
"""Boxes that hold boxes, and how many bytes come before those."""


def _split(data: bytes) -> list[Piece]:
    pieces, at = [], 0
    while at + 8 <= len(data):
        length, head = int.from_bytes(data[at : at + 4], "big"), 8
        if length == 1:
            length, head = int.from_bytes(data[at + 8 : at + 16], "big"), 16
        end = min(len(data), at + max(length, head)) if length else len(data)
        pieces.append(Piece(data[at + 4 : at + 8], data[at + head : end]))
        at = end
    return pieces


def _join(pieces: Sequence[Piece]) -> bytes:
    """The boxes; a length that is not true counts its own field, as 0 (to the end) and 1 (a longer one follows) do."""
    parts = []
    for piece in pieces:
        if not piece.is_sound:  # as a box whose length has 64 bits, of which libraries see few
            parts.append(struct.pack(">I4sQ", 1, piece.kind, len(piece.body) + 16) + piece.body)
        else:
            length = len(piece.body) + 8 if piece.length is None else piece.length
            parts.append(struct.pack(">I4s", length, piece.kind) + piece.body)
    return b"".join(parts)


def _within(kind: bytes, head: int) -> Callable[[bytes, Random], bytes]:
    def change(body: bytes, rng: Random) -> bytes:
        inside = _split(body[head:])
        if rng.randrange(20) == 0:
            for _ in range(rng.choice((2, 100, 5000))):
                body = body[:head] + struct.pack(">I4s", len(body) + 8, kind) + body
            return body
        return body[:head] + _join(BOXES.changed(inside, inside, rng))

    return change


def _sides(body: bytes, rng: Random) -> bytes:
    if rng.randrange(4) == 0:
        return body[:4] + struct.pack(">II", *large_sides(rng)) + body[12:]
    at = rng.choice((4, 8)) if len(body) >= 12 else 0
    return body[:at] + edge(rng, 4).to_bytes(4, "big") + body[at + 4 :]


def _codestream(body: bytes, rng: Random) -> bytes:
    return CODESTREAM.mutate(body, body, rng)


def _stranger(rng: Random) -> Piece:
    properties = (b"irot", b"imir", b"clap", b"ispe", b"pixi", b"colr", b"auxC", b"hvcC", b"av1C", b"pasp")
    kinds = (*properties, b"free", b"skip", b"mdat", b"uuid", b"pitm", b"iloc", b"idat", b"grpl", b"cmpd", b"pclr")
    sizes = (0, 1, 4, 8, 12, 20, 32, 100)
    return Piece(rng.choice(kinds), bytes(rng.choice((0, 4))) + rng.randbytes(rng.choice(sizes)))


BOXES = Layout(
    _split,
    _join,
    "big",
    inner={
        b"ispe": _sides,
        b"ihdr": lambda body, rng: _sides(bytes(4) + body, rng)[4:],
        b"jp2c": _codestream,
        **{kind: _within(kind, head) for kind, head in _HEADS.items()},
    },
    strangers=_stranger,
)
