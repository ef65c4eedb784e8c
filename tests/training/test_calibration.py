import numpy as np
import pytest
from scipy.special import log_softmax, softmax

from batch_emotion.errors import BatchEmotionError
from batch_emotion.metrics.calibration import calibration_bins
from batch_emotion.training.assessment import Answers, calibrate
from batch_emotion.training.calibration import (
    apply_temperature,
    cross_fitted_ece,
    fit_temperature,
    fold_temperature,
)


def _overconfident(temperature: float, count: int = 20_000) -> tuple[np.ndarray, np.ndarray]:
    """Logits that are too large by the factor ``temperature``, and one-hot labels drawn from the true chances."""
    rng = np.random.default_rng(7)
    logits = rng.normal(0, 1.5, (count, 4))
    chances = softmax(logits, axis=1)
    labels = (chances.cumsum(axis=1) < rng.random((count, 1))).sum(axis=1)
    return logits * temperature, np.eye(4, dtype=np.float32)[labels]


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_the_temperature_that_was_built_in_is_found(temperature: float) -> None:
    logits, targets = _overconfident(temperature)
    assert fit_temperature(logits, targets) == pytest.approx(temperature, rel=0.03)
    assert fit_temperature(log_softmax(logits, axis=1), targets) == pytest.approx(temperature, rel=0.03)


def test_scaling_mends_the_calibration_and_no_decision() -> None:
    logits, targets = _overconfident(3.0)
    labels = targets.argmax(axis=1)
    before = calibration_bins(softmax(logits, axis=1), labels).error
    scaled = apply_temperature(logits, fit_temperature(logits, targets))
    assert before > 0.1
    assert calibration_bins(scaled, labels).error < 0.02
    assert cross_fitted_ece(log_softmax(logits, axis=1), targets) < 0.02
    assert np.array_equal(scaled.argmax(axis=1), logits.argmax(axis=1))


def test_a_shift_is_left_as_it_is_when_the_temperature_is_fitted() -> None:
    logits, targets = _overconfident(3.0)
    shift = np.array([1.0, 0.0, -0.5, 0.2])
    assert fit_temperature(logits - 3 * shift, targets, shift) == pytest.approx(3, rel=0.03)
    scaled = apply_temperature(logits - 3 * shift, 3.0, shift)
    assert scaled == pytest.approx(softmax(logits / 3, axis=1))
    assert cross_fitted_ece(logits - 3 * shift, targets, shift=shift) < 0.02


def test_soft_targets_are_fitted_as_such() -> None:
    logits = np.random.default_rng(1).normal(size=(500, 3))
    assert fit_temperature(logits * 2, softmax(logits, axis=1)) == pytest.approx(2, rel=1e-3)


def test_probabilities_of_zero_do_no_harm() -> None:
    with np.errstate(divide="ignore"):
        log_probabilities = np.log(np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]]))
    assert np.isfinite(fit_temperature(log_probabilities, np.eye(2)[[0, 1, 1]]))
    with pytest.raises(BatchEmotionError, match="no temperature"):
        fit_temperature(np.full((2, 2), np.nan), np.eye(2))


def test_a_folded_temperature_is_what_the_network_then_says() -> None:
    import keras

    layers = [keras.Input((4,)), keras.layers.Dense(5), keras.layers.Dense(3, activation="softmax")]
    model = keras.Sequential(layers)
    x = np.random.default_rng(0).normal(size=(10, 4)).astype(np.float32)
    before = np.asarray(model(x))
    fold_temperature(model, 2.5)
    assert np.asarray(model(x)) == pytest.approx(apply_temperature(np.log(before), 2.5), abs=1e-6)
    with pytest.raises(BatchEmotionError, match="above 0"):
        fold_temperature(model, 0)
    with pytest.raises(BatchEmotionError, match="no dense layer with a softmax"):
        fold_temperature(keras.Sequential([keras.Input((4,)), keras.layers.Dense(5)]), 2)


def test_few_images_are_cross_fitted_in_fewer_folds_and_a_single_one_not_at_all() -> None:
    import keras

    found = Answers(np.float32([[0.7, 0.3], [0.4, 0.6], [0.9, 0.1]]), np.float32([[1, 0], [0, 1], [0, 1]]))
    for images, folds in ((3, 3), (2, 2), (1, None)):
        model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2, activation="softmax")])
        few = Answers(found.probabilities[:images], found.targets[:images])
        fitted = calibrate(model, few, np.zeros(2))
        assert fitted.get("folds") == folds
        assert ("ece_after" in fitted) is (images > 1)
        assert 0.05 <= fitted["temperature"] <= 20
