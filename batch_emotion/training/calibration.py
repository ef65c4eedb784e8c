"""Confidence that means what it says: a temperature fitted on validation data, folded into the network's last layer.

Temperature scaling and the expected calibration error are those of Guo et al. 2017, arXiv 1706.04599.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from batch_emotion.errors import BatchEmotionError
from batch_emotion.metrics.calibration import calibration_bins

_LOG_TEMPERATURE = (np.log(0.05), np.log(20.0))
_SMALLEST = np.log(1e-30)


def fit_temperature(
    logits: NDArray[np.floating], targets: NDArray[np.floating], shift: NDArray[np.floating] | float = 0.0
) -> float:
    """Find the temperature T, between 0.05 and 20, at which softmax(logits / T + shift) has the least cross-entropy.

    Args:
        logits: (N, K), or logarithms of probabilities, which give the same T.
        targets: (N, K), rows summing to 1, one-hot or soft.
        shift: (K,), added to the logits after scaling.

    Raises:
        BatchEmotionError: there is no image, or a value that is not a number.
    """
    from scipy.optimize import minimize_scalar

    values = _shifted(logits)
    wanted = np.asarray(targets, np.float64)
    if not len(values) or not np.isfinite(values).all():
        raise BatchEmotionError(
            "no temperature can be fitted: the predictions are empty or hold values that are no numbers"
        )

    def cross_entropy(log_temperature: float) -> float:
        return float(-(wanted * _log_softmax(values / np.exp(log_temperature) + shift)).sum(axis=1).mean())

    found = minimize_scalar(cross_entropy, bounds=_LOG_TEMPERATURE, method="bounded", options={"xatol": 1e-5})
    return float(np.exp(found.x))


def apply_temperature(
    logits: NDArray[np.floating], temperature: float, shift: NDArray[np.floating] | float = 0.0
) -> NDArray[np.float64]:
    """The probabilities softmax(logits / T + shift), float64 (N, K), of logits or logarithms of probabilities."""
    return np.exp(_log_softmax(_shifted(logits) / temperature + shift))


def cross_fitted_ece(
    log_probabilities: NDArray[np.floating],
    targets: NDArray[np.floating],
    folds: int = 5,
    seed: int = 0,
    shift: NDArray[np.floating] | float = 0.0,
) -> float:
    """The calibration error after scaling, each image by a temperature fitted on the other folds only.

    Args:
        log_probabilities: (N, K), or logits; N must be at least 2.
        targets: (N, K), rows summing to 1; the right class is the highest.
        folds: how many parts, at most N; drawn at random by the seed.
        seed: of the parts.
        shift: (K,), added to the logits after scaling.
    """
    fold = np.random.default_rng(seed).permutation(len(targets)) % folds
    scaled = np.empty(np.shape(log_probabilities), np.float64)
    for number in range(folds):
        held = fold == number
        temperature = fit_temperature(log_probabilities[~held], targets[~held], shift)
        scaled[held] = apply_temperature(log_probabilities[held], temperature, shift)
    return calibration_bins(scaled, np.asarray(targets).argmax(axis=1)).error


def fold_temperature(model: Any, temperature: float) -> None:
    """Divide kernel and bias of a Keras model's last dense layer, which ends in a softmax, by T, in place.

    Raises:
        BatchEmotionError: the temperature is not above 0, or the last dense layer does not end in a softmax.
    """
    import keras

    if not temperature > 0:
        raise BatchEmotionError(f"a temperature must be above 0, not {temperature:g}")
    dense = [layer for layer in _leaves(model) if isinstance(layer, keras.layers.Dense)]
    if not dense or dense[-1].activation is not keras.activations.softmax:
        raise BatchEmotionError(
            f"the network {model.name} has no dense layer with a softmax at its end, so no temperature can be folded in"
        )
    dense[-1].set_weights([weights / temperature for weights in dense[-1].get_weights()])


def _leaves(model: Any) -> list[Any]:
    """The layers in their order, those of models within the model in their place."""
    leaves: list[Any] = []
    for layer in model.layers:
        leaves += _leaves(layer) if hasattr(layer, "layers") else [layer]
    return leaves


def _shifted(logits: NDArray[np.floating]) -> NDArray[np.float64]:
    """Logits whose highest is 0, and none so low that a probability of 0 would make the loss infinite."""
    values = np.asarray(logits, np.float64)
    shifted: NDArray[np.float64] = np.maximum(values - values.max(axis=1, keepdims=True, initial=-np.inf), _SMALLEST)
    return shifted


def _log_softmax(values: NDArray[np.float64]) -> NDArray[np.float64]:
    shifted = values - values.max(axis=1, keepdims=True)
    logarithms: NDArray[np.float64] = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return logarithms
