"""Small images in the corners of PNG, TIFF and BMP that libraries read and do not write."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from random import Random

PNG_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
PNG_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))


def png_chunk(kind: bytes, body: bytes) -> bytes:
    """A chunk with its length and its checksum."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(width: int, height: int, color: int, depth: int, interlaced: bool, chunks: bytes = b"") -> bytes:
    """A PNG of random samples; ``chunks`` stand before its pixels."""
    rng = Random(f"{width} {height} {color} {depth} {interlaced}")
    rows = bytearray()
    for x, y, across, down in _ADAM7 if interlaced else ((0, 0, 1, 1),):
        columns = -(-(width - x) // across)
        for _ in range(-(-(height - y) // down) if columns > 0 else 0):
            rows.append(rng.randrange(5))
            rows += rng.randbytes(-(-columns * depth * PNG_CHANNELS[color] // 8))
    header = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, interlaced)
    palette = png_chunk(b"PLTE", rng.randbytes(3 * min(256, 2**depth))) if color == 3 else b""
    pixels = png_chunk(b"IDAT", zlib.compress(bytes(rows)))
    parts = (png_chunk(b"IHDR", header), palette, chunks, pixels, png_chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def tiff(
    width: int,
    height: int,
    bits: Sequence[int],
    photometric: int,
    *,
    order: str = "<",
    big: bool = False,
    tile: int = 0,
    rows_per_strip: int = 7,
    planar: bool = False,
    deflate: bool = False,
    sample_format: int = 1,
    orientation: int = 1,
    extra: Sequence[int] = (),
) -> bytes:
    """A TIFF of random samples, in strips or, where ``tile`` is their side, in tiles.

    ``bits`` are those of each sample; ``extra`` are the ExtraSamples.
    """
    rng = Random(repr((width, height, bits, photometric, tile, planar)))
    columns, rows = (tile, tile) if tile else (width, rows_per_strip)
    pieces = -(-width // columns) * -(-height // rows) * (len(bits) if planar else 1)
    row_bytes = -(-columns * (bits[0] if planar else sum(bits)) // 8)
    data = [rng.randbytes(row_bytes * rows) for _ in range(pieces)]
    data = [zlib.compress(piece) for piece in data] if deflate else data
    entries: list[tuple[int, int, Sequence[int]]] = [
        (256, 4, [width]),
        (257, 4, [height]),
        (258, 3, bits),
        (259, 3, [8 if deflate else 1]),
        (262, 3, [photometric]),
        (274, 3, [orientation]),
        (277, 3, [len(bits)]),
        (284, 3, [2 if planar else 1]),
        (339, 3, [sample_format] * len(bits)),
        *([(322, 4, [tile]), (323, 4, [tile])] if tile else [(278, 4, [rows])]),
        *([(338, 3, extra)] if extra else []),
        *([(320, 3, [rng.randrange(65536) for _ in range(3 * 2 ** bits[0])])] if photometric == 3 else []),
        (325 if tile else 279, 4, [len(piece) for piece in data]),
    ]
    size = 16 if big else 8
    at, offsets = size, []
    for piece in data:
        offsets.append(at)
        at += len(piece)
    entries.append((324 if tile else 273, 4, offsets))
    return _directory(order, big, b"".join(data), sorted(entries))


def _directory(order: str, big: bool, data: bytes, entries: Sequence[tuple[int, int, Sequence[int]]]) -> bytes:
    word, count, inline = ("Q", "Q", 8) if big else ("I", "H", 4)
    start = (16 if big else 8) + len(data)
    beyond = start + struct.calcsize(f"={count}") + len(entries) * (4 + 2 * inline) + inline
    table, values = struct.pack(f"{order}{count}", len(entries)), b""
    for tag, kind, numbers in entries:
        packed = struct.pack(f"{order}{len(numbers)}{ {3: 'H', 4: 'I'}[kind] }", *numbers)
        if len(packed) > inline:
            values, packed = values + packed, struct.pack(f"{order}{word}", beyond + len(values))
        table += struct.pack(f"{order}HH{word}", tag, kind, len(numbers)) + packed.ljust(inline, b"\0")
    magic = struct.pack(f"{order}HHHQ", 43, 8, 0, start) if big else struct.pack(f"{order}HI", 42, start)
    return (b"II" if order == "<" else b"MM") + magic + data + table + bytes(inline) + values


def bmp(width: int, height: int, bits: int, *, header: int = 40, compression: int = 0) -> bytes:
    """A BMP of random samples; a negative height stores the upper row first.

    ``header`` is the size of its information header: 12, 40, 108 or 124; ``compression`` is 0 (none), 1 or 2 (run
    lengths, one run for each row) or 3 (masks).
    """
    rng = Random(f"{width} {height} {bits} {header} {compression}")
    rows = abs(height)
    if compression in (1, 2):
        pixels = b"".join(bytes([width, rng.randrange(256), 0, 0]) for _ in range(rows)) + b"\0\1"
    else:
        pixels = rng.randbytes(-(-width * bits // 32) * 4 * rows)
    if header == 12:
        information = struct.pack("<IHHHH", 12, width, rows, 1, bits)
    else:
        information = struct.pack(
            "<IiiHHIIiiII", header, width, height, 1, bits, compression, len(pixels), 2835, 2835, 0, 0
        )
        masks = (0xF800, 0x7E0, 0x1F, 0) if bits == 16 else (0xFF0000, 0xFF00, 0xFF, 0xFF000000)
        if header > 40:
            information += struct.pack("<4I", *masks).ljust(header - 40, b"\0")
        elif compression == 3:
            information += struct.pack("<3I", *masks[:3])
    palette = rng.randbytes((3 if header == 12 else 4) * 2**bits) if bits <= 8 else b""
    start = 14 + len(information) + len(palette)
    return b"BM" + struct.pack("<IHHI", start + len(pixels), 0, 0, start) + information + palette + pixels
