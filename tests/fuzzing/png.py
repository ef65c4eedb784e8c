"""A PNG is a signature and chunks; its pixels are deflated rows, each with its filter before it."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from random import Random

from tests.fuzzing.fields import edge, sprinkle
from tests.fuzzing.metadata import BOMB, mutate_xmp
from tests.fuzzing.pieces import Layout, Piece
from tests.fuzzing.samples import XMP
from tests.fuzzing.tiffs import mutate_exif


def _image_data(body: bytes, rng: Random) -> bytes:
    """Deflated scan lines: other filters, too few or far too many of them, or a stream that is not closed."""
    try:
        rows = zlib.decompress(body)
    except zlib.error:
        return sprinkle(body, rng)
    kind = rng.randrange(5)
    if kind == 0:
        return zlib.compress(sprinkle(rows, rng))
    if kind == 1:
        return zlib.compress(rows[: rng.randrange(len(rows) + 1)])
    if kind == 2:
        return zlib.compress(rows + bytes(rng.choice((1, 1000, 2**20))))
    if kind == 3:
        return rng.choice((BOMB, b"", body[:-4], zlib.compress(rows, 0)))
    return zlib.compress(bytes([rng.choice((0, 1, 2, 3, 4, 5, 255))]) + rows[1:])


def _png_text(body: bytes, rng: Random) -> bytes:
    keyword = rng.choice((b"Comment", b"XML:com.adobe.xmp", b"Raw profile type exif", b"", b"k" * 100))
    kind = rng.randrange(4)
    if kind == 0:
        return keyword + b"\0\0" + BOMB
    if kind == 1:
        return keyword + b"\0" + rng.choice((b"", b"words", b"\nexif\n 99999999\n4578", b"\nexif\n-1\nzz", XMP))
    if kind == 2:
        return keyword + b"\0\1\0\0\0" + zlib.compress(mutate_xmp(XMP, rng))
    return sprinkle(body, rng)


def _png_stranger(rng: Random) -> Piece:
    kinds = (b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"sBIT", b"bKGD", b"hIST", b"pHYs", b"sPLT", b"tIME", b"acTL", b"fcTL")
    kind = rng.choice((*kinds, b"fdAT", b"PLTE", b"cICP", b"mDCV", b"cLLI", b"orNT", b"IEND", b"aBcD", b"CgBI"))
    if kind == b"acTL":
        return Piece(kind, struct.pack(">II", edge(rng, 4), edge(rng, 4)))
    if kind == b"fcTL":
        sides = [rng.choice((0, 1, 28, 40, edge(rng, 4))) for _ in range(4)]
        return Piece(kind, struct.pack(">IIIIIHHBB", edge(rng, 4), *sides, 1, 0, edge(rng, 1), edge(rng, 1)))
    if rng.randrange(3) == 0:
        kind = rng.choice((b"iCCP", b"zTXt", b"iTXt", b"tEXt", b"eXIf"))
        return Piece(kind, _png_text(b"name\0\0" + zlib.compress(bytes(200)), rng))
    return Piece(kind, rng.randbytes(rng.choice((0, 1, 2, 4, 6, 7, 13, 256, 768, 771))))


def _split_png(data: bytes) -> list[Piece]:
    pieces, at = [], 8
    while at + 8 <= len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        pieces.append(Piece(data[at + 4 : at + 8], data[at + 8 : at + 8 + length]))
        at += 12 + length
    return pieces


def _join_png(pieces: Sequence[Piece]) -> bytes:
    parts = [b"\x89PNG\r\n\x1a\n"]
    for piece in pieces:
        checksum = zlib.crc32(piece.kind + piece.body) ^ (not piece.is_sound)
        parts.append(struct.pack(">I", piece.stated) + piece.kind + piece.body + struct.pack(">I", checksum))
    return b"".join(parts)


PNG = Layout(
    _split_png,
    _join_png,
    "big",
    sides=((16, 4), (20, 4)),
    fields=((24, 1), (25, 1), (26, 1), (27, 1), (28, 1)),
    inner={
        b"IDAT": _image_data,
        b"fdAT": lambda body, rng: body[:4] + _image_data(body[4:], rng),
        b"eXIf": mutate_exif,
        **dict.fromkeys((b"tEXt", b"zTXt", b"iTXt", b"iCCP"), _png_text),
    },
    strangers=_png_stranger,
)
