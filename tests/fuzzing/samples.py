"""A small good image of every kind that is read, each from the same picture or from random samples."""

from __future__ import annotations

import io
from collections.abc import Iterator
from functools import lru_cache
from random import Random
from typing import Any

import numpy as np
import pillow_heif
from PIL import Image, PngImagePlugin

from tests.fuzzing.writers import PNG_CHANNELS, PNG_DEPTHS, bmp, png, png_chunk, tiff

WIDTH, HEIGHT = 40, 28
XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6"/></rdf:RDF></x:xmpmeta>'
)
_JPEG_XMP = b"http://ns.adobe.com/xap/1.0/\0"


@lru_cache(1)
def samples() -> dict[str, bytes]:
    """Every sample by its name, the part of which before the slash is its format."""
    return {
        **{f"jpeg/{name}": data for name, data in _jpegs()},
        **{f"png/{name}": data for name, data in _pngs()},
        **{f"gif/{name}": data for name, data in _gifs()},
        **{f"bmp/{name}": data for name, data in _bmps()},
        **{f"tiff/{name}": data for name, data in _tiffs()},
        **{f"webp/{name}": data for name, data in _webps()},
        **{f"jp2/{name}": data for name, data in _jp2s()},
        **{f"pnm/{name}": data for name, data in _pnms()},
        **{f"heif/{name}": data for name, data in _heifs()},
        **{f"avif/{name}": data for name, data in _avifs()},
    }


def exif(orientation: int = 6) -> Image.Exif:
    """An orientation, a text, and a directory of its own in the camera's."""
    facts = Image.Exif()
    facts[0x0112] = orientation
    facts[0x010F] = "a camera"
    facts.get_ifd(0x8769)[0x9003] = "2020:01:02 03:04:05"
    return facts


def _picture(mode: str = "RGB", number: int = 0) -> Image.Image:
    noise = np.random.default_rng(number).integers(0, 256, (7, 10, 4), np.uint8)
    picture = Image.fromarray(noise).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC)
    return picture.convert("RGB").quantize(16) if mode == "P" else picture.convert(mode)


