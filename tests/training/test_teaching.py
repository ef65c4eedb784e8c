from dataclasses import replace

import numpy as np
import pytest

from batch_emotion import load_bundle
from batch_emotion.errors import UsageError
from batch_emotion.model.runtime import open_runtime
from batch_emotion.training.pixels import LabelledPixels
from batch_emotion.training.teaching import check_teachers, teach

SIX = load_bundle("fer2013-6")
SEVEN = load_bundle("emotion-7")


def _data(classes: tuple[str, ...]) -> LabelledPixels:
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (5, 48, 48, 1)).astype(np.uint8)
    return LabelledPixels(pixels, np.eye(len(classes), dtype=np.float32)[rng.integers(0, len(classes), 5)])


def test_targets_take_the_mean_of_the_teachers_and_of_both_sides_by_class_name() -> None:
    names = SIX.card.class_names
    data = _data(names)
    seen = []
    for teacher in (SIX, SEVEN):
        columns = [teacher.card.class_names.index(name) for name in names]
        for pixels in (data.pixels, data.pixels[:, :, ::-1]):
            rows = open_runtime(teacher, "onnx").predict_proba(np.ascontiguousarray(pixels))[:, columns]
            seen.append(rows / rows.sum(axis=1, keepdims=True))
    taught = teach(data, [SIX, SEVEN], names, 0.25)
    np.testing.assert_allclose(taught.targets, 0.75 * data.targets + 0.25 * np.mean(seen, axis=0), atol=1e-4)
    assert taught.pixels is data.pixels


def test_a_teacher_must_know_the_classes_and_see_the_same_pixels() -> None:
    spec = SEVEN.card.input
    check_teachers([SIX, SEVEN], SIX.card.class_names, spec)
    with pytest.raises(UsageError, match="fer2013-6 has no class neutral"):
        check_teachers([SEVEN, SIX], SEVEN.card.class_names, spec)
    with pytest.raises(UsageError, match="other pixels"):
        check_teachers([SIX], SIX.card.class_names, replace(spec, color_mode="rgb"))
