import numpy as np

from batch_emotion.metrics.measuring import measure
from batch_emotion.training.assessment import inherited_warning, single_class_warning


def test_validation_images_that_the_network_started_with_are_told_before_it_is_trained() -> None:
    assert inherited_warning(np.zeros(3, bool), "emotion-7@4") == ""
    some = inherited_warning(np.arange(48) < 29, "emotion-7@4")
    assert some.startswith(
        "warning: 29 of 48 validation images are in the training data of emotion-7@4, so the figures"
    )
    assert "give others as `validation`" in inherited_warning(np.ones(3, bool), "emotion-7@4")


def test_a_network_of_a_single_answer_is_told() -> None:
    names, even = ("happy", "sad"), np.full((4, 2), 0.5, np.float32)
    labels = np.array([0, 1, 1, 0])
    stuck = measure(even, labels, names, resamples=0)
    warning = single_class_warning(stuck, from_nothing=True)
    assert warning.startswith("warning: it predicts happy for every validation image, so it has learned nothing yet;")
    assert warning.endswith("or start from a model with `initial`")
    assert "`initial`" not in single_class_warning(stuck, from_nothing=False)
    assert single_class_warning(measure(np.eye(2, dtype=np.float32)[labels], labels, names, resamples=0), True) == ""
