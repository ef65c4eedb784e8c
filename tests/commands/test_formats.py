"""A face gets the same prediction however it is stored, and there is one decoder for all commands."""

import re
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import batch_emotion
from batch_emotion import PredictOptions, predict
from batch_emotion.images.decode import DECODER, load_image
from batch_emotion.images.isolation import IsolatedLoader
from batch_emotion.images.loading import make_loader
from batch_emotion.options.images import Limits
from batch_emotion.records import InputSpec, Status
from batch_emotion.runs.record import versions
from tests.images import pictures as made
from tests.images.test_corpus import heic

XMP = b"http://ns.adobe.com/xap/1.0/\0"


@pytest.fixture
def versions(faces: Path, tmp_path: Path) -> Path:
    """One face, large enough that no encoding changes it much, in many ways of storing it."""
    folder = tmp_path / "versions"
    folder.mkdir()
    face = Image.open(next((faces / "happy").glob("*.png"))).convert("RGB").resize((192, 192), Image.Resampling.BICUBIC)
    rgb = np.asarray(face)
    gray = made.gray_of(rgb)
    sideways = made.stored(rgb, 6)
    rgba = np.dstack([rgb, np.full_like(gray, 255)])
    jpeg = made.encoded(sideways, "JPEG", quality=98, subsampling=0)
    files = {
        "a.png": made.png(rgb),
        "alpha.png": made.png(rgba),
        "deep.png": made.png(rgb.astype(np.uint16) * 257, 16),
        "srgb.png": made.png(rgb, before=[made.chunk(b"sRGB", b"\0"), made.chunk(b"gAMA", b"\0\1\x86\xa0")]),
        "broken-text.png": made.png(rgba, before=[made.chunk(b"zTXt", b"key\0\0no")]),
        "sideways.png": made.png(sideways, before=[made.text_chunk(made.XMP_KEY, made.xmp(6), b"iTXt")]),
        "exif.jpg": made.with_segments(jpeg, made.EXIF_PREFIX + made.exif(6)),
        "xmp.jpg": made.with_segments(jpeg, XMP + made.xmp(6)),
        "twice.jpg": made.with_segments(jpeg, made.EXIF_PREFIX * 2 + made.exif(6)),
        "float.tif": made.tiff((rgb / 255).astype(np.float32)),
        "sideways.tif": made.tiff(sideways, t274=(3, [6])),
        "a.webp": made.encoded(rgba, "WEBP", lossless=True),
        "a.bmp": made.encoded(rgb, "BMP"),
        "a.ppm": b"P6 192 192 1023\n" + (rgb.astype(np.int64) * 1023 // 255).astype(">u2").tobytes(),
        "a.jp2": made.encoded(rgb, "JPEG2000"),
        "a.heic": heic(face),
        "tiles.heic": heic(face, tile_size=64),
        "sideways.heic": heic(Image.fromarray(sideways), exif=made.EXIF_PREFIX + made.exif(6)),
        "a.avif": made.encoded(rgb, "AVIF", quality=98, subsampling="4:4:4"),
    }
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return folder


def test_every_way_of_storing_a_face_gets_the_same_prediction(versions: Path) -> None:
    table = predict(PredictOptions((str(versions),))).table
    assert table is not None
    rows = {Path(row["path"]).name: row for row in table.to_pylist()}
    assert {row["status"] for row in rows.values()} == {"ok"}
    assert {(row["width"], row["height"]) for row in rows.values()} == {(192, 192)}
    names = [name for name in table.column_names if name.startswith("p_")]
    reference = np.array([rows["a.png"][name] for name in names])
    for name, row in rows.items():
        exact = not name.endswith((".jpg", ".ppm", ".heic", ".avif"))
        assert np.abs(np.array([row[p] for p in names]) - reference).max() <= (1e-6 if exact else 0.05), name


def test_a_child_process_decodes_what_phones_write(versions: Path) -> None:
    spec = InputSpec((48, 48))
    with IsolatedLoader(partial(make_loader, spec, Limits())) as load:
        for name in ("a.heic", "sideways.heic", "a.avif"):
            (image,) = load(str(versions / name))
            assert image.status is Status.OK
            assert image.pixels is not None
            here = load_image(str(versions / name), spec, Limits()).pixels
            assert here is not None
            assert (image.pixels == here).all()


def test_no_other_module_decodes_an_image() -> None:
    package = Path(batch_emotion.__file__).parent
    decoding = re.compile(r"imdecode\(|imread\w*\(|Image\.open\(|ImageFile\(|open_heif\(|decode_(png|jpeg|image)\(")
    found = {
        path.relative_to(package).as_posix() for path in package.rglob("*.py") if decoding.search(path.read_text())
    }
    of_its_own_making = {"training/degradation.py"}  # what it compressed itself, to make training images worse
    assert found - of_its_own_making == {"images/formats/libraries.py", "images/formats/heif.py"}


def test_the_versions_of_every_library_that_decodes_are_recorded() -> None:
    assert re.fullmatch(r"opencv [\d.]+", DECODER), "as runs and results of earlier versions have it"
    assert versions().keys() >= {"opencv-python", "pillow", "pillow-heif"}
