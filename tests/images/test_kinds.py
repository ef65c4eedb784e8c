"""The kinds of image that three libraries had three opinions of: one test each, of the kind rather than of one file."""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFile

from batch_emotion.images.decode import decode, decode_whole
from batch_emotion.images.facts import ImageFacts
from batch_emotion.images.formats.known import format_of
from batch_emotion.options.images import Limits
from batch_emotion.records import DecodedImage, InputSpec, Status
from tests.images import pictures as made
from tests.images.pictures import Array
from tests.images.test_corpus import bmp, heic

RGB = made.photo()
GRAY = made.gray_of(RGB)
SPEC = InputSpec((24, 36))


def _decoded(data: bytes, gray: bool = False) -> DecodedImage:
    return decode_whole(data, gray, Limits(), lambda size, upright: 1)


def _pixels(data: bytes, gray: bool = False) -> Array:
    image = _decoded(data, gray)
    assert image.pixels is not None, (image.status, image.error)
    return image.pixels


def _facts(data: bytes) -> ImageFacts:
    known = format_of(data)
    assert known is not None
    return known.read_facts(data)


def _jp2_of_sides(width: int, height: int) -> bytes:
    data = bytearray(made.encoded(RGB, "JPEG2000", no_jp2=True))
    struct.pack_into(">II", data, 8, width, height)
    return bytes(data)


def _heif_of_sides(data: bytes, width: int, height: int) -> bytes:
    changed, at = bytearray(data), data.index(b"ispe")
    struct.pack_into(">II", changed, at + 8, width, height)
    return bytes(changed)


def _with_sides(data: bytes, at: int, form: str, *sides: int) -> bytes:
    changed = bytearray(data)
    struct.pack_into(form, changed, at, *sides)
    return bytes(changed)


BMP = made.encoded(RGB, "BMP")
BEYOND = {
    "bmp narrower than nothing": _with_sides(BMP, 18, "<ii", -127, 24),
    "bmp of the lowest height": _with_sides(BMP, 18, "<ii", 1, -(2**31)),
    "png wide": _with_sides(made.png(RGB), 16, ">II", 2**31, 1),
    "png high": _with_sides(made.png(RGB), 16, ">II", 1, 2**32 - 1),
    "tiff wide": made.tiff(RGB, t256=(4, [2**31])),
    "bigtiff high": made.tiff(RGB, big=True, t257=(16, [2**63])),
    "jpeg 2000": _jp2_of_sides(2**31, 1),
    "pgm": b"P5 99999999999 1 255\n" + bytes(99),
    "ppm": b"P6 1 2147483648 255\n" + bytes(99),
    "avif": _heif_of_sides(made.encoded(RGB, "AVIF"), 2**31, 1),
    "heic": _heif_of_sides(heic(Image.fromarray(RGB)), 1, 2**32 - 1),
}


@pytest.mark.parametrize("name", BEYOND)
def test_a_side_beyond_the_columns_is_too_large_and_has_no_size(name: str) -> None:
    for limits in (Limits(), Limits(max_pixels=2**62)):
        image = decode(BEYOND[name], SPEC, limits)
        assert (image.status, image.width, image.height) == (Status.TOO_LARGE, None, None)
        assert image.error
        assert "pixels" in image.error


@pytest.mark.parametrize(
    "data",
    [
        _jp2_of_sides(0, 5),
        made.tiff(RGB, t256=(9, [-36]), t257=(9, [-24])),
        made.tiff(RGB, t256=(4, [0])),
        _with_sides(made.png(RGB), 16, ">II", 0, 24),
        _with_sides(BMP, 18, "<ii", 36, 0),
        b"P5 0 3 255\n",
    ],
)
def test_no_side_or_a_negative_one_is_corrupt_and_has_no_size(data: bytes) -> None:
    image = decode(data, SPEC, Limits())
    assert (image.status, image.width, image.height) == (Status.CORRUPT, None, None)


