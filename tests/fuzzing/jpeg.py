"""A JPEG is markers, segments and coded data between them; so is the coded image inside a JPEG 2000 file."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from random import Random

from tests.fuzzing.fields import change_field, edge, large_sides
from tests.fuzzing.metadata import mutate_xmp
from tests.fuzzing.pieces import Layout, Piece
from tests.fuzzing.tiffs import mutate_exif


def _app1(body: bytes, rng: Random) -> bytes:
    if body.startswith(b"Exif\0\0"):
        return mutate_exif(body, rng)[:65_533]
    return mutate_xmp(body, rng)[:65_533]


def _frame_header(body: bytes, rng: Random) -> bytes:
    """Other sides, another precision, or other factors of sampling."""
    if rng.randrange(4) == 0:
        width, height = large_sides(rng)
        return body[:1] + struct.pack(">HH", height, width) + body[5:]
    at, width = rng.choice(((0, 1), (1, 2), (1, 2), (3, 2), (3, 2), (5, 1), (7, 1), (8, 1), (10, 1)))
    if len(body) < at + width:
        return change_field(body, rng, "big")
    factors = (0x11, 0x12, 0x21, 0x22, 0x41, 0x14, 0x44, 0x00, 0xF1, 0x1F)
    value = rng.choice(factors) if at in (7, 10) else edge(rng, width)
    return body[:at] + value.to_bytes(width, "big") + body[at + width :]


def _jpeg_stranger(rng: Random) -> Piece:
    number = rng.choice((*range(0xC0, 0xD0), 0xDD, 0xDC, *range(0xE0, 0xF0), 0xFE, 0x01, 0xFF))
    adobe = b"Adobe\0\x64\0\0\0\0" + bytes([rng.choice((0, 1, 2, 3, 255))])
    jfif = b"JFIF\0\1\1\0" + rng.randbytes(6)
    bodies = (adobe, jfif, b"Exif\0\0", b"Exif\0\0MM\0*", b"ICC_PROFILE\0\1\xff", b"MPF\0", b"Photoshop 3.0\0", b"")
    return Piece(bytes([0xFF, number]), rng.choice((*bodies, struct.pack(">H", edge(rng, 2)), rng.randbytes(30))))


def _split_markers(data: bytes) -> list[Piece]:
    """Segments with a length, markers without one, and between them the coded data."""
    pieces, at = [], 0
    while at < len(data):
        marker = data[at : at + 2]
        if len(marker) == 2 and marker[0] == 0xFF and 0x01 <= marker[1] < 0xFF:
            if marker[1] in (0x01, 0x4F, 0x93) or 0xD0 <= marker[1] <= 0xD9:
                pieces.append(Piece(b"", marker))
                at += 2
            else:
                end = at + 2 + max(2, int.from_bytes(data[at + 2 : at + 4], "big"))
                pieces.append(Piece(marker, data[at + 4 : end]))
                at = end
            continue
        end = at + 1
        while end < len(data) and not (data[end] == 0xFF and data[end + 1 : end + 2] not in (b"\0", b"")):
            end += 1
        pieces.append(Piece(b"", data[at:end]))
        at = end
    return pieces


def _join_markers(pieces: Sequence[Piece]) -> bytes:
    parts = []
    for piece in pieces:
        stated = len(piece.body) + 2 if piece.length is None else piece.length
        fill = b"" if piece.is_sound else b"\xff\xff"  # which any marker may have before it
        parts.append((fill + piece.kind + struct.pack(">H", stated % 65_536) if piece.kind else b"") + piece.body)
    return b"".join(parts)


JPEG = Layout(
    _split_markers,
    _join_markers,
    "big",
    length_bytes=2,
    inner={b"\xff\xe1": _app1, **{bytes([0xFF, number]): _frame_header for number in (0xC0, 0xC1, 0xC2)}},
    strangers=_jpeg_stranger,
)
CODESTREAM = Layout(
    _split_markers,
    _join_markers,
    "big",
    length_bytes=2,
    sides=((8, 4), (12, 4)),
    fields=((16, 4), (24, 4), (28, 4), (40, 2)),
)
"""The coded image inside a JPEG 2000 file, which has markers too."""
