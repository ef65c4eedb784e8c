from typing import Any

import numpy as np
import pytest

from batch_emotion.training.assessment import calibrate
from batch_emotion.training.calibration import expected_calibration_error
from batch_emotion.training.fit import LabelledPixels, predict_proba
from batch_emotion.training.sampling import even_out


def _model_and_data() -> tuple[Any, LabelledPixels]:
    from keras import Input, Sequential, layers, utils

    utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    model = Sequential([Input((2, 2, 1)), layers.Rescaling(1 / 64), layers.Flatten(), layers.Dense(3, "softmax")])
    pixels = rng.integers(0, 256, (2_000, 2, 2, 1)).astype(np.uint8)
    chances = predict_proba(model, pixels).cumsum(axis=1)
    classes = np.minimum((chances < rng.random((len(pixels), 1))).sum(axis=1), 2)
    return model, LabelledPixels(pixels, np.eye(3, dtype=np.float32)[classes])


def test_a_network_is_brought_to_a_more_even_mix_after_it_was_calibrated() -> None:
    model, data = _model_and_data()
    start = model.get_weights()
    calibrate(model, data)
    plain = predict_proba(model, data.pixels)
    model.set_weights(start)
    prior = np.array([0.7, 0.2, 0.1])
    told = calibrate(model, data, prior, 0.5)
    wanted = plain * even_out(prior, 0.5) / prior
    np.testing.assert_allclose(predict_proba(model, data.pixels), wanted / wanted.sum(axis=1, keepdims=True), atol=1e-4)
    assert told["temperature"] > 0


def test_the_calibration_error_on_the_card_is_that_of_the_mix_assumed() -> None:
    told, errors = [], []
    for evenness in (0.0, 1.0):
        model, data = _model_and_data()
        told.append(calibrate(model, data, np.array([0.97, 0.029, 0.001]), evenness)["ece_after"])
        truth = data.targets.argmax(axis=1)
        errors.append(expected_calibration_error(predict_proba(model, data.pixels), truth))
    assert told == pytest.approx(errors, abs=0.02)
    assert abs(errors[1] - errors[0]) > 0.05
