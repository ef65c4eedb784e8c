import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from batch_emotion.visualization.charts import confusion_chart, reliability_chart
from batch_emotion.visualization.groups import group_chart
from batch_emotion.visualization.palette import DARK, LIGHT, Scheme

NAMES = ("happy", "sad", "$a$ <b>")


def _colours(png: bytes) -> set[tuple[int, int, int]]:
    return {colour for _, colour in Image.open(io.BytesIO(png)).convert("RGB").getcolors(2**24) or []}


@pytest.mark.parametrize("scheme", [LIGHT, DARK])
def test_the_pictures_are_drawn_in_the_scheme(scheme: Scheme) -> None:
    paper = tuple(bytes.fromhex(scheme.paper[1:]))
    bins = [
        {"low": 0.0, "high": 0.5, "images": 0, "confidence": None, "accuracy": None},
        {"low": 0.5, "high": 1.0, "images": 9, "confidence": 0.8, "accuracy": 0.7},
    ]
    for png in (
        confusion_chart(np.array([[5, 1, 0], [2, 3, 0], [0, 0, 0]]), NAMES, scheme),
        reliability_chart(bins, scheme),
    ):
        assert Image.open(io.BytesIO(png)).getpixel((1, 1))[:3] == paper
        assert tuple(bytes.fromhex(scheme.ink[1:])) in _colours(png)


@pytest.mark.parametrize("scheme", [LIGHT, DARK])
def test_a_cell_is_shaded_by_its_share_of_the_row(scheme: Scheme) -> None:
    none, all_ = (tuple(bytes.fromhex(colour[1:])) for colour in scheme.ramp)
    certain = _colours(confusion_chart(np.diag([1, 1000, 3]), NAMES, scheme))
    assert {none, all_} <= certain
    spread = _colours(confusion_chart(np.full((3, 3), 1000), NAMES, scheme))
    assert not {none, all_} & spread


def test_bars_are_as_high_as_the_accuracy_and_an_empty_bin_has_none() -> None:
    def height(accuracy: float | None, images: int) -> int:
        bins = [{"low": 0.0, "high": 1.0, "images": images, "confidence": accuracy, "accuracy": accuracy}]
        picture = np.asarray(Image.open(io.BytesIO(reliability_chart(bins))).convert("RGB"))  # type: ignore[arg-type]
        upper = picture[: picture.shape[0] // 2, picture.shape[1] // 2]
        return int((upper == tuple(bytes.fromhex(LIGHT.mark[1:]))).all(axis=1).sum())

    assert height(None, 0) == 0
    assert height(0.6, 9) < height(0.8, 9) < height(1.0, 9)


def test_a_chart_for_a_narrow_screen_is_no_wider_than_the_screen() -> None:
    names = [f"group {at} with a long name" for at in range(3)]
    grouped: Any = {
        "column": "camera",
        "groups": [
            {"value": name, "judged": 9, "accuracy": 1.0, "balanced_accuracy": 0.5, "intervals": {}} for name in names
        ],
    }
    wide, narrow = (Image.open(io.BytesIO(group_chart([grouped], 0.5, narrow=each))).width for each in (False, True))
    assert narrow < 700 < wide


def test_a_picture_is_the_same_each_time() -> None:
    assert confusion_chart(np.eye(3, dtype=int), NAMES) == confusion_chart(np.eye(3, dtype=int), NAMES)