@pytest.mark.parametrize("extension", ["gAMA", "cHRM", "sRGB", "iCCP", "cICP", "sBIT", "bKGD"])
def test_colour_space_chunks_of_a_png_change_no_pixel(extension: str) -> None:
    content = {
        "gAMA": struct.pack(">I", 100_000),
        "cHRM": struct.pack(">8I", 34567, 35850, 73500, 26500, 11500, 82600, 15700, 1800),
        "sRGB": b"\0",
        "iCCP": b"name\0\0" + zlib.compress(b"no profile" * 40),
        "cICP": b"\x09\x10\0\1",
        "sBIT": b"\5\5\5",
        "bKGD": b"\0\xff\0\0\0\0",
    }[extension]
    plain, marked = made.png(RGB), made.png(RGB, before=[made.chunk(extension.encode(), content)])
    for gray in (False, True):
        assert (_pixels(marked, gray) == _pixels(plain, gray)).all()
    assert (_pixels(plain, gray=True) == GRAY).all()


def test_an_icc_profile_changes_no_pixel_of_any_format() -> None:
    profile = b"\0" * 36 + b"acsp" + b"\0" * 400
    rgb_image = Image.fromarray(RGB)
    for form in ("JPEG", "PNG", "WEBP", "TIFF", "AVIF"):
        with_profile, without = (
            made.encoded(rgb_image, form, icc_profile=profile),
            made.encoded(rgb_image, form),
        )
        assert with_profile != without
        assert (_pixels(with_profile) == _pixels(without)).all()


def test_broken_and_huge_metadata_says_nothing_about_a_png() -> None:
    rgba = np.dstack([RGB, np.full_like(GRAY, 200)])
    noise = np.random.default_rng(0).integers(0, 255, 3 * 2**20, np.uint8).tobytes()
    chunks = [
        made.chunk(b"eXIf", b"garbage"),
        made.chunk(b"eXIf", b""),
        made.chunk(b"eXIf", made.exif(6)[:11]),
        made.chunk(b"eXIf", made.exif(0)),
        made.chunk(b"eXIf", b"II*\0\xff\xff\xff\xff"),
        made.chunk(b"tEXt", b"no end of the key"),
        made.chunk(b"zTXt", b"key\0\0not compressed"),
        made.chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0not compressed"),
        made.chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0<x:xmpmeta tiff:Orientation='99'"),
        made.chunk(b"tEXt", b"Raw profile type exif\0\nexif\n  12\nno hex"),
        made.chunk(b"tEXt", b"Raw profile type APP1\0"),
        made.text_chunk(b"Comment", noise, b"zTXt"),
        made.text_chunk(b"Comment", b" " * 2**27, b"zTXt"),
        made.text_chunk(b"Comment", noise.hex().encode()),
        made.chunk(b"tEXt", b"Comment\0wrong check", crc=1),
        made.chunk(b"iCCP", b"broken"),
        made.chunk(b"pHYs", b"\0"),
        made.chunk(b"tIME", b"\0"),
        made.chunk(b"hIST", b"\0\1"),
        made.chunk(b"sPLT", b"\0"),
        made.chunk(b"abCd", noise[:99]),
        made.chunk(b"acTL", b""),
        made.chunk(b"fcTL", b"short"),
    ]
    for array in (RGB, rgba, GRAY):
        plain = _pixels(made.png(array))
        for one in chunks:
            assert (_pixels(made.png(array, before=[one])) == plain).all(), one[4:60]
            assert (_pixels(made.png(array, after=[one])) == plain).all(), one[4:60]
        assert (_pixels(made.png(array, before=chunks, after=chunks)) == plain).all()


