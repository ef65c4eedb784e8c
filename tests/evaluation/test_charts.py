import io

import numpy as np
from PIL import Image

from batch_emotion.evaluation.charts import mistakes_sheet
from batch_emotion.evaluation.document import Mistake

NAMES = ("happy", "sad", "$a$ <b>")
ORANGE, BLUE = (0xE6, 0x9F, 0x00), (0x00, 0x72, 0xB2)


def _colours(png: bytes) -> set[tuple[int, int, int]]:
    return {colour for _, colour in Image.open(io.BytesIO(png)).convert("RGB").getcolors(2**24) or []}


def _mistake(label: str, predicted: str) -> Mistake:
    return {"index": 0, "path": "a", "label": label, "predicted": predicted, "confidence": 0.99, "people": None}


def test_the_sheet_shows_the_thumbnails_framed_in_the_colour_of_the_predicted_class() -> None:
    red = np.zeros((96, 96, 3), np.uint8)
    red[:, :, 0] = 251
    colours = _colours(mistakes_sheet([_mistake("sad", "happy")], [red], NAMES))
    assert {(251, 0, 0), ORANGE} <= colours
    assert BLUE not in colours
    gone = _colours(mistakes_sheet([_mistake("happy", "sad")], [None], NAMES))
    assert BLUE in gone
    assert not {(251, 0, 0), ORANGE} & gone


def test_a_sheet_without_mistakes_is_a_picture_too() -> None:
    assert Image.open(io.BytesIO(mistakes_sheet([], [], NAMES))).size[0] > 500
