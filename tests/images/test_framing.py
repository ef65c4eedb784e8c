import logging

import cv2
import numpy as np
import pyarrow as pa
import pytest

from batch_emotion.images.framing import PhotoWatch, count_photos
from batch_emotion.images.synthetic import draw_face
from batch_emotion.records import ImageBatch, Status
from tests.support.composites import astronaut, photo

PHOTO = photo(1200, 800, [90, 120])[0]
CLOSE_UP = astronaut()[42:198, 152:298]


def _batch(*images: np.ndarray, status: Status = Status.OK, gray: bool = False) -> ImageBatch:
    pixels = [cv2.resize(image, (64, 64), interpolation=cv2.INTER_AREA) for image in images]
    if gray:
        pixels = [cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[..., np.newaxis] for image in pixels]
    facts = pa.record_batch(
        {
            "status": [status.value] * len(images),
            "width": pa.array([image.shape[1] for image in images], pa.int32()),
            "height": pa.array([image.shape[0] for image in images], pa.int32()),
        }
    )
    return ImageBatch(np.arange(len(images)), np.stack(pixels), facts)


def test_photos_are_large_and_not_filled_by_a_face() -> None:
    import random

    drawn = draw_face("happy", random.Random(0))
    assert count_photos(_batch(PHOTO, PHOTO)) == (2, 2)
    assert count_photos(_batch(PHOTO, gray=True)) == (1, 1)
    assert count_photos(_batch(cv2.resize(CLOSE_UP, (600, 620)))) == (1, 0)
    assert count_photos(_batch(drawn, cv2.resize(drawn, (300, 320)), cv2.resize(PHOTO, (150, 100)))) == (3, 0)
    assert count_photos(_batch(PHOTO, status=Status.CORRUPT)) == (0, 0)
    assert count_photos(_batch(*[PHOTO] * 40)) == (32, 32)


def test_the_warning_comes_once_names_the_option_and_only_where_most_are_photos(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.WARNING, "batch_emotion")
    watch = PhotoWatch()
    watch(_batch(PHOTO, status=Status.EMPTY))
    assert caplog.messages == []
    watch(_batch(PHOTO, PHOTO, cv2.resize(CLOSE_UP, (600, 620))))
    watch(_batch(PHOTO))
    (message,) = caplog.messages
    assert message.startswith("2 of the first 3 images look like photos")
    assert "--faces" in message
    caplog.clear()
    watch = PhotoWatch()
    watch(_batch(CLOSE_UP, CLOSE_UP, PHOTO, PHOTO))
    watch(_batch(PHOTO))
    assert caplog.messages == []
