"""Encoded pictures made from arrays, in ways that no library writes them, and what a viewer shows of an array."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Array = NDArray[Any]

EXIF_PREFIX = b"Exif\0\0"
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
XMP_KEY = b"XML:com.adobe.xmp"
_FORMS = {1: "B", 2: "B", 3: "H", 4: "I", 7: "B", 9: "i", 16: "Q"}


def photo(height: int = 24, width: int = 36, seed: int = 0) -> Array:
    """Smooth uint8 (h, w, 3) colours over most of the range, no two corners alike."""
    y, x = np.mgrid[0:height, 0:width] / max(height, width)
    phases = np.random.default_rng(seed).uniform(0, 3, 3)
    return np.stack([127 + 110 * np.sin(4 * x + 3 * y * k + phases[k]) for k in range(3)], axis=2).astype(np.uint8)


def gray_of(rgb: Array) -> Array:
    """0.299 R + 0.587 G + 0.114 B, in OpenCV's integers."""
    r, g, b = (rgb[..., channel].astype(np.int64) for channel in range(3))
    return ((9798 * r + 19235 * g + 3735 * b + 2**14) >> 15).astype(np.uint8)


def scaled(samples: Array, maximum: int) -> Array:
    """Samples of 0 to ``maximum`` to 8 bits, rounded."""
    return ((samples.astype(np.int64) * 510 + maximum) // (2 * maximum)).astype(np.uint8)


def on_white(colors: Array, alpha: Array) -> Array:
    """8-bit colours or grey under 8-bit alpha (h, w) over white."""
    alpha = alpha.astype(np.int64) if colors.ndim == 2 else alpha.astype(np.int64)[..., None]
    return ((colors * alpha + 255 * (255 - alpha) + 127) // 255).astype(np.uint8)


def stored(upright: Array, orientation: int) -> Array:
    """The array to store, so that a viewer that turns it by ``orientation`` shows ``upright``."""
    undo = {
        1: lambda a: a,
        2: np.fliplr,
        3: lambda a: np.rot90(a, 2),
        4: np.flipud,
        5: lambda a: a.swapaxes(0, 1),
        6: np.rot90,
        7: lambda a: np.rot90(a, 2).swapaxes(0, 1),
        8: lambda a: np.rot90(a, -1),
    }
    return np.ascontiguousarray(undo[orientation](upright))


def encoded(array: Array | Image.Image, form: str, **options: Any) -> bytes:
    """By Pillow."""
    buffer = io.BytesIO()
    image = array if isinstance(array, Image.Image) else Image.fromarray(array)
    image.save(buffer, form, **options)
    return buffer.getvalue()


def exif(orientation: int, order: str = "<", kind: int = 3) -> bytes:
    """EXIF of one tag, without prefix."""
    value = struct.pack(order + {1: "B3x", 3: "H2x", 4: "I"}[kind], orientation)
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8)
    return head + struct.pack(order + "HHHI", 1, 0x0112, kind, 1) + value + b"\0\0\0\0"


def xmp(orientation: int, as_element: bool = False) -> bytes:
    """An XMP packet that says an orientation."""
    said = (
        f"><tiff:Orientation>{orientation}</tiff:Orientation></rdf:Description>"
        if as_element
        else f' tiff:Orientation="{orientation}"/>'
    )
    return (
        '<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" '
        f'xmlns:tiff="http://ns.adobe.com/tiff/1.0/"{said}</rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
    ).encode()


def with_segments(jpeg: bytes, *contents: bytes, marker: int = 0xE1) -> bytes:
    """A JPEG with segments put in behind its start."""
    segments = [bytes((0xFF, marker)) + struct.pack(">H", len(content) + 2) + content for content in contents]
    return jpeg[:2] + b"".join(segments) + jpeg[2:]


def chunk(kind: bytes, content: bytes = b"", crc: int | None = None) -> bytes:
    """A chunk of PNG."""
    check = zlib.crc32(kind + content) if crc is None else crc
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", check)


def png(
    array: Array, bits: int = 8, palette: Array | None = None, before: Sequence[bytes] = (), after: Sequence[bytes] = ()
) -> bytes:
    """A PNG of grey (h, w), grey and alpha, RGB or RGBA samples, or of indices, with chunks around its pixels."""
    height, width = array.shape[:2]
    channels = 1 if array.ndim == 2 else array.shape[2]
    color = 3 if palette is not None else {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    if bits == 16:
        rows = array.astype(">u2").reshape(height, -1).view(np.uint8)
    elif bits == 8:
        rows = array.astype(np.uint8).reshape(height, -1)
    else:
        planes = array.astype(np.uint8)[..., None] >> np.arange(bits - 1, -1, -1) & 1
        rows = np.packbits(planes.reshape(height, -1), axis=1)
    raw = b"".join(b"\0" + row.tobytes() for row in rows)
    chunks = [chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, color, 0, 0, 0))]
    chunks += [chunk(b"PLTE", palette.astype(np.uint8).tobytes())] if palette is not None else []
    chunks += [*before, chunk(b"IDAT", zlib.compress(raw)), *after, chunk(b"IEND")]
    return PNG_SIGNATURE + b"".join(chunks)


