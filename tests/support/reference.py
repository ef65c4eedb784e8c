"""Metrics written out once more in the plainest way, to check the real ones by."""

from __future__ import annotations

import math
from collections.abc import Sequence


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
