import io
import warnings
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFile, PngImagePlugin

from batch_emotion.images.decode import decode, load_image, reduction
from batch_emotion.options.images import Limits
from batch_emotion.records import InputSpec, Status
from tests.images.pictures import png, tiff
from tests.images.test_corpus import heic

SPEC = InputSpec((16, 16))
LIMITS = Limits()
RED = (200, 40, 40)


def _encoded(image: Image.Image, form: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "PPM"])
def test_every_format_gives_its_colour_in_rgb_order(form: str) -> None:
    image = decode(_encoded(Image.new("RGB", (30, 20), RED), form), SPEC, LIMITS)
    assert (image.status, image.width, image.height) == (Status.OK, 30, 20)
    assert image.pixels is not None
    assert image.pixels.shape == (16, 16, 3)
    assert np.abs(image.pixels.astype(int) - RED).max() <= 6


@pytest.mark.parametrize(
    ("image", "form", "expected"),
    [
        (Image.new("L", (9, 9), 90), "PNG", 90),
        (Image.fromarray(np.full((9, 9), 0x5A10, np.uint16)), "PNG", 0x5A),
        (Image.new("CMYK", (9, 9), (0, 0, 0, 165)), "JPEG", 90),
        (Image.new("RGBA", (9, 9), (0, 0, 0, 0)), "PNG", 255),
        (Image.new("LA", (9, 9), (0, 128)), "PNG", 127),
        (Image.new("RGBA", (9, 9), (0, 0, 0, 128)), "TIFF", 127),
        (Image.new("RGBA", (9, 9), (0, 0, 0, 0)), "WEBP", 255),
        (Image.new("RGB", (9, 9), (90, 90, 90)).quantize(4), "PNG", 90),
        (Image.new("1", (9, 9), 1), "PNG", 255),
    ],
)
@pytest.mark.parametrize("color_mode", ["rgb", "grayscale"])
def test_every_mode_decodes_with_transparency_over_white(
    image: Image.Image, form: str, expected: int, color_mode: str
) -> None:
    spec = InputSpec((8, 8), color_mode)  # type: ignore[arg-type]
    decoded = decode(_encoded(image, form), spec, LIMITS)
    assert decoded.pixels is not None
    assert decoded.pixels.shape == spec.shape
    assert np.abs(decoded.pixels.astype(int) - expected).max() <= 2


def test_a_transparent_palette_entry_is_white() -> None:
    image = Image.new("P", (8, 8), 0)
    image.putpalette([0, 0, 0] * 256)
    decoded = decode(_encoded(image, "PNG", transparency=0), SPEC, LIMITS)
    assert decoded.pixels is not None
    assert decoded.pixels.min() == 255


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_honoured(form: str, orientation: int) -> None:
    upright = np.zeros((32, 64, 3), np.uint8)
    upright[:16, :32] = 255
    inverse = {1: 1, 2: 2, 3: 3, 4: 4, 5: 5, 6: 8, 7: 7, 8: 6}[orientation]
    turn = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_270,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_90,
    }
    stored = Image.fromarray(upright)
    stored = stored.transpose(turn[inverse]) if inverse > 1 else stored
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = decode(_encoded(stored, form, exif=exif), InputSpec((32, 64)), LIMITS)
    assert (image.width, image.height) == (64, 32)
    assert image.pixels is not None
    assert np.abs(image.pixels.astype(int) - upright).mean() < 6


def test_every_bad_file_has_its_status(tmp_path: Path, bad_files: dict[str, str]) -> None:
    got = {name: load_image(str(tmp_path / "bad" / name), SPEC, LIMITS) for name in bad_files}
    assert {name: image.status.value for name, image in got.items()} == bad_files
    assert all(image.error for image in got.values())
    bomb = got["bomb.png"]
    assert (bomb.width, bomb.height) == (12_000, 12_000)


@pytest.mark.parametrize("behind", [False, True])
def test_a_png_is_not_decoded_for_its_size(monkeypatch: pytest.MonkeyPatch, behind: bool) -> None:
    def refusing(self: ImageFile.ImageFile) -> None:
        raise AssertionError("decoded")

    exif = Image.Exif()
    exif[0x0112] = 6
    data = _encoded(Image.new("RGB", (30, 20), RED), "PNG", exif=exif)
    if behind:
        start = data.index(b"eXIf") - 4
        chunk = data[start : start + 12 + int.from_bytes(data[start : start + 4])]
        end = data.index(b"IEND") - 4
        data = data[:start] + data[start + len(chunk) : end] + chunk + data[end:]
    whole = decode(data, SPEC, LIMITS)
    assert (whole.status, whole.width, whole.height) == (Status.OK, 20, 30)
    monkeypatch.setattr(PngImagePlugin.PngImageFile, "load", refusing)
    bomb = decode(data, SPEC, Limits(max_pixels=599))
    assert (bomb.status, bomb.width, bomb.height) == (Status.TOO_LARGE, 20, 30)


def test_only_our_own_limit_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    for form in ("PNG", "WEBP", "GIF"):
        data = _encoded(Image.new("RGBA", (30, 20), RED), form)
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
        assert decode(data, SPEC, Limits(max_pixels=600)).status is Status.OK
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
        assert decode(data, SPEC, Limits(max_pixels=599)).status is Status.TOO_LARGE


