import cv2
import numpy as np
import pytest

from batch_emotion.images.decode import decode
from batch_emotion.options.images import Limits
from batch_emotion.records import Face, InputSpec
from batch_emotion.visualization.boxes import draw_faces, drawable, jpeg_bytes

RED = (0xD5, 0x00, 0x00)


def _drawn(width: int, height: int, *faces: Face, label: str = "happy 93%") -> np.ndarray:
    return draw_faces(
        np.zeros((height, width, 3), np.uint8), (width, height), [(face, label, "#d50000") for face in faces]
    )


@pytest.mark.parametrize(
    ("size", "expected"),
    [((40, 30), (640, 480)), ((600, 700), (600, 700)), ((6000, 3000), (2048, 1024)), ((1, 1), (640, 640))],
)
def test_copies_are_of_a_size_to_look_at(size: tuple[int, int], expected: tuple[int, int]) -> None:
    assert _drawn(*size).shape[1::-1] == expected


@pytest.mark.parametrize(("width", "height"), [(60, 48), (800, 640), (4000, 3200)])
def test_box_and_label_are_where_the_face_is_at_any_size(width: int, height: int) -> None:
    face = Face(0, width // 4, height // 2, width // 4, height // 4, 1.0)
    copy = _drawn(width, height, face)
    scale = copy.shape[1] / width
    rows, columns = np.nonzero((copy == RED).all(axis=2))
    left, right = face.x * scale, (face.x + face.width) * scale
    assert columns.min() == pytest.approx(left, abs=3)
    assert rows.max() == pytest.approx((face.y + face.height) * scale, abs=3)
    assert (copy[round((face.y + face.height / 2) * scale), round(right)] == RED).all()
    above = copy[: round(face.y * scale)]
    assert rows.min() == pytest.approx(face.y * scale - 16 * 1.5, abs=60)
    label = above[rows.min() :, round(left) : round(left) + 60]
    assert (label == 255).any()
    assert (copy[: rows.min()] == 0).all()


def test_a_label_stays_inside_the_image() -> None:
    face = Face(0, 620, 0, 20, 20, 1.0)
    for label in (
        "happy 93%",
        "an emotion with a very long name indeed, so long that it is wider than the picture 93%",
    ):
        copy = _drawn(640, 480, face, label=label)
        letters = np.nonzero((copy > 150).all(axis=2))
        assert letters[0].min() > 0
        assert letters[1].min() > 0
        assert letters[1].max() < 639


def test_labels_do_not_hide_each_other() -> None:
    side_by_side = [Face(number, 100 + 40 * number, 200, 36, 36, 1.0) for number in range(3)]
    colours = ["#d50000", "#0072b2", "#009e73"]
    drawn = draw_faces(
        np.zeros((480, 640, 3), np.uint8),
        (640, 480),
        [(face, "surprise 93%", colour) for face, colour in zip(side_by_side, colours, strict=True)],
    )
    alone = [_drawn(640, 480, face, label="surprise 93%") for face in side_by_side]
    for colour, single in zip(colours, alone, strict=True):
        own = (drawn == [int(colour[at : at + 2], 16) for at in (1, 3, 5)]).all(axis=2)
        assert own.sum() >= 0.85 * (single == RED).all(axis=2).sum()


def test_any_character_is_drawn_or_escaped() -> None:
    assert drawable("glücklich 93%") == "glücklich 93%"
    assert drawable("радость χαρά") == "радость χαρά"
    assert drawable("\u5feb\u4e50") == r"\u5feb\u4e50"
    assert drawable("a\nb\0") == r"a\nb\x00"
    assert drawable("\U0001f9d1\ud800") == r"\U0001f9d1\ud800"
    assert _drawn(100, 100, Face(0, 10, 50, 30, 30, 1.0), label="\u5feb\n\U0001f9d1\ud800").any()


def test_a_grey_box_has_black_letters_and_a_blue_one_white() -> None:
    for colour, letters in (("#e69f00", 0), ("#0072b2", 255)):
        copy = draw_faces(
            np.full((480, 640, 3), 128, np.uint8), (640, 480), [(Face(0, 50, 200, 200, 200, 1.0), "sad", colour)]
        )
        assert (copy == letters).all(axis=2).any()
        assert not (copy == 255 - letters).all(axis=2).any()


def test_jpegs_are_read_back() -> None:
    pixels = cv2.resize(np.full((2, 2, 3), (10, 200, 90), np.uint8), (64, 64))
    image = decode(jpeg_bytes(pixels), InputSpec((64, 64)), Limits())
    assert image.pixels is not None
    assert np.abs(image.pixels.astype(int) - pixels).max() <= 3