def test_broken_metadata_says_nothing_about_other_formats() -> None:
    for content in (
        b"",
        b"garbage",
        made.exif(6)[:11],
        made.exif(77),
        b"II*\0\xff\xff\xff\x7f",
        made.exif(6, kind=4)[:20],
    ):
        jpeg = made.encoded(RGB, "JPEG")
        webp = made.encoded(RGB, "WEBP", lossless=True)
        flags = bytes((0x0C, 0, 0, 0, 35, 0, 0, 23, 0, 0))
        for prefix in (made.EXIF_PREFIX, b"http://ns.adobe.com/xap/1.0/\0", b"ICC_PROFILE\0", b"MPF\0"):
            for marker in (0xE1, 0xE2, 0xED, 0xFE):
                changed = made.with_segments(jpeg, prefix + content, marker=marker)
                assert (_pixels(changed) == _pixels(jpeg)).all()
        chunks = made.webp_chunks(webp)
        marked = made.riff(
            (b"VP8X", flags), *chunks.items(), (b"EXIF", content), (b"XMP ", content), (b"what", content)
        )
        assert (_pixels(marked) == _pixels(webp)).all()
        assert (_pixels(made.tiff(RGB, t700=(7, content or b"x"), t34675=(7, content or b"x"))) == RGB).all()
        assert (_pixels(made.tiff(RGB, t34665=(4, [2**31]), t33723=(4, [0]), t274=(3, [99]))) == RGB).all()


@pytest.mark.parametrize("bits", [8, 16])
def test_a_colour_key_makes_only_its_own_colour_white(bits: int) -> None:
    array = GRAY if bits == 8 else GRAY.astype(np.uint16) * 256 + 7
    for value in (int(array[3, 4]), 0, 2**bits - 1):
        data = made.png(array, bits, before=[made.chunk(b"tRNS", struct.pack(">H", value))])
        shown = made.scaled(array, 2**bits - 1)
        assert (_pixels(data, gray=True) == np.where(array == value, 255, shown)).all()


