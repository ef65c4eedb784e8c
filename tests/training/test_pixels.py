from pathlib import Path

import numpy as np
import pytest

from batch_emotion.training.pixels import LabelledPixels, PixelFile


@pytest.fixture
def images() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (20, 4, 5, 3)).astype(np.uint8)


@pytest.fixture
def file(images: np.ndarray, tmp_path: Path) -> PixelFile:
    made = PixelFile(tmp_path / "pixels", (4, 5, 3))
    for start in (0, 7, 19):
        made.append(images[start : {0: 7, 7: 19, 19: 20}[start]])
    return made


@pytest.mark.parametrize("rows", [slice(3, 9), slice(None), np.array([5, 1, 1, 19]), np.array([], int), slice(18, 99)])
def test_a_file_gives_what_an_array_gives(rows: object, images: np.ndarray, file: PixelFile) -> None:
    assert file.shape == images.shape
    assert np.array_equal(file[rows], images[rows])  # type: ignore[call-overload]


def test_rows_of_rows_are_taken_without_a_copy(images: np.ndarray, file: PixelFile) -> None:
    chosen = file.take(np.array([9, 3, 4, 5])).take(np.array([3, 0]))
    assert np.array_equal(chosen[:], images[[5, 9]])
    assert np.array_equal(np.stack(list(chosen)), images[[5, 9]])
    assert len(file.take(np.array([], np.int64))) == 0


def test_a_file_that_was_cut_is_an_error(file: PixelFile, tmp_path: Path) -> None:
    rows = file.take(np.arange(20))
    with (tmp_path / "pixels").open("r+b") as opened:
        opened.truncate(100)
    with pytest.raises(OSError, match="shorter than it was"):
        rows[:]


def test_labelled_pixels_are_taken_alike_from_memory_and_from_a_file(images: np.ndarray, file: PixelFile) -> None:
    targets = np.eye(20, dtype=np.float32)
    rows = np.array([4, 2])
    for pixels in (images, file):
        taken = LabelledPixels(pixels, targets).take(rows)
        assert np.array_equal(taken.pixels[:], images[rows])
        assert np.array_equal(taken.targets, targets[rows])
