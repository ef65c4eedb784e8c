from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from batch_emotion.images.detectors import CenterFaceDetector
from batch_emotion.images.faces import FaceLoader, crop_face, find_faces
from batch_emotion.images.isolation import IsolatedLoader
from batch_emotion.images.loading import make_loader
from batch_emotion.options.images import FaceOptions, Limits
from batch_emotion.records import DecodedImage, Face, InputSpec, Status
from tests.support.composites import astronaut, backdrop, iou, photo, write_photo

SPEC = InputSpec((64, 64))
SIDES = (60, 76, 96, 120, 150)


def _boxes(rows: list[DecodedImage]) -> list[tuple[int, ...]]:
    return [row.face[1:5] for row in rows if row.face is not None]


def _load(file: Path, spec: InputSpec = SPEC, **options: object) -> list[DecodedImage]:
    return FaceLoader(spec, Limits(), FaceOptions(**options))(str(file))  # type: ignore[arg-type]


def test_every_frontal_face_of_60_pixels_and_more_is_found_the_largest_first(tmp_path: Path) -> None:
    pixels, boxes = photo(1400, 420, SIDES)
    rows = _load(write_photo(tmp_path / "a.png", pixels))
    found = _boxes(rows)
    assert [row.face.number for row in rows if row.face] == list(range(len(SIDES)))
    for box, expected in zip(found, reversed(boxes), strict=True):
        assert iou(box, expected) >= 0.5
    for row in rows:
        assert row.status is Status.OK
        assert (row.width, row.height) == (1400, 420)
        assert row.pixels is not None
        assert row.pixels.shape == (64, 64, 3)
    assert len({row.pixels.tobytes() for row in rows if row.pixels is not None}) == len(SIDES)


def test_options_choose_the_faces(tmp_path: Path) -> None:
    file = write_photo(tmp_path / "a.png", photo(1400, 420, SIDES)[0])
    whole = _boxes(_load(file))
    assert _boxes(_load(file, max_faces=2)) == whole[:2]
    large = _boxes(_load(file, min_size=110))
    assert len(large) == 2
    assert all(iou(box, expected) > 0.7 for box, expected in zip(large, whole, strict=False))


def test_the_photo_of_a_test_dependency(tmp_path: Path) -> None:
    rows = _load(write_photo(tmp_path / "a.png", astronaut()))
    assert len(rows) == 1
    assert iou(_boxes(rows)[0], (172, 62, 106, 106)) > 0.7


@pytest.mark.parametrize("orientation", range(1, 9))
def test_boxes_are_in_pixels_of_the_upright_original(tmp_path: Path, orientation: int) -> None:
    pixels, (expected,) = photo(500, 300, [100])
    stored = {
        2: [Image.Transpose.FLIP_LEFT_RIGHT],
        3: [Image.Transpose.ROTATE_180],
        4: [Image.Transpose.FLIP_TOP_BOTTOM],
        5: [Image.Transpose.TRANSPOSE],
        6: [Image.Transpose.ROTATE_90],
        7: [Image.Transpose.TRANSVERSE],
        8: [Image.Transpose.ROTATE_270],
    }.get(orientation, [])
    image = Image.fromarray(pixels)
    for transpose in stored:
        image = image.transpose(transpose)
    exif = Image.Exif()
    exif[0x0112] = orientation
    image.save(tmp_path / "a.jpg", exif=exif, quality=95)
    (row,) = _load(tmp_path / "a.jpg")
    assert (row.width, row.height) == (500, 300)
    assert iou(_boxes([row])[0], expected) > 0.6


