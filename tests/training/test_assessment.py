import numpy as np

from batch_emotion.training.assessment import inherited_warning


def test_validation_images_that_the_network_started_with_are_told_before_it_is_trained() -> None:
    assert inherited_warning(np.zeros(3, bool), "emotion-7@4") == ""
    some = inherited_warning(np.arange(48) < 29, "emotion-7@4")
    assert some.startswith(
        "warning: 29 of 48 validation images are in the training data of emotion-7@4, so the figures"
    )
    assert "give others as `validation`" in inherited_warning(np.ones(3, bool), "emotion-7@4")
