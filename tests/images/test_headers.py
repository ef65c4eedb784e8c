import io
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, JpegImagePlugin, PngImagePlugin

from batch_emotion.images.headers import plain_jpeg_size, plain_png_size


def _encoded(image: Image.Image, form: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


NOISE = Image.fromarray(np.random.default_rng(0).integers(0, 255, (70, 41, 3), np.uint8))
TURNED = Image.Exif()
TURNED[0x0112] = 6


@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"comment": b"hello"}, {"icc_profile": b"x" * 400}])
def test_an_ordinary_jpeg_says_its_size(mode: str, options: dict[str, object]) -> None:
    assert plain_jpeg_size(_encoded(NOISE.convert(mode), "JPEG", **options)) == (41, 70)


@pytest.mark.parametrize("mode", ["RGB", "L", "P", "1", "I;16"])
def test_an_ordinary_png_says_its_size(mode: str) -> None:
    image = Image.fromarray(np.zeros((70, 41), np.uint16)) if mode == "I;16" else NOISE.convert(mode)
    assert plain_png_size(_encoded(image, "PNG", dpi=(72, 72))) == (41, 70)


def test_text_in_a_png_is_passed_over_unless_it_may_turn_the_image() -> None:
    for key, expected in (("Software", (41, 70)), ("Raw profile type exif", None), ("XML:com.adobe.xmp", None)):
        text = PngImagePlugin.PngInfo()
        text.add_text(key, "some words")
        assert plain_png_size(_encoded(NOISE, "PNG", pnginfo=text)) == expected


def test_all_that_changes_pixels_is_left_to_pillow() -> None:
    assert plain_jpeg_size(_encoded(NOISE, "JPEG", exif=TURNED)) is None
    assert plain_jpeg_size(_encoded(NOISE.convert("CMYK"), "JPEG")) is None
    assert plain_png_size(_encoded(NOISE, "PNG", exif=TURNED)) is None
    assert plain_png_size(_encoded(NOISE.convert("RGBA"), "PNG")) is None
    assert plain_png_size(_encoded(NOISE.convert("P"), "PNG", transparency=3)) is None
    assert plain_jpeg_size(_encoded(NOISE, "PNG")) is None
    assert plain_png_size(_encoded(NOISE, "JPEG")) is None


def test_a_png_with_exif_behind_its_pixels_is_not_ordinary() -> None:
    data = _encoded(NOISE, "PNG")
    exif = _encoded(NOISE, "PNG", exif=TURNED)
    at = exif.index(b"eXIf") - 4
    chunk = exif[at : at + 12 + int.from_bytes(exif[at : at + 4], "big")]
    assert plain_png_size(data[:-12] + chunk + data[-12:]) is None


_samples = [_encoded(NOISE, "JPEG"), _encoded(NOISE, "PNG"), _encoded(NOISE, "JPEG", exif=TURNED)]


@settings(deadline=None, max_examples=300)
@given(st.sampled_from(_samples), st.lists(st.tuples(st.integers(0, 600), st.integers(0, 255)), max_size=6), st.data())
def test_damage_never_raises_and_never_invents_a_size(
    data: bytes, changes: list[tuple[int, int]], draw: st.DataObject
) -> None:
    damaged = bytearray(data[: draw.draw(st.integers(0, len(data)))])
    for at, value in changes:
        if at < len(damaged):
            damaged[at] = value
    readers = ((plain_jpeg_size, JpegImagePlugin.JpegImageFile), (plain_png_size, PngImagePlugin.PngImageFile))
    for plain_size, header_of in readers:
        size = plain_size(bytes(damaged))
        if size is not None:
            with suppress(OSError, SyntaxError, ValueError):  # Pillow minds damage that does not concern the size
                assert header_of(io.BytesIO(bytes(damaged))).size == size
