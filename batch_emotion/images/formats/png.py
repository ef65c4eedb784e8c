"""PNG: only the chunks that make pixels reach a decoder, so that no text, profile or animation can decide any."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from PIL import PngImagePlugin

from batch_emotion.images.facts import ImageFacts, unsupported
from batch_emotion.images.formats.libraries import Samples, first_decoded, opencv, opencv_as_stored, pillow
from batch_emotion.images.orientation import orientation_of

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_IHDR = struct.Struct(">IIBB")
_CHUNK = struct.Struct(">I4s")
_END = b"\0\0\0\0IEND\xaeB`\x82"
_GRAY, _PALETTE, _ALPHA = (0, 4), 3, (4, 6)
_PIXELS = frozenset((b"IHDR", b"PLTE", b"IDAT"))
_HARMLESS = frozenset((b"IDAT", b"PLTE", b"pHYs", b"tIME"))
_TEXTS = frozenset((b"tEXt", b"zTXt", b"iTXt"))
_RAW_EXIF = (b"Raw profile type exif", b"Raw profile type APP1")
_XMP = (b"XML:com.adobe.xmp", b"Raw profile type xmp")
_LONGEST_TEXT = 2**20


@dataclass
class _Chunks:
    """Where what matters lies."""

    pixels: list[slice] = field(default_factory=list)
    transparency: bytes | None = None
    exif: list[bytes] = field(default_factory=list)
    xmp: list[bytes] = field(default_factory=list)
    is_cut: bool = False


def read_facts(data: bytes) -> ImageFacts:
    """What a PNG is: of an animated one, its still image, which is what every viewer shows that does not animate."""
    if data[8:16] != b"\0\0\0\rIHDR":
        if data[12:16] == b"CgBI":
            raise unsupported("a PNG in Apple's own format of iOS applications; save it anew with another program")
        raise ValueError("no IHDR chunk")
    width, height, bits, color = _IHDR.unpack_from(data, 16)
    if _is_plain(data):
        return _facts(width, height, bits, color, False, 1, True)
    chunks = _walk(data)
    if not chunks.is_cut and not any(data.startswith(b"IDAT", piece.start + 4) for piece in chunks.pixels):
        raise ValueError("no IDAT chunk")
    orientation = orientation_of(chunks.exif, chunks.xmp)
    return _facts(width, height, bits, color, chunks.transparency is not None, orientation, False)


@lru_cache(1024)
def _facts(
    width: int, height: int, bits: int, color: int, keyed: bool, orientation: int, only_pixels: bool
) -> ImageFacts:
    """One object for all images that are alike, as the faces of a data set are."""
    alpha = keyed or color in _ALPHA
    maximum = 65535 if bits == 16 else 255  # OpenCV spreads fewer bits over 8
    plain = only_pixels and not alpha and bits <= 8
    return ImageFacts("PNG", (width, height), orientation, bits, maximum, color in _GRAY, alpha, None, plain)


def read_samples(data: bytes, facts: ImageFacts) -> Samples:
    """Decode to 8 or 16 bits."""
    if facts.plain:
        samples = opencv(data, facts.gray)
        if samples is not None:
            return samples
    chunks = _walk(data)
    if chunks.is_cut:
        raise ValueError("it is cut short")  # OpenCV would make room for all that the cut chunk says it holds
    is_palette, transparency = data[25] == _PALETTE, chunks.transparency or b""
    kept: list[bytes | memoryview] = [memoryview(data)[piece] for piece in chunks.pixels]
    if is_palette and transparency:
        at = next(at for at, piece in enumerate(kept) if piece[4:8] == b"IDAT")
        kept.insert(at, _chunk(b"tRNS", transparency[:256]))
    pixels = b"".join((SIGNATURE, *kept, _END))
    as_stored = facts.alpha or facts.bits > 8
    samples = first_decoded(
        lambda: opencv_as_stored(pixels) if as_stored else opencv(pixels, facts.gray),
        lambda: pillow(PngImagePlugin.PngImageFile, pixels, facts),
    )
    return samples if is_palette or not transparency else _with_color_key(samples, transparency, facts.bits)


def _is_plain(data: bytes) -> bool:
    """Whether a file has no chunk but those that make pixels, and none is cut."""
    at, has_pixels = 33, False
    while at + 12 <= len(data):
        length, kind = _CHUNK.unpack_from(data, at)
        if kind == b"IDAT":
            has_pixels = True
        elif kind == b"IEND":
            return has_pixels  # or OpenCV would look for them beyond
        elif kind not in _HARMLESS:
            return False
        at += 12 + length
    return False


def _walk(data: bytes) -> _Chunks:
    """Sort the chunks, up to the end or to one that is cut; what lacks but the end, or a text's, has all its pixels."""
    chunks, at = _Chunks(), 8
    while at + 12 <= len(data):
        length, kind = _CHUNK.unpack_from(data, at)
        end = at + 12 + length
        if end > len(data):
            chunks.is_cut = kind in _PIXELS
            break
        if kind in _PIXELS:
            chunks.pixels.append(slice(at, end))
        elif kind == b"IEND":
            break
        elif kind == b"tRNS":
            chunks.transparency = chunks.transparency or data[at + 8 : end - 4]
        elif kind == b"eXIf":
            chunks.exif.append(data[at + 8 : end - 4])
        elif kind in _TEXTS:
            _read_text(kind, data[at + 8 : end - 4], chunks)
        at = end
    return chunks


def _read_text(kind: bytes, content: bytes, chunks: _Chunks) -> None:
    """Keep EXIF and XMP that is hidden in a text."""
    key, _, rest = content.partition(b"\0")
    if key not in _RAW_EXIF and key not in _XMP:
        return
    text = rest
    if kind == b"zTXt":
        text = _inflated(rest[1:])
    elif kind == b"iTXt":
        text = rest[2:].split(b"\0", 2)[-1]
        if rest[:1] == b"\1":
            text = _inflated(text)
    profile = b"".join(_hex(text)) if key.startswith(b"Raw") else text
    (chunks.exif if key in _RAW_EXIF else chunks.xmp).append(profile)


def _inflated(data: bytes) -> bytes:
    try:
        return zlib.decompressobj().decompress(data, _LONGEST_TEXT)
    except zlib.error:
        return b""


def _hex(text: bytes) -> Iterator[bytes]:
    """The content of ImageMagick's raw profile: a line for its name, one for its length, and lines of hex digits."""
    for line in text.strip().splitlines()[2:]:
        try:
            yield bytes.fromhex(line.decode("ascii"))
        except ValueError:
            return


def _chunk(kind: bytes, content: bytes) -> bytes:
    body = kind + content
    return len(content).to_bytes(4, "big") + body + zlib.crc32(body).to_bytes(4, "big")


def _with_color_key(samples: Samples, key: bytes, bits: int) -> Samples:
    """Add an alpha channel that is zero where all samples are those of the key."""
    channels = 1 if samples.ndim == 2 else 3
    if len(key) < 2 * channels:
        return samples
    values = [int.from_bytes(key[at : at + 2], "big") & (2**bits - 1) for at in range(0, 2 * channels, 2)]
    if bits < 8:
        values = [value * 255 // (2**bits - 1) for value in values]
    flat = samples.reshape(*samples.shape[:2], channels)
    opaque = np.iinfo(samples.dtype).max
    alpha = np.zeros(samples.shape[:2], samples.dtype)
    for channel, value in enumerate(values):
        alpha[flat[..., channel] != value] = opaque
    return np.dstack([flat, alpha])
