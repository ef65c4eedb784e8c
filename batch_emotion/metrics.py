"""How good a model is: scores by labels, calibration, and agreement with people, with bootstrap intervals.

Scores come from a confusion matrix and calibration from sums over bins of confidence, both of which can be added up as
rows go by. The scores are defined as scikit-learn defines them; the calibration error is that of Guo et al. 2017, arXiv
1706.04599. Intervals are percentile intervals (Efron and Tibshirani 1993) over resampled images.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from batch_emotion.scores import Agreement, ClassScores, Interval, ReliabilityBin, Scores

LEVEL = 0.95
RESAMPLES = 1_000
BINS = 15
_TINY = float(np.finfo(np.float64).eps)


@dataclass(frozen=True)
class MatrixScores:
    """The scores of a confusion matrix, int (..., K, K) by label and prediction, or of a whole stack of them.

    Attributes:
        support: (..., K), images by label.
        precision: (..., K), NaN where the class was never predicted; so are ``recall`` and ``f1`` without images.
        recall: (..., K).
        f1: (..., K).
        accuracy: (...).
        balanced_accuracy: (...), the mean recall of the classes that have images.
        macro_f1: (...), of those classes too.
    """

    support: NDArray[np.float64]
    precision: NDArray[np.float64]
    recall: NDArray[np.float64]
    f1: NDArray[np.float64]
    accuracy: NDArray[np.float64]
    balanced_accuracy: NDArray[np.float64]
    macro_f1: NDArray[np.float64]

    @classmethod
    def of(cls, matrix: ArrayLike) -> MatrixScores:
        """Compute them; the matrix must hold an image."""
        counts = np.asarray(matrix, np.float64)
        hits = np.diagonal(counts, axis1=-2, axis2=-1)
        support, predicted = counts.sum(axis=-1), counts.sum(axis=-2)
        with np.errstate(invalid="ignore"):
            precision, recall, f1 = hits / predicted, hits / support, 2 * hits / (support + predicted)
        balanced, macro = _mean_of_present(recall, support), _mean_of_present(f1, support)
        return cls(support, precision, recall, f1, hits.sum(axis=-1) / support.sum(axis=-1), balanced, macro)

    def per_class(self, class_names: Sequence[str]) -> dict[str, ClassScores]:
        """The scores of each class of a single matrix."""
        return {
            name: {
                "support": int(self.support[at]),
                "precision": _rounded(self.precision[at]),
                "recall": _rounded(self.recall[at]),
                "f1": _rounded(self.f1[at]),
            }
            for at, name in enumerate(class_names)
        }


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
        return float(_calibration_error(self._correct - self._confidence, self._images.sum()))

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


def measure(
    probabilities: NDArray[np.floating],
    labels: NDArray[np.integer],
    class_names: Sequence[str],
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Scores:
    """All scores of a model over N images, ready for JSON.

    Args:
        probabilities: (N, K), N > 0.
        labels: (N,), the class of each.
        class_names: the K classes.
        resamples: how many for the intervals; 0 gives none.
        seed: random seed of the resampling.
    """
    rows = np.asarray(probabilities, np.float64)
    rows = rows / rows.sum(axis=1, keepdims=True)
    labels, predicted, confidence = np.asarray(labels).astype(np.intp), rows.argmax(axis=1), rows.max(axis=1)
    correct = predicted == labels
    loss = -np.log(np.maximum(rows[np.arange(len(rows)), labels], _TINY))
    count = len(class_names)
    matrix = count_pairs(labels, predicted, (count, count))
    scores = MatrixScores.of(matrix)

    intervals, class_intervals = _resampled(labels, predicted, confidence, loss, count, resamples, seed)
    per_class = scores.per_class(class_names)
    for each, found in zip(per_class.values(), class_intervals, strict=True):
        each["intervals"] = found
    return {
        "images": len(rows),
        "accuracy": round(float(scores.accuracy), 6),
        "balanced_accuracy": round(float(scores.balanced_accuracy), 6),
        "macro_f1": round(float(scores.macro_f1), 6),
        "ece": round(CalibrationBins().add(confidence, correct).error, 6),
        "log_loss": round(float(loss.mean()), 6),
        "intervals": intervals,
        "per_class": per_class,
        "confusion_matrix": matrix.tolist(),
    }


def _resampled(
    labels: NDArray[np.integer],
    predicted: NDArray[np.integer],
    confidence: NDArray[np.float64],
    loss: NDArray[np.float64],
    classes: int,
    resamples: int,
    seed: int,
) -> tuple[dict[str, Interval | None], list[dict[str, Interval | None]]]:
    """The intervals of the scalar scores, and those of each class, over resamples of the N images."""
    if not resamples:
        return {}, [{} for _ in range(classes)]
    rng, images = np.random.default_rng(seed), len(labels)
    gap, numbers = (predicted == labels) - confidence, confidence_bin(confidence, BINS)
    matrices, gaps = np.empty((resamples, classes, classes)), np.empty((resamples, BINS))
    losses = np.empty(resamples)
    for at in range(resamples):
        drawn = rng.integers(0, images, images)
        matrices[at] = count_pairs(labels[drawn], predicted[drawn], (classes, classes))
        gaps[at] = np.bincount(numbers[drawn], gap[drawn], BINS)
        losses[at] = loss[drawn].mean()
    scores = MatrixScores.of(matrices)
    scalars = {
        "accuracy": scores.accuracy,
        "balanced_accuracy": scores.balanced_accuracy,
        "macro_f1": scores.macro_f1,
        "ece": _calibration_error(gaps, images),
        "log_loss": losses,
    }
    by_class = {"precision": scores.precision, "recall": scores.recall, "f1": scores.f1}
    return (
        {key: _interval(values) for key, values in scalars.items()},
        [{key: _interval(values[:, at]) for key, values in by_class.items()} for at in range(classes)],
    )


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


def agreement(
    predicted: NDArray[np.integer],
    labels: NDArray[np.integer],
    majority: NDArray[np.integer],
    class_names: Sequence[str],
    seed: int = 0,
) -> Agreement:
    """How often a model agrees with people, and how often the labels do, over N images: three times int (N,).

    Args:
        predicted: the predicted class of each.
        labels: its label, -1 where that is none of the classes.
        majority: the class that people chose.
        class_names: the classes.
        seed: random seed of the interval.
    """
    agreed, images = predicted == majority, np.bincount(majority, minlength=len(class_names))
    hits = np.bincount(majority, agreed, len(class_names))
    share, interval = proportion(int(agreed.sum()), len(majority), seed=seed)
    return {
        "images": len(majority),
        "agreement": share,
        "interval": interval,
        "label_agreement": ratio((labels == majority).sum(), len(majority)),
        "per_class": {
            name: {"images": int(images[at]), "agreement": ratio(hits[at], images[at])}
            for at, name in enumerate(class_names)
        },
    }


def proportion(
    hits: int, images: int, resamples: int = RESAMPLES, seed: int = 0
) -> tuple[float | None, Interval | None]:
    """The fraction of hits with its bootstrap interval; None where there is no image."""
    if not images:
        return None, None
    # Resampling images with replacement draws the number of hits from exactly this distribution.
    drawn = np.random.default_rng(seed).binomial(images, hits / images, resamples) / images
    return ratio(hits, images), _interval(drawn)


def ratio(part: float, whole: float) -> float | None:
    """A fraction to six digits; None of nothing."""
    return round(float(part) / float(whole), 6) if whole else None


def count_pairs(rows: NDArray[np.integer], columns: NDArray[np.integer], shape: tuple[int, int]) -> NDArray[np.int64]:
    """How often each pair of numbers occurs, of this shape; of labels and predictions it is the confusion matrix."""
    numbers = np.asarray(rows) * shape[1] + columns
    return np.bincount(numbers, minlength=shape[0] * shape[1]).astype(np.int64).reshape(shape)


def _calibration_error(gaps: NDArray[np.float64], images: float) -> NDArray[np.float64]:
    """The error of bins (..., bins), each the sum of ``correct - confidence`` over its images."""
    error: NDArray[np.float64] = np.abs(gaps).sum(axis=-1) / max(images, 1)
    return error


def _mean_of_present(values: NDArray[np.float64], support: NDArray[np.float64]) -> NDArray[np.float64]:
    present = support > 0
    means: NDArray[np.float64] = np.where(present, np.nan_to_num(values), 0).sum(axis=-1) / present.sum(axis=-1)
    return means


def _interval(values: NDArray[np.float64]) -> Interval | None:
    known = values[np.isfinite(values)]
    if not len(known):
        return None
    low, high = np.quantile(known, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return round(float(low), 6), round(float(high), 6)


def _rounded(value: float) -> float | None:
    return round(float(value), 6) if np.isfinite(value) else None
