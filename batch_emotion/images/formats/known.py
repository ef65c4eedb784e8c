"""Which format a file is of, by how it begins."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from batch_emotion.images.facts import ImageFacts
from batch_emotion.images.formats import bmp, gif, heif, jpeg, jpeg2000, png, pnm, tiff, webp
from batch_emotion.images.formats.libraries import Samples


class Format(NamedTuple):
    """How to read a format: facts from a whole file, and its samples by these facts.

    ``read_facts`` and ``read_samples`` raise ``ImageRefused``, or whatever damage makes them.
    """

    read_facts: Callable[[bytes], ImageFacts]
    read_samples: Callable[[bytes, ImageFacts], Samples]


JPEG = Format(jpeg.read_facts, jpeg.read_samples)
_PNG = Format(png.read_facts, png.read_samples)
_BY_SIGNATURE = (
    *((signature, Format(gif.read_facts, gif.read_samples)) for signature in gif.SIGNATURES),
    *((signature, Format(tiff.read_facts, tiff.read_samples)) for signature in tiff.SIGNATURES),
    *((signature, Format(jpeg2000.read_facts, jpeg2000.read_samples)) for signature in jpeg2000.SIGNATURES),
    *((signature, Format(pnm.read_facts, pnm.read_samples)) for signature in pnm.SIGNATURES),
    (bmp.SIGNATURE, Format(bmp.read_facts, bmp.read_samples)),
)
_WEBP = Format(webp.read_facts, webp.read_samples)
_HEIF = Format(heif.read_facts, heif.read_samples)

_FOREIGN = (
    (b"\0\0\1\0", "an icon image (ICO)"),
    (b"icns", "an icon image (ICNS)"),
    (b"8BPS", "a Photoshop image (PSD)"),
    (b"\xff\x0a", "a JPEG XL image"),
    (b"\0\0\0\x0cJXL ", "a JPEG XL image"),
    (b"DDS ", "a DDS image"),
    (b"qoif", "a QOI image"),
    (b"\x76\x2f\x31\x01", "an OpenEXR image"),
    (b"#?RADIANCE", "a Radiance HDR image"),
    (b"SIMPLE  =", "a FITS image"),
    (b"P7\n", "a PAM image"),
    (b"PF\n", "a PFM image"),
    (b"Pf\n", "a PFM image"),
    (b"II\xbc\1", "a JPEG XR image"),
    (b"IIRO", "a camera's raw image (ORF)"),
    (b"IIU\0", "a camera's raw image (RW2)"),
    (b"FUJIFILM", "a camera's raw image (RAF)"),
    (b"<svg", "a vector image (SVG)"),
    (b"<?xml", "an XML file"),
    (b"<!DOCTYPE", "a web page"),
    (b"<html", "a web page"),
    (b"%PDF", "a PDF document"),
    (b"%!PS", "a PostScript document"),
    (b"\x1a\x45\xdf\xa3", "a video (Matroska or WebM)"),
    (b"OggS", "a video or sound (Ogg)"),
    (b"FLV\1", "a video (FLV)"),
    (b"\0\0\1\xba", "a video (MPEG)"),
    (b"\0\0\1\xb3", "a video (MPEG)"),
    (b"PK\3\4", "a ZIP archive"),
    (b"\x1f\x8b", "a gzip archive"),
)
_OLD_QUICKTIME = frozenset((b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot"))


def format_of(data: bytes) -> Format | None:
    """The format of a file's content; None where it is none that is decoded."""
    if data.startswith(jpeg.SIGNATURE):
        return JPEG
    if data.startswith(png.SIGNATURE):
        return _PNG
    if heif.matches(data):
        return _HEIF
    if webp.matches(data):
        return _WEBP
    return next((known for signature, known in _BY_SIGNATURE if data.startswith(signature)), None)


def foreign_name(data: bytes) -> str:
    """What a file is that is of no format that is decoded, and what to do."""
    start = data[:64].removeprefix(b"\xef\xbb\xbf").lstrip()
    name = next((name for signature, name in _FOREIGN if start.startswith(signature) or data.startswith(signature)), "")
    if start.startswith(b"<?xml") and b"<svg" in data[:1024]:
        name = "a vector image (SVG)"
    elif data[:4] == b"\0\0\2\0":  # of which a cursor tells how many it holds
        name = "a cursor image (CUR)" if any(data[4:6]) else "a Targa image (TGA)"
    elif data[:4] == b"RIFF":
        name = f"a RIFF file ({data[8:12].decode('latin-1').strip()})"
    elif data[4:8] in _OLD_QUICKTIME:
        name = "a video (QuickTime)"
    if not name:
        return "not an image of a supported format"
    return f"{name}, which is not decoded; convert it to JPEG or PNG" if " image" in name else f"{name}, not an image"