def test_damage_that_pillow_warns_of_is_silent_and_its_status_the_same() -> None:
    data = _encoded(Image.new("RGBA", (30, 20), RED), "TIFF")
    statuses = []
    for action in ("always", "error"):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter(action)  # type: ignore[arg-type]
            statuses.append([decode(data[:cut], SPEC, LIMITS).status for cut in range(8, len(data), 16)])
        assert caught == []
    assert statuses[0] == statuses[1]


def test_a_wrong_extension_does_not_matter(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(_encoded(Image.new("RGB", (9, 9), RED), "JPEG"))
    assert load_image(str(tmp_path / "a.png"), SPEC, LIMITS).status is Status.OK


@pytest.mark.parametrize("form", [".jpg", ".png", ".webp", ".bmp", ".gif"])
def test_a_cut_file_is_corrupt_and_leaks_no_other_image(form: str) -> None:
    noise = np.random.default_rng(1).integers(0, 255, (99, 99, 3), np.uint8)
    data = cv2.imencode(form, noise)[1].tobytes()
    for part in (0.4, 0.8, 0.97):
        assert decode(data[: int(len(data) * part)], SPEC, LIMITS).status is Status.CORRUPT


_samples = [
    _encoded(Image.fromarray(np.random.default_rng(2).integers(0, 255, (12, 10, 3), np.uint8)), form)
    for form in ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "PPM", "JPEG2000", "AVIF")
]
_samples += [
    heic(Image.new("RGB", (12, 10), RED)),
    png(np.zeros((12, 10, 4)), 16),
    tiff(np.zeros((12, 10), np.float32)),
]


@settings(deadline=None, max_examples=300)
@given(
    st.sampled_from(_samples),
    st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), max_size=6),
    st.integers(0, 10**6),
)
def test_no_damage_ever_raises(data: bytes, changes: list[tuple[int, int]], cut: int) -> None:
    damaged = bytearray(data[: cut % (2 * len(data)) + 1])
    for at, value in changes:
        damaged[at % len(damaged)] = value
    image = decode(bytes(damaged), SPEC, Limits(max_pixels=10**6))
    assert (image.pixels is not None) == (image.status is Status.OK)
    assert (image.error is None) == (image.status is Status.OK)


@given(st.binary(max_size=60))
def test_any_bytes_give_a_status(data: bytes) -> None:
    assert decode(data, SPEC, LIMITS).status in (Status.UNSUPPORTED, Status.CORRUPT, Status.EMPTY)


def _photo(width: int, height: int, seed: int = 0) -> Image.Image:
    blobs = np.random.default_rng(seed).integers(0, 255, (5, 6, 3), np.uint8)
    return Image.fromarray(cv2.resize(blobs, (width, height), interpolation=cv2.INTER_CUBIC))


@pytest.mark.parametrize(
    ("size", "image_size", "expected"),
    [
        ((255, 400), (16, 16), 4),
        ((256, 400), (16, 16), 8),
        ((400, 64), (16, 16), 2),
        ((63, 400), (16, 16), 1),
        ((256, 256), (16, 32), 4),
        ((9000, 9000), (16, 16), 8),
        ((10, 9000), (16, 16), 1),
    ],
)
def test_the_short_side_stays_at_least_twice_the_models_input(
    size: tuple[int, int], image_size: tuple[int, int], expected: int
) -> None:
    assert reduction(size, InputSpec(image_size)) == expected


def test_only_area_averaging_is_divided_and_what_is_turned_only_without_remainder() -> None:
    for interpolation in ("bilinear", "nearest"):
        assert reduction((4000, 3000), InputSpec((16, 16), interpolation=interpolation)) == 1  # type: ignore[arg-type]
    assert reduction((4000, 3000), SPEC, upright=False) == 8
    assert reduction((4002, 3000), SPEC, upright=False) == 2
    assert reduction((4001, 3000), SPEC, upright=False) == 1


@pytest.mark.parametrize("size", [(135, 101), (270, 203), (533, 401), (1067, 801), (1064, 800)])
@pytest.mark.parametrize("color_mode", ["rgb", "grayscale"])
@pytest.mark.parametrize("orientation", [1, 6])
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_a_large_jpeg_decoded_at_a_fraction_looks_the_same_and_says_its_own_size(
    size: tuple[int, int], color_mode: str, orientation: int, mode: str
) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = _encoded(_photo(*size).convert(mode), "JPEG", quality=90, exif=exif if orientation > 1 else b"")
    spec = InputSpec((24, 24), color_mode)  # type: ignore[arg-type]
    scaled, full = decode(data, spec, LIMITS), decode(data, spec, LIMITS, full=True)
    assert (scaled.width, scaled.height) == (full.width, full.height) == (size if orientation == 1 else size[::-1])
    assert scaled.pixels is not None
    assert full.pixels is not None
    assert (scaled.pixels != full.pixels).any() or orientation != 1
    assert np.abs(scaled.pixels.astype(int) - full.pixels).mean() < 0.5
    assert np.abs(scaled.pixels.astype(int) - full.pixels).max() < 4


def test_only_jpegs_are_decoded_at_a_fraction() -> None:
    data = _encoded(_photo(640, 480), "PNG")
    scaled, full = decode(data, SPEC, LIMITS), decode(data, SPEC, LIMITS, full=True)
    assert scaled.pixels is not None
    assert full.pixels is not None
    assert (scaled.pixels == full.pixels).all()


def test_a_large_jpeg_that_is_cut_is_corrupt_at_a_fraction_too() -> None:
    data = _encoded(_photo(640, 480), "JPEG")
    for part in (0.4, 0.8, 0.97):
        assert decode(data[: int(len(data) * part)], SPEC, LIMITS).status is Status.CORRUPT
