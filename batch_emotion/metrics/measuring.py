"""How good a model is over labelled images, and how often it agrees with people, with bootstrap intervals.

Intervals are percentile intervals (Efron and Tibshirani 1993) over resampled images, or over resampled clusters where
images of a person or a session are alike (Davison and Hinkley 1997, section 3.8). Where all resamples are alike there
is none, but for a fraction of none or of all of two or more: resampling cannot tell what so few did not show, so its
interval is the exact one (Clopper and Pearson 1934).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from batch_emotion.metrics.calibration import BINS, CalibrationBins, confidence_bin
from batch_emotion.metrics.confusion import MatrixScores, count_pairs, ratio
from batch_emotion.metrics.scores import Agreement, Interval, Scores

LEVEL = 0.95
RESAMPLES = 1_000
_FRACTIONS = ("accuracy", "precision", "recall", "failures", "no_face")
_TINY = float(np.finfo(np.float64).eps)


def measure(
    probabilities: NDArray[np.floating],
    labels: NDArray[np.integer],
    class_names: Sequence[str],
    resamples: int = RESAMPLES,
    seed: int = 0,
    clusters: NDArray[np.integer] | None = None,
) -> Scores:
    """All scores of a model over N images, ready for JSON.

    Args:
        probabilities: (N, K), N > 0.
        labels: (N,), the class of each.
        class_names: the K classes.
        resamples: how many for the intervals; 0 gives none.
        seed: random seed of the resampling.
        clusters: (N,), the number of each image's cluster, which are resampled; images are where None.
    """
    rows = np.asarray(probabilities, np.float64)
    rows = rows / rows.sum(axis=1, keepdims=True)
    labels, predicted, confidence = np.asarray(labels).astype(np.intp), rows.argmax(axis=1), rows.max(axis=1)
    correct = predicted == labels
    loss = -np.log(np.maximum(rows[np.arange(len(rows)), labels], _TINY))
    count = len(class_names)
    matrix = count_pairs(labels, predicted, (count, count))
    scores = MatrixScores.of(matrix)

    intervals, class_intervals = _resampled(labels, predicted, confidence, loss, count, resamples, seed, clusters)
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
    clusters: NDArray[np.integer] | None,
) -> tuple[dict[str, Interval | None], list[dict[str, Interval | None]]]:
    """The intervals of the scalar scores, and those of each class, over resamples of the N images."""
    if not resamples:
        return {}, [{} for _ in range(classes)]
    rng = np.random.default_rng(seed)
    cluster = np.arange(len(labels)) if clusters is None else np.unique(clusters, return_inverse=True)[1]
    count = int(cluster.max()) + 1
    gap, numbers = (predicted == labels) - confidence, confidence_bin(confidence, BINS)
    matrices, gaps = np.empty((resamples, classes, classes)), np.empty((resamples, BINS))
    losses, images = np.empty((2, resamples))
    pairs = labels * classes + predicted
    for at in range(resamples):
        # How often each image is drawn, with all of its cluster.
        times = np.bincount(rng.integers(0, count, count), minlength=count)[cluster]
        matrices[at] = np.bincount(pairs, times, classes**2).reshape(classes, classes)
        gaps[at] = np.bincount(numbers, times * gap, BINS)
        images[at] = times.sum()
        losses[at] = times @ loss / images[at]
    scores = MatrixScores.of(matrices)
    scalars = {
        "accuracy": scores.accuracy,
        "balanced_accuracy": scores.balanced_accuracy,
        "macro_f1": scores.macro_f1,
        "ece": np.abs(gaps).sum(axis=-1) / images,
        "log_loss": losses,
    }
    by_class = {"precision": scores.precision, "recall": scores.recall, "f1": scores.f1}
    of_class = [(predicted == at, labels == at, (predicted == at) | (labels == at)) for at in range(classes)]
    return (
        {key: score_interval(key, values, count) for key, values in scalars.items()},
        [
            {
                key: score_interval(key, values[:, at], len(np.unique(cluster[rows])))
                for (key, values), rows in zip(by_class.items(), of_class[at], strict=True)
            }
            for at in range(classes)
        ],
    )


def agreement(
    predicted: NDArray[np.integer],
    labels: NDArray[np.integer],
    majority: NDArray[np.integer],
    class_names: Sequence[str],
    seed: int = 0,
    clusters: NDArray[np.integer] | None = None,
) -> Agreement:
    """How often a model agrees with people, and how often the labels do, over N images: three times int (N,).

    Args:
        predicted: the predicted class of each.
        labels: its label, -1 where that is none of the classes.
        majority: the class that people chose.
        class_names: the classes.
        seed: random seed of the interval.
        clusters: (N,), the number of each image's cluster, which are resampled; images are where None.
    """
    agreed, images = predicted == majority, np.bincount(majority, minlength=len(class_names))
    hits = np.bincount(majority, agreed, len(class_names))
    share, interval = proportion(int(agreed.sum()), len(majority), seed=seed)
    if clusters is not None and len(majority):
        interval = _clustered(agreed, clusters, seed)
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
    """The fraction of hits with its bootstrap interval; None where there is no image, or only one."""
    if not images:
        return None, None
    # Resampling images with replacement draws the number of hits from exactly this distribution.
    drawn = np.random.default_rng(seed).binomial(images, hits / images, resamples) / images
    return ratio(hits, images), fraction_interval(drawn, images)


def paired_difference(
    gained: int, lost: int, images: int, resamples: int = RESAMPLES, seed: int = 0
) -> tuple[float | None, Interval | None]:
    """By how much the accuracy of one model is above another's on the same images, with its bootstrap interval.

    Args:
        gained: images that it alone gets right.
        lost: images that the other alone gets right.
        images: all of them.
        resamples: how many for the interval.
        seed: random seed of the resampling.

    Returns:
        both None where there is no image; no interval where there is only one, or the two are always alike.
    """
    if not images:
        return None, None
    shares = np.array([gained, lost, images - gained - lost]) / images
    # As in ``proportion``: resampled images have exactly this distribution, whose pairs are drawn together.
    drawn = np.random.default_rng(seed).multinomial(images, shares, resamples)
    return round((gained - lost) / images, 6), percentile_interval((drawn[:, 0] - drawn[:, 1]) / images, images)


def _clustered(hits: NDArray[np.bool_], clusters: NDArray[np.integer], seed: int) -> Interval | None:
    """The interval of a fraction of hits over resampled clusters."""
    number = np.unique(clusters, return_inverse=True)[1]
    sizes, found = np.bincount(number), np.bincount(number, hits)
    rng, drawn = np.random.default_rng(seed), np.empty(RESAMPLES)
    for at in range(RESAMPLES):
        clusters_drawn = rng.integers(0, len(sizes), len(sizes))
        drawn[at] = found[clusters_drawn].sum() / sizes[clusters_drawn].sum()
    return fraction_interval(drawn, len(sizes))


def score_interval(score: str, values: NDArray[np.float64], resampled: float) -> Interval | None:
    """``fraction_interval`` of a score that is the fraction of images of some kind, else ``percentile_interval``."""
    return (fraction_interval if score in _FRACTIONS else percentile_interval)(values, resampled)


def fraction_interval(values: NDArray[np.float64], resampled: float) -> Interval | None:
    """The interval of a fraction of images: ``percentile_interval``, but exact where it is 0 or 1 in all resamples.

    Of a single image or cluster there is none here either.

    Example:
        >>> fraction_interval(np.ones(1000), 10)
        (0.691503, 1.0)
    """
    known = values[np.isfinite(values)]
    if resampled < 2 or not len(known) or not (known == known[0]).all() or known[0] not in (0, 1):
        return percentile_interval(values, resampled)
    unseen = round(float(((1 - LEVEL) / 2) ** (1 / resampled)), 6)
    return (unseen, 1.0) if known[0] else (0.0, round(1 - unseen, 6))


def percentile_interval(values: NDArray[np.float64], resampled: float) -> Interval | None:
    """The ends of the middle 95 % of resampled values.

    Args:
        values: of each resample, NaN where it is not known.
        resampled: how many images or clusters the value is of.

    Returns:
        the interval; None where no value is known, all are the same, or fewer than two images or clusters were
        resampled.
    """
    known = values[np.isfinite(values)]
    if not len(known) or resampled < 2 or (known == known[0]).all():
        return None
    low, high = np.quantile(known, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return round(float(low), 6), round(float(high), 6)