def text_chunk(key: bytes, text: bytes, kind: bytes = b"tEXt", compressed: bool = False) -> bytes:
    """A text of PNG."""
    content = zlib.compress(text) if compressed or kind == b"zTXt" else text
    between = {b"tEXt": b"", b"zTXt": b"\0", b"iTXt": bytes((compressed, 0)) + b"\0\0"}[kind]
    return chunk(kind, key + b"\0" + between + content)


def raw_profile(kind: bytes, content: bytes) -> bytes:
    """A profile as ImageMagick writes it into a text."""
    digits = content.hex()
    lines = [digits[at : at + 72] for at in range(0, len(digits), 72)]
    return b"\n" + kind + b"\n" + f"{len(content):8d}\n".encode() + "\n".join(lines).encode() + b"\n"


def tiff(
    array: Array,
    bits: int | None = None,
    photometric: int | None = None,
    order: str = "<",
    big: bool = False,
    **tags: tuple[int, Sequence[int]],
) -> bytes:
    """An uncompressed TIFF of (h, w) or (h, w, C) samples; further tags as ``t274=(kind, values)``."""
    height, width = array.shape[:2]
    channels = 1 if array.ndim == 2 else array.shape[2]
    bits = bits or 8 * array.dtype.itemsize
    if bits in (1, 2, 4, 12):
        planes = array.astype(np.uint16)[..., None] >> np.arange(bits - 1, -1, -1) & 1
        raw = np.packbits(planes.reshape(height, -1).astype(np.uint8), axis=1).tobytes()
    else:
        raw = array.astype(array.dtype.newbyteorder(order)).tobytes()
    number = {"u": 1, "i": 2, "f": 3}[array.dtype.kind]
    fields: dict[int, tuple[int, Sequence[int]]] = {
        256: (4, [width]),
        257: (4, [height]),
        258: (3, [bits] * channels),
        259: (3, [1]),
        262: (3, [(2 if channels >= 3 else 1) if photometric is None else photometric]),
        273: (4, [0]),
        277: (3, [channels]),
        278: (4, [height]),
        279: (4, [len(raw)]),
        339: (3, [number] * channels),
    }
    if channels in (2, 4):
        fields[338] = (3, [2])
    fields |= {int(name[1:]): value for name, value in tags.items()}
    offset, count, room = ("Q", "Q", 8) if big else ("I", "H", 4)
    start = 16 if big else 8
    entry = 4 + 2 * room
    base = start + struct.calcsize(order + count) + entry * len(fields) + room
    long = sum(struct.calcsize(order + f"{len(v)}{_FORMS[k]}") for k, v in fields.values() if _long(k, v, order, room))
    fields[273] = (16 if big else 4, [base + long])
    blob, ifd = b"", struct.pack(order + count, len(fields))
    for tag, (kind, values) in sorted(fields.items()):
        content = struct.pack(order + f"{len(values)}{_FORMS[kind]}", *values)
        head = struct.pack(order + "HH" + offset, tag, kind, len(values))
        if len(content) <= room:
            ifd += head + content.ljust(room, b"\0")
        else:
            ifd += head + struct.pack(order + offset, base + len(blob))
            blob += content
    mark = {"<": b"II", ">": b"MM"}[order] + struct.pack(order + "H", 43 if big else 42)
    mark += struct.pack(order + "HHQ", 8, 0, start) if big else struct.pack(order + "I", start)
    return mark + ifd + b"\0" * room + blob + raw


def _long(kind: int, values: Sequence[int], order: str, room: int) -> bool:
    return struct.calcsize(order + f"{len(values)}{_FORMS[kind]}") > room


def riff(*chunks: tuple[bytes, bytes]) -> bytes:
    """A WebP of these chunks."""
    body = b"".join(kind + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2) for kind, data in chunks)
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body


def webp_chunks(data: bytes) -> dict[bytes, bytes]:
    """The chunks of a WebP."""
    found, at = {}, 12
    while at + 8 <= len(data):
        kind, length = struct.unpack_from("<4sI", data, at)
        found[kind] = data[at + 8 : at + 8 + length]
        at += 8 + length + length % 2
    return found


def wide_bmp() -> bytes:
    """A BMP that says it is -127 pixels wide, which is 4,294,967,169."""
    return b"BM" + bytes(8) + struct.pack("<IIiiHH", 54, 40, -127, 64, 1, 24) + bytes(24)


def box(kind: bytes, content: bytes) -> bytes:
    """A box of ISO's container format."""
    return struct.pack(">I", 8 + len(content)) + kind + content
