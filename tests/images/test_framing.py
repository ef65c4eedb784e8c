import logging
import random
from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
import pytest

from batch_emotion.images.framing import Framing, PhotoWatch, are_crops
from batch_emotion.images.synthetic import draw_face
from batch_emotion.options.images import Limits
from batch_emotion.plan import Plan
from batch_emotion.records import ImageBatch, Status
from tests.support.composites import astronaut, backdrop, photo, write_photo

PHOTO = photo(1200, 800, [90, 120])[0]
FACE = astronaut()[62:168, 172:278]
LOOSELY = astronaut()[32:198, 142:308]
PORTRAIT = astronaut()[10:290, 100:350]
DRAWN = draw_face("happy", random.Random(0))


def _resized(pixels: np.ndarray, width: int, height: int) -> np.ndarray:
    return cv2.resize(pixels, (width, height), interpolation=cv2.INTER_CUBIC)


@pytest.mark.parametrize(
    ("pixels", "expected"),
    [
        (PHOTO, True),
        (PORTRAIT, True),
        (_resized(PORTRAIT, 2000, 2240), True),
        (backdrop(640, 480), True),
        (cv2.cvtColor(PHOTO, cv2.COLOR_RGB2GRAY), True),
        (_resized(FACE, 224, 224), False),
        (_resized(LOOSELY, 224, 224), False),
        (_resized(LOOSELY, 1500, 1500), False),
        (_resized(FACE, 48, 48), False),
        (_resized(PHOTO, 150, 100), False),
        (DRAWN, False),
    ],
)
def test_a_photo_is_large_and_no_face_fills_it(tmp_path: Path, pixels: np.ndarray, expected: bool) -> None:
    for name in ("a.png", "a.jpg"):
        image = pixels if pixels.ndim == 3 else cv2.cvtColor(pixels, cv2.COLOR_GRAY2RGB)
        file = write_photo(tmp_path / name, image)
        assert Framing(Limits()).is_photo(str(file)) is expected
        assert are_crops([str(file)], Limits()) is not expected


def test_what_cannot_be_decoded_is_neither(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_text("text")
    assert Framing(Limits()).is_photo(str(tmp_path / "a.jpg")) is None
    assert Framing(Limits()).is_photo(str(tmp_path / "gone.jpg")) is None
    assert are_crops([str(tmp_path / "gone.jpg")], Limits())


def _watch(folder: Path, kinds: str, batch_size: int = 32) -> list[int]:
    """Show a plan of photos (p), crops (c) and bad files (b) to the watch; the batches after which it warned."""
    files = {kind: folder / f"{kind}.png" for kind in "pcb"}
    write_photo(files["p"], _resized(PHOTO, 600, 400))
    write_photo(files["c"], _resized(FACE, 224, 224))
    images = pa.table({"location": [str(files[kind]) for kind in kinds]})
    watch = PhotoWatch(Plan(images, images.select([])), Limits())
    warned: list[int] = []
    number = 0
    log = logging.getLogger("batch_emotion")
    handler = logging.Handler()
    handler.emit = lambda record: warned.append(number) if "`faces`" in record.getMessage() else None  # type: ignore[method-assign]
    log.addHandler(handler)
    try:
        for first in range(0, len(kinds), batch_size):
            number = first // batch_size
            some = kinds[first : first + batch_size]
            facts = pa.record_batch({"status": [(Status.CORRUPT if kind == "b" else Status.OK).value for kind in some]})
            rows = np.arange(first, first + len(some))
            watch(ImageBatch(rows, np.zeros((len(some), 8, 8, 3), np.uint8), facts))
    finally:
        log.removeHandler(handler)
    return warned


def test_the_warning_comes_once_and_only_where_most_are_photos(tmp_path: Path) -> None:
    assert _watch(tmp_path, "p") == [0]
    assert _watch(tmp_path, "b") == []
    assert _watch(tmp_path, "bp") == [0]
    assert _watch(tmp_path, "c" * 100) == []
    assert _watch(tmp_path, "ccpp") == []
    assert _watch(tmp_path, "p" * 200) == [1]
    assert _watch(tmp_path, "c" * 10 + "p" * 490, 50) == [1]
    assert _watch(tmp_path, "p" * 10 + "c" * 490, 50) == []


def test_photos_behind_crops_are_found_by_looking_further(tmp_path: Path) -> None:
    assert _watch(tmp_path, "c" * 64 + "p" * 640, 64) == [10]
    assert _watch(tmp_path, "c" * 400 + "p" * 304, 64) == []


def test_a_file_is_looked_at_only_once_it_was_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[str] = []
    monkeypatch.setattr(Framing, "is_photo", lambda self, location: looked.append(location) or False)
    assert _watch(tmp_path, "bc" * 40) == []
    assert looked
    assert all(location.endswith("c.png") for location in looked)