def test_pixels_between_the_real_minimum_and_maximum_use_the_whole_range() -> None:
    for maximum in (1, 3, 15, 100, 255, 256, 1023, 4095, 65535):
        for kind in (2, 5):
            samples = np.array([[0, maximum // 2, maximum]])
            body = (
                b"%d %d %d" % tuple(samples[0])
                if kind == 2
                else samples.astype(">u2" if maximum > 255 else "u1").tobytes()
            )
            data = b"P%d\n3 1\n%d\n" % (kind, maximum) + body
            assert _pixels(data, gray=True).tolist() == made.scaled(samples, maximum).tolist()


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_a_fourth_sample_is_no_alpha_unless_the_file_says_so(kind: type) -> None:
    """Film scanners write infrared there."""
    largest = np.iinfo(kind).max
    samples = np.dstack([RGB, 255 - GRAY]).astype(kind) * (largest // 255)
    assert (_pixels(made.tiff(samples, t338=(3, [0]))) == RGB).all()
    assert (_pixels(made.tiff(samples)) == made.on_white(RGB, 255 - GRAY)).mean() > 0.95


def test_a_grey_gif_keeps_its_transparent_colour() -> None:
    data = made.encoded(Image.fromarray(GRAY), "GIF", transparency=int(GRAY[3, 4]))
    assert (_pixels(data, gray=True) == np.where(GRAY[3, 4] == GRAY, 255, GRAY)).all()


def test_highlights_of_floating_point_do_not_make_all_else_black() -> None:
    samples = (GRAY / 255).astype(np.float32)
    samples[0, :4] = 1.02, 3, np.inf, np.nan
    shown = GRAY.copy()
    shown[0, :4] = 255, 255, 255, 0
    assert (_pixels(made.tiff(samples), gray=True) == shown).all()
    assert (_pixels(made.tiff(samples * 255), gray=True) == shown).all()
    white = np.full((4, 4), 2**31 - 1, np.int32)
    assert (_pixels(made.tiff(white), gray=True) == 255).all()


def _frame_control(number: int, width: int, height: int, x: int = 0, y: int = 0) -> bytes:
    return made.chunk(b"fcTL", struct.pack(">IIIIIHHBB", number, width, height, x, y, 1, 10, 0, 0))


def test_of_an_animated_png_the_still_image_is_shown() -> None:
    black = zlib.compress(bytes((36 * 3 + 1) * 24))
    no_such_frames = [made.chunk(b"acTL", struct.pack(">II", 30, 0))]
    hidden = [
        [made.chunk(b"acTL", struct.pack(">II", 1, 0))],
        [_frame_control(0, 36, 24), made.chunk(b"fdAT", struct.pack(">I", 1) + black)],
    ]
    frames = (
        [made.chunk(b"acTL", struct.pack(">II", 2, 0)), _frame_control(0, 36, 24)],
        [
            _frame_control(1, 5, 5, 3, 3),
            made.chunk(b"fdAT", struct.pack(">I", 2) + zlib.compress(bytes(16 * 5))),
        ],
    )
    for array in (RGB, GRAY, np.dstack([RGB, np.full_like(GRAY, 255)]), np.dstack([GRAY, np.full_like(GRAY, 255)])):
        plain = _pixels(made.png(array))
        assert (_pixels(made.png(array, before=no_such_frames)) == plain).all()
        for before, after in (hidden, frames):
            assert (_pixels(made.png(array, before=before, after=after)) == plain).all()


def test_of_every_animation_the_first_frame_is_shown() -> None:
    first, second = Image.fromarray(RGB), Image.fromarray(255 - RGB)
    options = {"save_all": True, "append_images": [second, second], "duration": 100}
    for form, more in (("WEBP", {"lossless": True}), ("TIFF", {}), ("PNG", {}), ("AVIF", {"quality": 100})):
        data = made.encoded(first, form, **options, **more)
        assert np.abs(_pixels(data).astype(int) - RGB).max() <= (60 if form == "AVIF" else 0)
        assert np.abs(_pixels(data).astype(int) - RGB).mean() <= 3
    few = Image.fromarray(GRAY)
    data = made.encoded(few, "GIF", **options | {"append_images": [Image.fromarray(255 - GRAY)]})
    assert (_pixels(data, gray=True) == GRAY).all()


def _webp_frame(array: Array, canvas: tuple[int, int], x: int, y: int) -> bytes:
    height, width = array.shape[:2]
    three = lambda value: int(value).to_bytes(3, "little")  # noqa: E731
    alpha = 0x10 if array.shape[2] == 4 else 0
    picture = b"".join(
        kind + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)
        for kind, data in made.webp_chunks(made.encoded(array, "WEBP", lossless=True, exact=True)).items()
        if kind != b"VP8X"
    )
    frame = three(x // 2) + three(y // 2) + three(width - 1) + three(height - 1) + three(100) + b"\0" + picture
    flags = bytes((2 | alpha, 0, 0, 0)) + three(canvas[0] - 1) + three(canvas[1] - 1)
    return made.riff((b"VP8X", flags), (b"ANIM", b"\0\0\xff\xff\0\0"), (b"ANMF", frame))


def test_a_webp_frame_lies_where_it_belongs_on_white() -> None:
    rgba = np.dstack([RGB, np.full_like(GRAY, 128)])
    for array, shown in ((RGB, RGB), (rgba, made.on_white(RGB, rgba[..., 3]))):
        image = _decoded(_webp_frame(array, (50, 40), 10, 6))
        assert (image.width, image.height) == (50, 40)
        assert image.pixels is not None
        expected = np.full((40, 50, 3), 255, np.uint8)
        expected[6:30, 10:46] = shown
        assert (image.pixels == expected).all()


def _gif(screen: tuple[int, int], box: tuple[int, int, int, int], background: int = 0, extension: bytes = b"") -> bytes:
    """A GIF whose frame of a single colour, palette entry 1, lies at (x, y, width, height)."""
    picture = Image.fromarray(np.ones(box[:1:-1], np.uint8))
    picture.putpalette([0, 0, 0, 10, 200, 30])
    data = made.encoded(picture, "GIF", optimize=False)
    at = data.index(b",\0\0\0\0")
    size = 3 * 2 ** ((data[10] & 7) + 1)
    head = b"GIF89a" + struct.pack("<HHBBB", *screen, data[10], background, 0) + data[13 : 13 + size]
    return head + extension + b"," + struct.pack("<HHHH", *box) + data[at + 9 :]


@pytest.mark.parametrize(
    ("screen", "box", "size"),
    [
        ((8, 6), (0, 0, 8, 6), (8, 6)),
        ((8, 6), (2, 1, 4, 3), (8, 6)),
        ((8, 6), (4, 3, 8, 6), (12, 9)),
        ((0, 0), (0, 0, 8, 6), (8, 6)),
        ((2, 2), (0, 0, 8, 6), (8, 6)),
    ],
)
@pytest.mark.parametrize("background", [0, 1, 255])
def test_a_gif_is_shown_whatever_its_background_and_wherever_its_frame(
    screen: tuple[int, int], box: tuple[int, int, int, int], size: tuple[int, int], background: int
) -> None:
    for extension in (b"", b"!\xfe\3abc\0", b"!\xf9\4\0\0\0\7\0", b"\0\0"):
        image = _decoded(_gif(screen, box, background, extension))
        assert (image.status, image.width, image.height) == (Status.OK, *size), image.error
        expected = np.full((size[1], size[0], 3), 255, np.uint8)
        x, y, width, height = box
        expected[y : y + height, x : x + width] = (10, 200, 30)
        assert image.pixels is not None
        assert (image.pixels == expected).all()


@pytest.mark.parametrize("brand", [b"isom", b"mp42", b"qt  ", b"avc1", b"M4V ", b"3gp5"])
def test_a_film_is_called_a_film(brand: bytes) -> None:
    film = made.box(b"ftyp", brand + b"\0\0\2\0" + brand + b"mp41") + made.box(b"moov", bytes(80))
    image = decode(film, SPEC, Limits())
    assert image.status is Status.UNSUPPORTED
    assert image.error
    assert "not an image" in image.error
    assert "HEIC" not in image.error


@pytest.mark.parametrize(
    ("start", "name"),
    [
        (b"%PDF-1.7", "PDF"),
        (b"8BPS\0\1", "Photoshop"),
        (b"\0\0\1\0\1\0", "ICO"),
        (b"\xff\x0a\xfa", "JPEG XL"),
        (b"  <svg xmlns=", "SVG"),
        (b"<!DOCTYPE html>", "web page"),
        (b"\x1a\x45\xdf\xa3", "WebM"),
        (b"RIFF\0\0\0\0AVI LIST", "AVI"),
        (b"\0\0\0\x14moov", "QuickTime"),
        (b"PK\3\4", "ZIP"),
        (b"\0\0\2\0\1\0", "CUR"),
        (b"\0\0\2\0\0\0", "TGA"),
        (b"\xef\xbb\xbf<svg", "SVG"),
        (b'<?xml version="1.0"?><!-- by hand --><svg', "SVG"),
        (b"<?xml version='1.0'?><note>", "XML"),
    ],
)
def test_what_is_not_decoded_is_called_by_its_name(start: bytes, name: str) -> None:
    image = decode(start + bytes(64), SPEC, Limits())
    assert image.status is Status.UNSUPPORTED
    assert image.error
    assert name in image.error


def test_what_is_sound_but_not_decoded_is_unsupported() -> None:
    jpeg = made.encoded(RGB, "JPEG")
    frame = jpeg.index(b"\xff\xc0")
    twelve_bits = jpeg[: frame + 4] + b"\x0c" + jpeg[frame + 5 :]
    hierarchical = jpeg[: frame + 1] + b"\xc5" + jpeg[frame + 2 :]
    no_height = jpeg[: frame + 5] + b"\0\0" + jpeg[frame + 7 :]
    apples = made.PNG_SIGNATURE + made.chunk(b"CgBI", bytes(4)) + made.png(RGB)[8:]
    holding_a_png = _with_sides(BMP, 28, "<HI", 0, 5)
    half_floats = made.tiff((GRAY / 255).astype(np.float16))
    unheard_of = made.tiff(RGB, t259=(3, [12345]))
    codec = heic(Image.fromarray(RGB)).replace(b"hvc1", b"vvc1")
    deep = RGB.astype(np.uint16) * 257
    five_samples = made.tiff(np.dstack([deep, deep[..., :2]]), photometric=2)
    gray_and_alpha = made.tiff(np.dstack([deep[..., 0], deep[..., 0]]), photometric=1)
    tiffs = (half_floats, unheard_of, five_samples, gray_and_alpha)
    for data in (twelve_bits, hierarchical, no_height, apples, holding_a_png, codec, *tiffs):
        image = decode(data, SPEC, Limits())
        assert image.status is Status.UNSUPPORTED, (data[:12], image.status, image.error)
        assert image.error


def test_what_the_pixels_say_must_be_what_the_header_says() -> None:
    """A WebP whose canvas is not its picture's: the size is not trusted and the pixels are not shown."""
    chunks = made.webp_chunks(made.encoded(RGB, "WEBP", lossless=True))
    data = made.riff((b"VP8X", bytes((0, 0, 0, 0, 99, 0, 0, 99, 0, 0))), *chunks.items())
    assert decode(data, SPEC, Limits()).status is Status.CORRUPT


@pytest.mark.parametrize("form", ["HEIC", "tiles", "AVIF"])
def test_heif_is_refused_before_it_is_decoded(form: str) -> None:
    image = Image.fromarray(made.photo(64, 96))
    data = made.encoded(image, "AVIF") if form == "AVIF" else heic(image, tile_size=64 if form == "tiles" else 0)
    assert decode(data, SPEC, Limits()).status is Status.OK
    refused = decode(data, SPEC, Limits(max_pixels=64 * 96 - 1))
    assert (refused.status, refused.width, refused.height) == (Status.TOO_LARGE, 96, 64)
    for part in (0.1, 0.5, 0.9):
        assert decode(data[: int(len(data) * part)], SPEC, Limits()).status is Status.CORRUPT


def test_of_a_burst_the_primary_image_is_shown() -> None:
    import pillow_heif

    buffer = io.BytesIO()
    burst = pillow_heif.from_pillow(Image.fromarray(255 - RGB))
    burst.add_from_pillow(Image.fromarray(RGB))
    burst.save(buffer, quality=-1, chroma=444, primary_index=1)
    assert np.abs(_pixels(buffer.getvalue()).astype(int) - RGB).max() <= 4


def test_no_library_is_asked_to_make_room_for_a_chunk_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    for array, before in ((RGB, []), (GRAY, [made.chunk(b"tRNS", b"\0\1")]), (np.dstack([RGB, GRAY]), [])):
        data = bytearray(made.png(array, before=before))
        struct.pack_into(">I", data, data.index(b"IDAT") - 4, 2**32 - 256)
        for name in ("opencv", "opencv_as_stored", "pillow"):
            monkeypatch.setattr(f"batch_emotion.images.formats.png.{name}", None)
        image = decode(bytes(data), SPEC, Limits())
        assert (image.status, image.width, image.height) == (Status.CORRUPT, 36, 24)
        assert image.error == "the image data is damaged: it is cut short"


def test_no_library_makes_room_for_another_size_than_was_decided() -> None:
    data = made.encoded(RGB, "JPEG2000")
    image = decode(_with_sides(data, data.index(b"ihdr") + 4, ">I", 2**31 - 1), SPEC, Limits())
    assert (image.status, image.width, image.height) == (Status.CORRUPT, 36, 24)


def test_a_library_that_the_caller_has_set_otherwise_decides_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    rgba = np.dstack([RGB, np.full_like(GRAY, 99)])
    files = [made.encoded(rgba, form) for form in ("PNG", "WEBP", "GIF", "AVIF")] + [bmp(rgba, (1, 2, 4, 8))]
    before = [_pixels(data) for data in files]
    state = ImageFile.LOAD_TRUNCATED_IMAGES, Image.MAX_IMAGE_PIXELS
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert all((_pixels(data) == pixels).all() for data, pixels in zip(files, before, strict=True))
    monkeypatch.undo()
    assert state == (ImageFile.LOAD_TRUNCATED_IMAGES, Image.MAX_IMAGE_PIXELS)


def test_alike_images_share_their_facts_and_others_do_not() -> None:
    assert _facts(made.png(RGB)) == ImageFacts("PNG", (36, 24), plain=True)
    assert _facts(made.png(GRAY)) == ImageFacts("PNG", (36, 24), gray=True, plain=True)
    assert _facts(made.png(GRAY, before=[made.chunk(b"eXIf", made.exif(6))])).size == (24, 36)
    jpeg = made.encoded(RGB, "JPEG")
    assert _facts(jpeg) == ImageFacts("JPEG", (36, 24), plain=True)
    assert _facts(made.with_segments(jpeg, made.EXIF_PREFIX + made.exif(5))).size == (24, 36)
    assert not _facts(made.encoded(RGB, "JPEG", keep_rgb=True)).plain
    assert not _facts(made.encoded(Image.fromarray(RGB).convert("CMYK"), "JPEG")).plain


@pytest.mark.parametrize("gap", [b"\xff", b"\xff\xff\xff", b"\0\0\0", b"\xff\xd0"])
def test_what_decoders_pass_over_between_jpeg_segments_hides_no_orientation(gap: bytes) -> None:
    turned = made.with_segments(made.encoded(RGB, "JPEG"), made.EXIF_PREFIX + made.exif(6))
    start = made.with_segments(turned[:2], b"a comment", marker=0xFE)
    assert _facts(start + gap + turned[2:]).size == (24, 36)


_damageable = [
    made.png(RGB),
    made.png(GRAY, before=[made.chunk(b"eXIf", made.exif(6))]),
    made.encoded(RGB, "JPEG"),
    made.with_segments(made.encoded(RGB, "JPEG"), made.EXIF_PREFIX + made.exif(6)),
    made.encoded(RGB, "BMP"),
    made.encoded(RGB, "WEBP"),
    made.encoded(RGB, "PPM"),
]


@settings(deadline=None, max_examples=300)
@given(
    st.sampled_from(_damageable), st.lists(st.tuples(st.integers(0, 200), st.integers(0, 255)), max_size=6), st.data()
)
def test_damage_never_invents_a_size(data: bytes, changes: list[tuple[int, int]], draw: st.DataObject) -> None:
    """Where Pillow can read a damaged header too, it reads the same size from it."""
    damaged = bytearray(data[: draw.draw(st.integers(0, len(data)))])
    for at, value in changes:
        if at < len(damaged):
            damaged[at] = value
    known = format_of(bytes(damaged))
    if known is None:
        return
    try:
        facts = known.read_facts(bytes(damaged))
    except Exception:  # whatever it is, ``decode`` makes a status of it
        return
    told: list[tuple[tuple[int, int], tuple[int, int]]] = []
    with warnings.catch_warnings(), suppress(Exception):  # Pillow minds damage that does not concern the size
        warnings.simplefilter("ignore")
        with Image.open(io.BytesIO(bytes(damaged)), formats=[_PILLOWS.get(facts.format, facts.format)]) as image:
            told.append((image.size, facts.stored_size))
    assert all(theirs == ours for theirs, ours in told)


_PILLOWS = {"WebP": "WEBP", "PNM": "PPM"}


def test_threads_that_decode_at_the_same_time_do_not_disturb_each_other() -> None:
    files = [
        *_damageable,
        heic(Image.fromarray(RGB)),
        made.encoded(RGB, "AVIF"),
        made.encoded(RGB, "JPEG2000"),
        made.tiff(RGB, t274=(3, [5])),
        made.encoded(RGB, "GIF"),
    ]
    alone = [_pixels(data) for data in files]
    with ThreadPoolExecutor(8) as threads:
        together = list(threads.map(_pixels, files * 20))
    assert all((pixels == alone[at % len(files)]).all() for at, pixels in enumerate(together))
