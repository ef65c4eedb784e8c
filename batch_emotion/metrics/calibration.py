"""How far confidence and accuracy are apart: the expected calibration error of Guo et al. 2017, arXiv 1706.04599."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from batch_emotion.metrics.confusion import ratio
from batch_emotion.metrics.scores import ReliabilityBin

BINS = 15


class CalibrationBins:
    """Images, confidence and right predictions by bins of confidence of equal width, added up as rows go by."""

    def __init__(self, bins: int = BINS) -> None:
        self._bins = bins
        self._images, self._confidence, self._correct = np.zeros((3, bins))

    def add(self, confidence: NDArray[np.floating], correct: NDArray[np.bool_]) -> CalibrationBins:
        """Add N images: float (N,), the highest probability of each, and bool (N,), whether its class is the label."""
        confidence = np.asarray(confidence, np.float64)
        number = confidence_bin(confidence, self._bins)
        self._images += np.bincount(number, minlength=self._bins)
        self._confidence += np.bincount(number, confidence, self._bins)
        self._correct += np.bincount(number, correct, self._bins)
        return self

    @property
    def mean_confidence(self) -> float | None:
        """Of all images."""
        return ratio(self._confidence.sum(), self._images.sum())

    @property
    def error(self) -> float:
        """The expected calibration error, 0 (best) to 1."""
        return float(calibration_error(self._correct - self._confidence, self._images.sum()))

    def reliability(self) -> list[ReliabilityBin]:
        """The bins of a reliability diagram."""
        return [
            {
                "low": round(at / self._bins, 6),
                "high": round((at + 1) / self._bins, 6),
                "images": int(images),
                "confidence": ratio(self._confidence[at], images),
                "accuracy": ratio(self._correct[at], images),
            }
            for at, images in enumerate(self._images)
        ]


def calibration_bins(
    probabilities: NDArray[np.floating], labels: NDArray[np.integer], bins: int = BINS
) -> CalibrationBins:
    """The bins of N images: probabilities (N, K), whose highest is the confidence, and labels (N,)."""
    rows = np.asarray(probabilities)
    return CalibrationBins(bins).add(rows.max(axis=1), rows.argmax(axis=1) == labels)


def confidence_bin(confidence: NDArray[np.floating], bins: int) -> NDArray[np.intp]:
    """The bin of each confidence: 0 for (0, 1/bins], and so on."""
    numbers = np.ceil(np.asarray(confidence, np.float64) * bins).astype(np.intp) - 1
    return np.clip(numbers, 0, bins - 1)


def calibration_error(gaps: NDArray[np.float64], images: float) -> NDArray[np.float64]:
    """The error of bins (..., bins), each the sum of ``correct - confidence`` over its images."""
    error: NDArray[np.float64] = np.abs(gaps).sum(axis=-1) / max(images, 1)
    return error
