import random
from pathlib import Path

import numpy as np

from batch_emotion.images.synthetic import EMOTIONS, draw_face, golden_pixels, write_samples
from batch_emotion.records import InputSpec


def test_the_same_seed_draws_the_same_faces(tmp_path: Path) -> None:
    assert write_samples(tmp_path / "a", 2, seed=3) == 12
    write_samples(tmp_path / "b", 2, seed=3)
    write_samples(tmp_path / "c", 2, seed=4)
    files = sorted(path.relative_to(tmp_path / "a") for path in (tmp_path / "a").rglob("*.png"))
    assert len(files) == 12
    assert all((tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes() for file in files)
    assert all((tmp_path / "a" / file).read_bytes() != (tmp_path / "c" / file).read_bytes() for file in files)


def test_every_expression_is_another_picture() -> None:
    drawn = {emotion: draw_face(emotion, random.Random(0)) for emotion in EMOTIONS}
    assert len({face.tobytes() for face in drawn.values()}) == len(EMOTIONS)


def test_golden_inputs_have_the_models_shape() -> None:
    assert golden_pixels(InputSpec((20, 30), "grayscale")).shape == (12, 20, 30, 1)
    assert golden_pixels(InputSpec((20, 30))).dtype == np.uint8
