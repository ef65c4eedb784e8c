"""Every format, mode, depth, orientation and way to say it: our pixels are those of the array that was encoded."""

from __future__ import annotations

import io
import itertools
import struct
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pillow_heif
import pytest
from PIL import Image

from batch_emotion.images.decode import decode_whole
from batch_emotion.options.images import Limits
from batch_emotion.records import Status
from tests.images import pictures as made
from tests.images.pictures import Array

RGB = made.photo()
GRAY = made.gray_of(RGB)
ALPHA = np.linspace(0, 255, GRAY.size).astype(np.uint8).reshape(GRAY.shape)
DEEP = (RGB.astype(np.uint16) << 8) + RGB[::-1]
LIMITS = Limits()


class Picture(NamedTuple):
    """An encoded picture, the RGB or grey that a viewer shows of it, and by how much a lossy format may differ."""

    name: str
    data: bytes
    shown: Array
    tolerance: int = 0


def _pixels(data: bytes, gray: bool = False) -> Array:
    image = decode_whole(data, gray, LIMITS, lambda size, upright: 1)
    assert image.status is Status.OK, image.error
    assert image.pixels is not None
    assert (image.width, image.height) == image.pixels.shape[1::-1]
    return image.pixels


def _few_colors(rgb: Array) -> tuple[Array, Array]:
    """Indices, and a palette of at most 256 colours that are exactly those of the picture."""
    palette, indices = np.unique(rgb.reshape(-1, 3) // 64 * 80, axis=0, return_inverse=True)
    return indices.reshape(rgb.shape[:2]).astype(np.uint8), palette.astype(np.uint8)


def _pngs() -> Iterator[Picture]:
    indices, palette = _few_colors(RGB)
    alphas = np.linspace(0, 255, len(palette)).astype(np.uint8)
    opaque = made.on_white(RGB, ALPHA)
    yield Picture("png rgb", made.png(RGB), RGB)
    yield Picture("png rgba", made.png(np.dstack([RGB, ALPHA])), opaque)
    yield Picture("png gray", made.png(GRAY), GRAY)
    yield Picture("png gray alpha", made.png(np.dstack([GRAY, ALPHA])), made.on_white(GRAY, ALPHA))
    yield Picture("png palette", made.png(indices, palette=palette), palette[indices])
    transparent = made.png(indices, palette=palette, before=[made.chunk(b"tRNS", alphas.tobytes())])
    yield Picture("png palette alpha", transparent, made.on_white(palette[indices], alphas[indices]))
    yield Picture("png rgb16", made.png(DEEP, 16), made.scaled(DEEP, 65535))
    yield Picture("png gray16", made.png(DEEP[..., 0], 16), made.scaled(DEEP[..., 0], 65535))
    deep = np.dstack([DEEP, DEEP[..., ::-1][..., :1]])
    yield Picture(
        "png rgba16",
        made.png(deep, 16),
        made.on_white(made.scaled(DEEP, 65535), made.scaled(deep[..., 3], 65535)),
    )
    for bits in (1, 2, 4):
        small = GRAY >> (8 - bits)
        yield Picture(f"png gray{bits}", made.png(small, bits), made.scaled(small, 2**bits - 1))
        keyed = made.png(small, bits, before=[made.chunk(b"tRNS", b"\0\1")])
        yield Picture(f"png gray{bits} key", keyed, np.where(small == 1, 255, made.scaled(small, 2**bits - 1)))
        few = made.png(small, bits, palette=palette[: 2**bits])
        yield Picture(f"png palette{bits}", few, palette[: 2**bits][small])
    for name, array, bits in (("rgb", RGB, 8), ("rgb16", DEEP, 16), ("gray", GRAY, 8), ("gray16", DEEP[..., 0], 16)):
        key = np.atleast_1d(array[5, 7])
        keyed = made.png(array, bits, before=[made.chunk(b"tRNS", key.astype(">u2").tobytes())])
        is_key = (array.reshape(*array.shape[:2], -1) == key).all(axis=2)
        shown = made.scaled(array, 2**bits - 1)
        yield Picture(f"png {name} key", keyed, np.where(is_key if array.ndim == 2 else is_key[..., None], 255, shown))


def _tiffs() -> Iterator[Picture]:
    float_gray, float_rgb = (GRAY / 255).astype(np.float32), (RGB / 255).astype(np.float32)
    for order, big in itertools.product("<>", (False, True)):
        name = f"{'big' if big else ''}tiff {order}"
        options = {"order": order, "big": big}
        yield Picture(f"{name} rgb", made.tiff(RGB, **options), RGB)
        yield Picture(f"{name} gray", made.tiff(GRAY, **options), GRAY)
        yield Picture(f"{name} white is zero", made.tiff(255 - GRAY, photometric=0, **options), GRAY)
        yield Picture(f"{name} rgba", made.tiff(np.dstack([RGB, ALPHA]), **options), made.on_white(RGB, ALPHA))
        yield Picture(f"{name} rgb16", made.tiff(DEEP, **options), made.scaled(DEEP, 65535))
        yield Picture(f"{name} gray16", made.tiff(DEEP[..., 0], **options), made.scaled(DEEP[..., 0], 65535))
        yield Picture(f"{name} float", made.tiff(float_gray, **options), GRAY)
        yield Picture(f"{name} float of 255", made.tiff(float_gray * 255, **options), GRAY)
        for bits in (1,) if order == ">" and big else (1, 2, 4):  # Pillow knows no big-endian BigTIFF
            small = GRAY >> (8 - bits)
            yield Picture(f"{name} gray{bits}", made.tiff(small, bits, **options), made.scaled(small, 2**bits - 1))
    twelve = DEEP[..., 0] >> 4
    yield Picture("tiff gray12", made.tiff(twelve, 12), made.scaled(twelve, 4095))
    yield Picture(
        "tiff white is zero 16", made.tiff(65535 - DEEP[..., 0], photometric=0), made.scaled(DEEP[..., 0], 65535)
    )
    yield Picture("tiff rgb float", made.tiff(float_rgb), RGB)
    yield Picture("tiff double", made.tiff((GRAY / 255).astype(np.float64)), GRAY)
    for name, kind in (("int32", np.int32), ("uint32", np.uint32)):
        yield Picture(f"tiff {name} of 255", made.tiff(GRAY.astype(kind)), GRAY)
        yield Picture(f"tiff {name} of 65535", made.tiff(DEEP[..., 0].astype(kind)), made.scaled(DEEP[..., 0], 65535))
    wide = GRAY.astype(np.uint32) * (2**32 // 255)
    yield Picture("tiff uint32 of all", made.tiff(wide), made.scaled(wide, 2**32 - 1))
    yield Picture("tiff int16", made.tiff((DEEP[..., 0] >> 1).astype(np.int16)), made.scaled(DEEP[..., 0] >> 1, 32767))
    for compression in ("tiff_lzw", "tiff_deflate", "packbits"):
        for array in (RGB, GRAY, DEEP[..., 0]):
            shown = made.scaled(array, 65535) if array.dtype == np.uint16 else array
            data = made.encoded(array, "TIFF", compression=compression)
            yield Picture(f"tiff {compression} {array.dtype}{array.ndim}", data, shown)


def _others() -> Iterator[Picture]:
    indices, palette = _few_colors(RGB)
    rgba, opaque = np.dstack([RGB, ALPHA]), made.on_white(RGB, ALPHA)
    few = Image.fromarray(indices)
    few.putpalette(palette.tobytes())
    for form in ("BMP", "GIF"):
        yield Picture(f"{form} gray", made.encoded(GRAY, form), GRAY)
        yield Picture(f"{form} palette", made.encoded(few, form), palette[indices])
    yield Picture("BMP rgb", made.encoded(RGB, "BMP"), RGB)
    yield Picture("BMP of 32 bits", made.encoded(rgba, "BMP"), RGB)
    yield Picture("BMP rgba", bmp(rgba, (0xFF, 0xFF00, 0xFF0000, 0xFF000000)), opaque)
    yield Picture(
        "BMP transparent throughout", bmp(rgba & [255, 255, 255, 0], (0xFF, 0xFF00, 0xFF0000, 0xFF000000)), RGB
    )
    yield Picture("BMP from above", bmp(rgba, (0xFF, 0xFF00, 0xFF0000, 0), from_above=True), RGB)
    key = made.encoded(few, "GIF", transparency=3)
    yield Picture("GIF key", key, np.where((indices == 3)[..., None], 255, palette[indices]))
    yield Picture("WebP rgb", made.encoded(RGB, "WEBP", lossless=True), RGB)
    yield Picture("WebP rgba", made.encoded(rgba, "WEBP", lossless=True, exact=True), opaque)
    yield Picture("WebP lossy", made.encoded(RGB, "WEBP", quality=100), RGB, 16)
    yield Picture("WebP lossy rgba", made.encoded(rgba, "WEBP", quality=100, exact=True), opaque, 16)
    yield Picture("JP2 rgb", made.encoded(RGB, "JPEG2000"), RGB)
    yield Picture("JP2 rgba", made.encoded(rgba, "JPEG2000"), opaque)
    yield Picture("JP2 gray", made.encoded(GRAY, "JPEG2000"), GRAY)
    yield Picture("J2K gray16", made.encoded(DEEP[..., 0], "JPEG2000", no_jp2=True), made.scaled(DEEP[..., 0], 65535))
    yield Picture("JPEG rgb", made.encoded(RGB, "JPEG", quality=100, subsampling=0), RGB, 3)
    yield Picture("JPEG as rgb", made.encoded(RGB, "JPEG", quality=100, keep_rgb=True), RGB, 3)
    yield Picture("JPEG gray", made.encoded(GRAY, "JPEG", quality=100), GRAY, 3)
    yield Picture("JPEG progressive", made.encoded(RGB, "JPEG", quality=100, subsampling=0, progressive=True), RGB, 3)
    cmyk = np.dstack([255 - RGB, np.zeros_like(GRAY)])
    yield Picture("JPEG cmyk", made.encoded(Image.fromarray(cmyk, "CMYK"), "JPEG", quality=100, subsampling=0), RGB, 4)
    for mode in ("RGB", "RGBA", "L"):
        image = Image.fromarray({"RGB": RGB, "RGBA": rgba, "L": GRAY}[mode])
        shown = {"RGB": RGB, "RGBA": opaque, "L": GRAY}[mode]
        yield Picture(f"AVIF {mode}", made.encoded(image, "AVIF", quality=100, subsampling="4:4:4"), shown, 3)
        yield Picture(f"HEIC {mode}", heic(image), shown, 4)
    yield Picture("HEIC tiles", heic(Image.fromarray(made.photo(256, 384)), tile_size=128), made.photo(256, 384), 4)
    yield Picture("HEIC rgb 10 bits", _deep_heic("RGB;16", DEEP), made.scaled(DEEP, 65535), 4)
    yield Picture("HEIC gray 10 bits", _deep_heic("I;16", DEEP[..., 0]), made.scaled(DEEP[..., 0], 65535), 2)
    yield from _pnms()


def bmp(rgba: Array, masks: tuple[int, int, int, int], from_above: bool = False) -> bytes:
    """A BMP of 32 bits with the masks of Windows 4.0's header, from below or from above."""
    height, width = rgba.shape[:2]
    rows = (rgba if from_above else rgba[::-1]).astype(np.uint8).tobytes()
    head = struct.pack(
        "<IiiHHIIIIII4I", 108, width, -height if from_above else height, 1, 32, 3, len(rows), 0, 0, 0, 0, *masks
    )
    return b"BM" + struct.pack("<IHHI", 122 + len(rows), 0, 0, 122) + head + b"\0" * 52 + rows


def heic(image: Image.Image, **options: object) -> bytes:
    """By libheif, as good as it can."""
    buffer = io.BytesIO()
    pillow_heif.from_pillow(image).save(buffer, quality=-1, chroma=444, **options)
    return buffer.getvalue()


def _deep_heic(mode: str, array: Array) -> bytes:
    buffer = io.BytesIO()
    size = array.shape[1::-1]
    pillow_heif.from_bytes(mode=mode, size=size, data=array.tobytes()).save(buffer, quality=-1, chroma=444)
    return buffer.getvalue()


def _pnms() -> Iterator[Picture]:
    height, width = GRAY.shape
    bits = GRAY >> 7
    text = " ".join(map(str, (1 - bits).ravel())).encode()
    yield Picture(
        "PBM", b"P4 # by hand\n%d %d\n" % (width, height) + np.packbits(1 - bits, axis=1).tobytes(), bits * 255
    )
    yield Picture("PBM text", b"P1\n%d %d\n" % (width, height) + text, bits * 255)
    for maximum in (100, 255, 1023, 65535):
        for kind, array in ((5, DEEP[..., 0]), (6, DEEP)):
            samples = array.astype(np.int64) * maximum // 65535
            head = b"%d %d\n%d\n" % (width, height, maximum)
            raw = samples.astype(">u2" if maximum > 255 else np.uint8).tobytes()
            shown = made.scaled(samples, maximum)
            yield Picture(f"PNM {kind} of {maximum}", b"P%d\n" % kind + head + raw, shown)
            text = " ".join(map(str, samples.ravel())).encode()
            yield Picture(f"PNM text {kind} of {maximum}", b"P%d\n" % (kind - 3) + head + text, shown)


PICTURES = [*_pngs(), *_tiffs(), *_others()]


@pytest.mark.parametrize("picture", PICTURES, ids=lambda picture: picture.name)
def test_the_pixels_are_those_of_the_array(picture: Picture) -> None:
    shown = picture.shown if picture.shown.ndim == 3 else np.repeat(picture.shown[..., None], 3, axis=2)
    difference = np.abs(_pixels(picture.data).astype(int) - shown)
    assert difference.max() <= picture.tolerance
    assert difference.mean() <= picture.tolerance / 2


@pytest.mark.parametrize("picture", PICTURES, ids=lambda picture: picture.name)
def test_grey_is_made_of_the_colours_and_is_the_same_in_every_mode(picture: Picture) -> None:
    gray = picture.shown if picture.shown.ndim == 2 else made.gray_of(picture.shown)
    assert np.abs(_pixels(picture.data, gray=True).astype(int) - gray).max() <= picture.tolerance


@pytest.mark.parametrize("picture", PICTURES, ids=lambda picture: picture.name)
def test_a_picture_that_is_cut_is_never_another_one(picture: Picture) -> None:
    whole = _pixels(picture.data)
    for part in np.linspace(0.2, 0.98, 9):
        image = decode_whole(picture.data[: int(len(picture.data) * part)], False, LIMITS, lambda size, upright: 1)
        assert image.status in (Status.OK, Status.CORRUPT)
        assert image.pixels is None or (image.pixels == whole).all()


@pytest.mark.parametrize(
    "color", [GRAY, np.repeat(GRAY[..., None], 3, axis=2), np.dstack([GRAY, np.full_like(GRAY, 255)])]
)
def test_a_grey_picture_is_the_same_to_the_bit_however_it_is_stored(color: Array) -> None:
    rgba = np.dstack([GRAY, GRAY, GRAY, np.full_like(GRAY, 255)])
    palette = np.repeat(np.arange(256)[:, None], 3, axis=1)
    files = [
        made.png(color),
        made.png(rgba),
        made.png(GRAY, palette=palette),
        made.png(GRAY.astype(np.uint16) * 257, 16),
        made.tiff(color),
        made.encoded(rgba, "WEBP", lossless=True),
        made.encoded(rgba[..., :3], "BMP"),
        made.encoded(GRAY, "GIF"),
    ]
    for data in files:
        assert (_pixels(data, gray=True) == GRAY).all()
        assert (_pixels(data) == GRAY[..., None]).all()


def test_the_brightness_of_a_jpeg_is_the_grey_of_its_colours_within_their_range() -> None:
    """The tolerance: what rounding YCbCr to RGB and back to grey can add up to."""
    rgb = made.photo(128, 192) // 2 + 64
    for options in ({}, {"subsampling": 0}, {"quality": 60}):
        data = made.encoded(rgb, "JPEG", **options)
        luma = _pixels(data, gray=True).astype(int)
        difference = np.abs(luma - _pixels(made.png(_pixels(data)), gray=True))
        assert difference.max() <= 1
        assert difference.mean() < 0.5


def _in_exif(form: str, orientation: int) -> Iterator[bytes]:
    exif = made.exif(orientation)
    array = made.stored(RGB, orientation)
    if form == "JPEG":
        plain = made.encoded(array, "JPEG", quality=100, subsampling=0)
        for order, kind in itertools.product("<>", (1, 3, 4)):
            yield made.with_segments(plain, made.EXIF_PREFIX + made.exif(orientation, order, kind))
        yield made.with_segments(plain, made.EXIF_PREFIX * 2 + exif)
        yield made.with_segments(plain, made.EXIF_PREFIX + b"broken", made.EXIF_PREFIX + exif)
        for element in (False, True):
            packet = made.xmp(orientation, element)
            yield made.with_segments(plain, b"http://ns.adobe.com/xap/1.0/\0" + packet)
            differing = b"http://ns.adobe.com/xap/1.0/\0" + made.xmp(9 - orientation, element)
            yield made.with_segments(plain, differing, made.EXIF_PREFIX + exif)
            yield made.with_segments(plain, made.EXIF_PREFIX + made.exif(0), b"http://ns.adobe.com/xap/1.0/\0" + packet)
    elif form == "PNG":
        chunks = [made.chunk(b"eXIf", exif), made.chunk(b"eXIf", made.EXIF_PREFIX + exif)]
        for name in (b"exif", b"APP1"):
            for kind in (b"tEXt", b"zTXt", b"iTXt"):
                profile = made.raw_profile(name, made.EXIF_PREFIX + exif)
                chunks.append(made.text_chunk(b"Raw profile type " + name, profile, kind))
        for element, compressed in itertools.product((False, True), (False, True)):
            packet = made.xmp(orientation, element)
            chunks.append(made.text_chunk(made.XMP_KEY, packet, b"iTXt", compressed))
        raw_xmp = made.raw_profile(b"xmp", made.xmp(orientation))
        chunks.append(made.text_chunk(b"Raw profile type xmp", raw_xmp, b"zTXt"))
        for chunk in chunks:
            yield made.png(array, before=[chunk])
            yield made.png(array, after=[chunk])
        yield made.png(array, before=[made.text_chunk(made.XMP_KEY, made.xmp(9 - orientation), b"iTXt"), chunks[0]])
    elif form == "WebP":
        flags = {b"VP8X": bytes((0x0C, 0, 0, 0, array.shape[1] - 1, 0, 0, array.shape[0] - 1, 0, 0))}
        picture = made.webp_chunks(made.encoded(array, "WEBP", lossless=True))
        for content in (exif, made.EXIF_PREFIX + exif):
            yield made.riff(*flags.items(), *picture.items(), (b"EXIF", content))
        yield made.riff(*flags.items(), *picture.items(), (b"XMP ", made.xmp(orientation)))
        both = (b"XMP ", made.xmp(9 - orientation)), (b"EXIF", exif)
        yield made.riff(*flags.items(), *picture.items(), *both)
    else:
        for order, big in itertools.product("<>", (False, True)):
            yield made.tiff(array, order=order, big=big, t274=(3, [orientation]))
        packet = made.xmp(orientation)
        yield made.tiff(array, t700=(1, packet))
        yield made.tiff(array, t700=(7, packet))
        yield made.tiff(array, t274=(3, [orientation]), t700=(1, made.xmp(9 - orientation)))
        yield made.encoded(array, "TIFF", compression="tiff_lzw", tiffinfo={274: orientation})


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WebP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_an_orientation_counts_wherever_it_is_said(form: str, orientation: int) -> None:
    for number, data in enumerate(_in_exif(form, orientation)):
        pixels = _pixels(data)
        assert pixels.shape == RGB.shape, number
        assert np.abs(pixels.astype(int) - RGB).max() <= (4 if form == "JPEG" else 0), number


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_mode_and_depth_is_turned(orientation: int) -> None:
    for array in (RGB, GRAY, DEEP, DEEP[..., 0], np.dstack([RGB, ALPHA])):
        deep = array.dtype == np.uint16
        turned = made.stored(array, orientation)
        chunk = made.chunk(b"eXIf", made.exif(orientation))
        plain, said = (
            made.png(array, 16 if deep else 8),
            made.png(turned, 16 if deep else 8, before=[chunk]),
        )
        assert (_pixels(said) == _pixels(plain)).all()
        assert (_pixels(made.tiff(turned, t274=(3, [orientation]))) == _pixels(made.tiff(array))).all()


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("form", ["AVIF", "HEIC"])
def test_irot_and_imir_turn_and_exif_does_not(form: str, orientation: int) -> None:
    said = Image.Exif()
    said[0x0112] = orientation
    image = Image.fromarray(made.stored(RGB, orientation))
    if form == "AVIF":
        data = made.encoded(image, "AVIF", quality=100, subsampling="4:4:4", exif=said)
    else:
        data = heic(image, exif=said.tobytes())
    assert (b"irot" in data or b"imir" in data) == (orientation > 1)
    assert np.abs(_pixels(data).astype(int) - RGB).max() <= 4


@pytest.mark.parametrize("form", ["AVIF", "HEIC"])
def test_exif_alone_does_not_turn_what_is_of_heif(form: str) -> None:
    other = made.exif(6).replace(struct.pack("<H", 0x0112), struct.pack("<H", 0x0113))
    image = Image.fromarray(RGB)
    if form == "AVIF":
        data = made.encoded(image, "AVIF", quality=100, subsampling="4:4:4", exif=other)
    else:
        data = heic(image, exif=made.EXIF_PREFIX + other)
    assert other in data
    said = data.replace(other, made.exif(6))
    assert np.abs(_pixels(said).astype(int) - RGB).max() <= 4
