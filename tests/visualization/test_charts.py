import io

import numpy as np
import pytest
from PIL import Image

from batch_emotion.visualization.charts import confusion_chart, reliability_chart
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


def test_a_picture_is_the_same_each_time() -> None:
    assert confusion_chart(np.eye(3, dtype=int), NAMES) == confusion_chart(np.eye(3, dtype=int), NAMES)
