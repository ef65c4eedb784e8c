"""Metrics written out once more in the plainest way, to check the real ones by."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy.special import softmax


def plain_ece(confidences: Sequence[float], correct: Sequence[bool], bins: int = 15) -> float:
    """The expected calibration error, bin by bin: a confidence c is in bin ceil(c * bins)."""
    error = 0.0
    for number in range(1, bins + 1):
        chosen = [at for at, confidence in enumerate(confidences) if max(1, math.ceil(confidence * bins)) == number]
        if chosen:
            accuracy = sum(correct[at] for at in chosen) / len(chosen)
            confidence = sum(confidences[at] for at in chosen) / len(chosen)
            error += len(chosen) / len(confidences) * abs(accuracy - confidence)
    return error


def random_predictions(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities (N, 3) of a fairly good model, and labels (N,), most of them of the middle class."""
    rng = np.random.default_rng(seed)
    labels = rng.choice(3, count, p=[0.1, 0.6, 0.3])
    return softmax(rng.normal(size=(count, 3)) + 1.5 * np.eye(3)[labels], axis=1).astype(np.float32), labels