def test_a_large_jpeg_is_decoded_smaller_only_where_its_smallest_faces_stay_large(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pixels, (expected,) = photo(1200, 900, [320])
    file = write_photo(tmp_path / "a.jpg", pixels)
    seen = []
    find = CenterFaceDetector.find

    def watching(self: CenterFaceDetector, pixels: np.ndarray, min_size: float) -> np.ndarray:
        seen.append((pixels.shape[1], min_size))
        return find(self, pixels, min_size)

    monkeypatch.setattr(CenterFaceDetector, "find", watching)
    for options in ({}, {"min_size": 256}):
        (row,) = _load(file, **options)
        assert (row.width, row.height) == (1200, 900)
        assert iou(_boxes([row])[0], expected) > 0.7
    loader = FaceLoader(SPEC, Limits(), FaceOptions(min_size=256), full=True)
    assert iou(_boxes(loader(str(file)))[0], expected) > 0.7
    assert seen == [(1200, 36), (600, 128), (1200, 256)]


def test_an_image_without_a_face_is_one_row_without_pixels(tmp_path: Path) -> None:
    (row,) = _load(write_photo(tmp_path / "a.png", backdrop(640, 480)))
    assert row.status is Status.NO_FACE
    assert (row.pixels, row.face, row.error) == (None, None, None)
    assert (row.width, row.height) == (640, 480)
    assert row.size == (tmp_path / "a.png").stat().st_size


@pytest.mark.parametrize("size", [(1, 1), (3, 900), (900, 3), (23, 23)])
def test_images_smaller_than_any_face(tmp_path: Path, size: tuple[int, int]) -> None:
    Image.new("RGB", size).save(tmp_path / "a.png")
    assert [row.status for row in _load(tmp_path / "a.png")] == [Status.NO_FACE]
    assert [row.status for row in _load(tmp_path / "a.png", min_size=1)] == [Status.NO_FACE]


def test_bad_files_are_one_row_with_their_status(tmp_path: Path, bad_files: dict[str, str]) -> None:
    load = make_loader(SPEC, Limits(), faces=FaceOptions())
    got = {name: load(str(tmp_path / "bad" / name)) for name in bad_files}
    assert {name: [row.status.value for row in rows] for name, rows in got.items()} == {
        name: [status] for name, status in bad_files.items()
    }


def test_grey_models_get_grey_crops(tmp_path: Path) -> None:
    file = write_photo(tmp_path / "a.png", photo(500, 300, [100])[0])
    (gray,) = _load(file, InputSpec((48, 48), "grayscale"))
    (color,) = _load(file, InputSpec((48, 48)))
    assert gray.face is not None
    assert color.face is not None
    assert gray.face[:5] == color.face[:5]
    assert gray.pixels is not None
    assert color.pixels is not None
    assert gray.pixels.shape == (48, 48, 1)
    expected = cv2.cvtColor(color.pixels, cv2.COLOR_RGB2GRAY).astype(int)
    assert np.abs(gray.pixels[..., 0] - expected).max() <= 2


def test_crops_are_squares_around_the_box_and_repeat_the_edge() -> None:
    pixels = np.arange(100 * 80, dtype=np.int64).reshape(80, 100) % 251
    pixels = pixels.astype(np.uint8)
    assert np.array_equal(crop_face(pixels, Face(0, 30, 20, 20, 20, 1.0), 0.0), pixels[20:40, 30:50])
    assert np.array_equal(crop_face(pixels, Face(0, 30, 20, 20, 20, 1.0), 0.25), pixels[15:45, 25:55])
    assert np.array_equal(crop_face(pixels, Face(0, 30, 20, 20, 20, 1.0), -0.25), pixels[25:35, 35:45])
    assert np.array_equal(crop_face(pixels, Face(0, 30, 20, 10, 20, 1.0), 0.0), pixels[20:40, 25:45])
    assert np.array_equal(crop_face(pixels, Face(0, 60, 40, 40, 40, 1.0), 0.0, shrunk=0.5), pixels[20:40, 30:50])
    corner = crop_face(pixels, Face(0, 0, 0, 20, 20, 1.0), 0.5)
    assert corner.shape == (40, 40)
    assert np.array_equal(corner[10:, 10:], pixels[:30, :30])
    assert np.array_equal(corner[:10, 10:], np.repeat(pixels[:1, :30], 10, axis=0))
    assert crop_face(pixels, Face(0, 99, 79, 1, 1, 1.0), -0.4).shape == (1, 1)


class _Fixed:
    name, sha256, color, min_score, min_size, margin = "fixed", "", False, None, 20, 0.0

    def __init__(self, *boxes: tuple[float, ...]) -> None:
        self._boxes = np.full((len(boxes), 15), np.nan, np.float32)
        self._boxes[:, :5] = boxes

    def find(self, pixels: np.ndarray, min_size: float) -> np.ndarray:
        return self._boxes


def test_boxes_are_scaled_cut_at_the_edges_and_sorted() -> None:
    detector = _Fixed(
        (10, 10, 20, 20, 0.5), (-5, -5, 30, 30, 0.7), (40, 30, 20, 20, 0.9), (60, 60, 4, 4, 1), (80, 0, 9, 9, 1)
    )
    faces = find_faces(np.zeros((40, 50), np.uint8), (100, 80), detector, FaceOptions(min_size=16))
    assert [face[1:5] for face in faces] == [(0, 0, 50, 50), (20, 20, 40, 40), (80, 60, 20, 20)]
    assert [round(face.score, 3) for face in faces] == [0.7, 0.5, 0.9]


def test_the_same_faces_come_out_of_a_child_process(tmp_path: Path) -> None:
    file = str(write_photo(tmp_path / "a.png", photo(1400, 420, SIDES)[0]))
    make = partial(make_loader, SPEC, Limits(), False, FaceOptions())
    here = make()(file)
    with IsolatedLoader(make) as load:
        there = load(file)
    assert [row.face for row in there] == [row.face for row in here]
    assert all(np.array_equal(one.pixels, other.pixels) for one, other in zip(there, here, strict=True))