def _saved(image: Image.Image, form: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def _frames(mode: str = "RGB") -> dict[str, Any]:
    return {"save_all": True, "append_images": [_picture(mode, 1), _picture(mode, 2)], "duration": 50}


def _jpegs() -> Iterator[tuple[str, bytes]]:
    for mode in ("L", "RGB", "CMYK"):
        yield mode, _saved(_picture(mode), "JPEG")
        yield f"{mode} progressive", _saved(_picture(mode), "JPEG", progressive=True)
    yield "4:4:4", _saved(_picture(), "JPEG", subsampling=0, optimize=True)
    yield "restarts", _saved(_picture(), "JPEG", restart_marker_blocks=1, comment=b"words")
    yield "stored RGB", _saved(_picture(), "JPEG", keep_rgb=True)
    yield "EXIF", _saved(_picture(), "JPEG", exif=exif(), icc_profile=bytes(200), dpi=(72, 72))
    yield "EXIF twice", _saved(_picture(), "JPEG", exif=b"Exif\0\0" + exif(5).tobytes())
    yield "XMP", _saved(_picture(), "JPEG", xmp=XMP)
    yield "of several", _saved(_picture(), "MPO", save_all=True, append_images=[_picture(number=1)])


def _pngs() -> Iterator[tuple[str, bytes]]:
    for color in PNG_CHANNELS:
        for depth in PNG_DEPTHS[color]:
            for interlaced in (False, True):
                yield f"{color} {depth}{' interlaced' * interlaced}", png(WIDTH, HEIGHT, color, depth, interlaced)
    for color, key in ((0, b"\0\5"), (2, b"\0\1\0\2\0\3"), (3, b"\0\x80\xff")):
        yield f"{color} tRNS", png(WIDTH, HEIGHT, color, 8, False, png_chunk(b"tRNS", key))
    yield "0 16 tRNS", png(WIDTH, HEIGHT, 0, 16, False, png_chunk(b"tRNS", b"\1\2"))
    text = PngImagePlugin.PngInfo()
    text.add_text("Comment", "words " * 20, zip=True)
    text.add_itxt("XML:com.adobe.xmp", XMP.decode(), zip=True)
    text.add_text("Raw profile type exif", f"\nexif\n{len(exif().tobytes()):8}\n{exif().tobytes().hex()}\n")
    yield "metadata", _saved(_picture(), "PNG", exif=exif(), icc_profile=bytes(200), pnginfo=text, dpi=(72, 72))
    colours = b"\0\0\xb1\x8f", bytes(32), b"\0"
    yield (
        "colour space",
        png(WIDTH, HEIGHT, 2, 8, False, b"".join(map(png_chunk, (b"gAMA", b"cHRM", b"sRGB"), colours))),
    )
    yield "animated", _saved(_picture(), "PNG", **_frames())
    yield "animated RGBA", _saved(_picture("RGBA"), "PNG", **_frames("RGBA"), default_image=True, disposal=2, blend=1)


def _gifs() -> Iterator[tuple[str, bytes]]:
    yield "plain", _saved(_picture("P"), "GIF", interlace=False)
    yield "grey", _saved(_picture("L"), "GIF", comment=b"words")
    yield "transparent", _saved(_picture("P"), "GIF", transparency=2, background=3)
    yield "animated", _saved(_picture("P"), "GIF", **_frames("P"), loop=0, disposal=2)
    yield "animated RGBA", _saved(_picture("RGBA"), "GIF", **_frames("RGBA"), disposal=3)


def _bmps() -> Iterator[tuple[str, bytes]]:
    for bits in (1, 4, 8, 24, 32):
        yield f"{bits}", bmp(WIDTH, HEIGHT, bits)
    yield "upper row first", bmp(WIDTH, -HEIGHT, 24)
    yield "OS/2 8", bmp(WIDTH, HEIGHT, 8, header=12)
    yield "OS/2 24", bmp(WIDTH, HEIGHT, 24, header=12)
    yield "runs 8", bmp(WIDTH, HEIGHT, 8, compression=1)
    yield "runs 4", bmp(WIDTH, HEIGHT, 4, compression=2)
    yield "16", bmp(WIDTH, HEIGHT, 16)
    yield "16 masks", bmp(WIDTH, HEIGHT, 16, compression=3)
    yield "32 masks", bmp(WIDTH, HEIGHT, 32, header=108, compression=3)
    yield "version 5", bmp(WIDTH, HEIGHT, 24, header=124)


def _tiffs() -> Iterator[tuple[str, bytes]]:
    for compression in ("tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg"):
        yield f"RGB {compression}", _saved(_picture(), "TIFF", compression=compression)
    for compression in ("group3", "group4", "tiff_ccitt"):
        yield f"1 {compression}", _saved(_picture("1"), "TIFF", compression=compression)
    for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "LAB", "I", "F"):
        yield f"{mode}", _saved(_picture(mode), "TIFF")
    yield "EXIF", _saved(_picture(), "TIFF", exif=exif())
    yield "pages", _saved(_picture(), "TIFF", **_frames())
    yield "strips 16", tiff(WIDTH, HEIGHT, [16] * 3, 2, order=">", orientation=6)
    yield "tiles", tiff(WIDTH, HEIGHT, [8] * 3, 2, tile=16, deflate=True)
    yield "tiles 16 grey", tiff(WIDTH, HEIGHT, [16], 1, tile=16, order=">")
    yield "planes", tiff(WIDTH, HEIGHT, [8] * 3, 2, planar=True)
    yield "big", tiff(WIDTH, HEIGHT, [8], 1, big=True)
    yield "big tiles", tiff(WIDTH, HEIGHT, [8] * 4, 2, big=True, order=">", tile=16, deflate=True, extra=[1])
    yield "alpha 16", tiff(WIDTH, HEIGHT, [16] * 4, 2, extra=[2])
    for bits in (2, 4, 12):
        yield f"{bits} grey", tiff(WIDTH, HEIGHT, [bits], 0)
    yield "4 palette", tiff(WIDTH, HEIGHT, [4], 3)
    yield "16 signed", tiff(WIDTH, HEIGHT, [16], 1, sample_format=2)
    yield "32 float", tiff(WIDTH, HEIGHT, [32], 1, sample_format=3, deflate=True)
    yield "64 float", tiff(WIDTH, HEIGHT, [64], 1, sample_format=3)


