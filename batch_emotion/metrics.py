"""How good a model is: figures over labelled images, each with its bootstrap interval.

The figures are scikit-learn's; the calibration error is that of Guo et al. 2017, arXiv 1706.04599. The intervals are
percentile intervals (Efron and Tibshirani 1993) over resampled images.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

LEVEL = 0.95
RESAMPLES = 1_000
BINS = 15
SCALARS = ("accuracy", "balanced_accuracy", "macro_f1", "ece", "log_loss")
_PER_CLASS = ("precision", "recall", "f1")
_TINY = float(np.finfo(np.float64).eps)

Interval = tuple[float, float]


@dataclass(frozen=True)
class _Samples:
    """What resampling needs of each of N images: its cell in the confusion matrix, its bin, its share of each sum."""

    cell: NDArray[np.intp]
    bin: NDArray[np.intp]
    gap: NDArray[np.float64]
    loss: NDArray[np.float64]


def measure(
    probabilities: NDArray[np.floating],
    truth: NDArray[np.integer],
    class_names: Sequence[str],
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> dict[str, Any]:
    """All figures of a model over N images, ready for JSON.

    Averages over classes are over those that the images hold. A figure that is not defined, such as the precision of a
    class that was never said, is None.

    Args:
        probabilities: (N, K), N > 0.
        truth: (N,), the right class of each.
        class_names: the K classes.
        resamples: how many for the intervals; 0 gives none.
        seed: of the resampling.

    Returns:
        ``images``; each of ``SCALARS`` as a fraction (``log_loss`` in nats); ``intervals``, [low, high] of each scalar;
        ``per_class``, by name, ``support, precision, recall, f1`` and their ``intervals``; ``confusion_matrix``, counts
        by right class (rows) and said class.
    """
    from sklearn.metrics import confusion_matrix, log_loss, precision_recall_fscore_support

    rows = np.asarray(probabilities, np.float64)
    rows = rows / rows.sum(axis=1, keepdims=True)
    right = np.asarray(truth).astype(np.intp)
    said, classes = rows.argmax(axis=1), np.arange(len(class_names))
    matrix = confusion_matrix(right, said, labels=classes)
    present = matrix.sum(axis=1) > 0
    precision, recall, f1, support = precision_recall_fscore_support(right, said, labels=classes, zero_division=np.nan)
    samples = _samples(rows, right, said)
    scalars = {
        "accuracy": float((said == right).mean()),
        "balanced_accuracy": float(recall[present].mean()),
        "macro_f1": float(np.nan_to_num(f1[present]).mean()),
        "ece": float(np.abs(np.bincount(samples.bin, samples.gap, BINS)).sum() / len(right)),
        "log_loss": float(log_loss(right, rows, labels=classes)),
    }
    drawn = _resampled(samples, len(class_names), resamples, seed)
    per_class = {
        name: {
            "support": int(support[number]),
            **{key: _plain(values[number]) for key, values in zip(_PER_CLASS, (precision, recall, f1), strict=True)},
            "intervals": {key: _interval(drawn[key][:, number]) for key in _PER_CLASS if resamples},
        }
        for number, name in enumerate(class_names)
    }
    return {
        "images": len(right),
        **{key: _plain(value) for key, value in scalars.items()},
        "intervals": {key: _interval(drawn[key]) for key in SCALARS if resamples},
        "per_class": per_class,
        "confusion_matrix": matrix.tolist(),
    }


def reliability(
    probabilities: NDArray[np.floating], truth: NDArray[np.integer], bins: int = BINS
) -> list[dict[str, Any]]:
    """The bins of a reliability diagram: ``low, high, images``, mean ``confidence`` and ``accuracy``, None if empty."""
    rows = np.asarray(probabilities, np.float64)
    confidence, correct = rows.max(axis=1), rows.argmax(axis=1) == truth
    number = confidence_bin(confidence, bins)
    images = np.bincount(number, minlength=bins)
    with np.errstate(invalid="ignore"):
        means = [np.bincount(number, values, bins) / images for values in (confidence, correct)]
    return [
        {
            "low": round(at / bins, 6),
            "high": round((at + 1) / bins, 6),
            "images": int(images[at]),
            "confidence": _plain(means[0][at]),
            "accuracy": _plain(means[1][at]),
        }
        for at in range(bins)
    ]


def expected_calibration_error(
    probabilities: NDArray[np.floating], truth: NDArray[np.integer], bins: int = 15
) -> float:
    """How far confidence and accuracy are apart, in bins of equal width weighed by their images: 0 (best) to 1.

    Args:
        probabilities: (N, K); the confidence of a row is its highest value.
        truth: (N,), the right classes.
        bins: how many; each holds its upper edge.
    """
    probabilities = np.asarray(probabilities)
    confidence = probabilities.max(axis=1).astype(np.float64)
    correct = probabilities.argmax(axis=1) == truth
    number = confidence_bin(confidence, bins)
    gaps = np.bincount(number, correct - confidence, minlength=bins)
    return float(np.abs(gaps).sum() / max(len(truth), 1))


def confidence_bin(confidence: NDArray[np.floating], bins: int) -> NDArray[np.intp]:
    """The bin of each confidence: 0 for (0, 1/bins], and so on."""
    numbers = np.ceil(np.asarray(confidence, np.float64) * bins).astype(np.intp) - 1
    return np.clip(numbers, 0, bins - 1)


def proportion(
    hits: int, images: int, resamples: int = RESAMPLES, seed: int = 0
) -> tuple[float | None, Interval | None]:
    """The fraction of hits with its bootstrap interval; None where there is no image."""
    if not images:
        return None, None
    # Resampling images with replacement draws the number of hits from exactly this distribution.
    drawn = np.random.default_rng(seed).binomial(images, hits / images, resamples) / images
    return round(hits / images, 6), _interval(drawn)


def _samples(rows: NDArray[np.float64], truth: NDArray[np.intp], said: NDArray[np.intp]) -> _Samples:
    confidence = rows.max(axis=1)
    right = rows[np.arange(len(truth)), truth]
    return _Samples(
        truth * rows.shape[1] + said,
        confidence_bin(confidence, BINS),
        (said == truth) - confidence,
        -np.log(np.maximum(right, _TINY)),
    )


def _resampled(samples: _Samples, classes: int, resamples: int, seed: int) -> dict[str, NDArray[np.float64]]:
    """Each scalar (R,) and each figure per class (R, K) over R resamples of the images."""
    rng, count = np.random.default_rng(seed), len(samples.cell)
    matrices = np.empty((resamples, classes, classes))
    ece, loss = np.empty(resamples), np.empty(resamples)
    for at in range(resamples):
        drawn = rng.integers(0, count, count)
        matrices[at] = np.bincount(samples.cell[drawn], minlength=classes * classes).reshape(classes, classes)
        ece[at] = np.abs(np.bincount(samples.bin[drawn], samples.gap[drawn], BINS)).sum() / count
        loss[at] = samples.loss[drawn].mean()
    hits = np.diagonal(matrices, axis1=1, axis2=2)
    support, said = matrices.sum(axis=2), matrices.sum(axis=1)
    with np.errstate(invalid="ignore"):
        recall, precision, f1 = hits / support, hits / said, 2 * hits / (support + said)
    return {
        "accuracy": hits.sum(axis=1) / count,
        "balanced_accuracy": _mean_of_present(recall, support),
        "macro_f1": _mean_of_present(f1, support),
        "ece": ece,
        "log_loss": loss,
        "precision": precision,
        "recall": recall,
        "f1": f1,
    }


def _mean_of_present(values: NDArray[np.float64], support: NDArray[np.float64]) -> NDArray[np.float64]:
    present = support > 0
    means: NDArray[np.float64] = np.where(present, np.nan_to_num(values), 0).sum(axis=1) / present.sum(axis=1)
    return means


def _interval(values: NDArray[np.float64]) -> Interval | None:
    known = values[np.isfinite(values)]
    if not len(known):
        return None
    low, high = np.quantile(known, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return round(float(low), 6), round(float(high), 6)


def _plain(value: float) -> float | None:
    return round(float(value), 6) if np.isfinite(value) else None