def _webps() -> Iterator[tuple[str, bytes]]:
    for mode in ("RGB", "RGBA"):
        yield f"{mode}", _saved(_picture(mode), "WEBP")
        yield f"{mode} lossless", _saved(_picture(mode), "WEBP", lossless=True)
        yield f"{mode} animated", _saved(_picture(mode), "WEBP", **_frames(mode), minimize_size=True)
    yield "metadata", _saved(_picture(), "WEBP", exif=exif(), icc_profile=bytes(200), xmp=XMP)
    yield "prefixed EXIF", _saved(_picture(), "WEBP", exif=b"Exif\0\0" + exif().tobytes())


def _jp2s() -> Iterator[tuple[str, bytes]]:
    for mode in ("L", "LA", "RGB", "RGBA"):
        yield mode, _saved(_picture(mode), "JPEG2000")
    yield "16", _saved(Image.fromarray(np.arange(WIDTH * HEIGHT, dtype=np.uint16).reshape(HEIGHT, WIDTH)), "JPEG2000")
    yield "tiles", _saved(_picture(), "JPEG2000", tile_size=(16, 16), irreversible=True, num_resolutions=3)
    yield "bare", _saved(_picture(), "JPEG2000", no_jp2=True)


def _pnms() -> Iterator[tuple[str, bytes]]:
    rng = Random(0)
    for kind, (largest, channels) in enumerate(((1, 1), (255, 1), (255, 3)), 1):
        head = b"P%d\n# words\n%d %d\n" % (kind, WIDTH, HEIGHT) + (b"%d\n" % largest if largest > 1 else b"")
        numbers = [b"%d" % rng.randint(0, largest) for _ in range(WIDTH * HEIGHT * channels)]
        yield f"P{kind}", head + b" ".join(numbers) + b"\n"
    for kind, largest, size in ((4, 1, -(-WIDTH // 8)), (5, 255, WIDTH), (6, 255, WIDTH * 3), (5, 1023, WIDTH * 2)):
        head = b"P%d %d %d\n" % (kind, WIDTH, HEIGHT) + (b"%d\n" % largest if largest > 1 else b"")
        pixels = rng.randbytes(size * HEIGHT)
        if largest > 255:
            pixels = b"".join(rng.randint(0, largest).to_bytes(2, "big") for _ in range(WIDTH * HEIGHT))
        yield f"P{kind} {largest}", head + pixels


def _heifs() -> Iterator[tuple[str, bytes]]:
    pillow_heif.register_heif_opener()
    for mode in ("L", "RGB", "RGBA"):
        yield mode, _saved(_picture(mode), "HEIF", quality=50)
    yield "EXIF", _saved(_picture(), "HEIF", exif=exif().tobytes(), xmp=XMP)
    yield "several", _saved(_picture(), "HEIF", save_all=True, append_images=[_picture(number=1)])
    deep = np.random.default_rng(0).integers(0, 65536, (HEIGHT, WIDTH, 3), np.uint16)
    file = pillow_heif.from_bytes("RGB;16", (WIDTH, HEIGHT), deep.tobytes())
    buffer = io.BytesIO()
    file.save(buffer)
    yield "deep", buffer.getvalue()


def _avifs() -> Iterator[tuple[str, bytes]]:
    for mode in ("L", "RGB", "RGBA"):
        yield mode, _saved(_picture(mode), "AVIF", speed=10)
    yield "EXIF", _saved(_picture(), "AVIF", exif=exif(), xmp=XMP, speed=10)
    yield "animated", _saved(_picture(), "AVIF", **_frames(), speed=10)
