"""How good a model is in each group of images, with bootstrap intervals, and how far the groups are apart.

Intervals are percentile intervals over resampled images or, where images of a person or a session are alike, over
resampled clusters of them (Davison and Hinkley 1997, section 3.8); of a fraction of none or of all the exact ones.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, NotRequired, TypedDict

import numpy as np
from numpy.typing import NDArray

from batch_emotion.metrics.calibration import BINS, confidence_bin
from batch_emotion.metrics.confusion import MatrixScores
from batch_emotion.metrics.measuring import LEVEL, RESAMPLES, percentile_interval, score_interval
from batch_emotion.metrics.scores import Interval

GroupScore = Literal["accuracy", "balanced_accuracy", "ece", "failures", "no_face"]
GROUP_SCORES: tuple[GroupScore, ...] = ("accuracy", "balanced_accuracy", "ece", "failures", "no_face")
_OF_ALL = ("failures", "no_face")
FEWEST = 10
"""A group with fewer judged images than this takes no part in the largest gap."""


class GroupScores(TypedDict):
    """The scores of a group: fractions, None where it has nothing that they could be of.

    ``images`` are all of the group, ``judged`` those that were scored, have a label among the classes and are not known
    to be in the training data, ``clusters`` how many clusters the group's images are of; ``failures`` and ``no_face``
    are shares of all. ``in_training`` would be judged if they were not in the training data, None where that is not
    known; evaluations of earlier versions judged these too, and have no such key.
    """

    value: str | None
    images: int
    judged: int
    in_training: NotRequired[int | None]
    clusters: int | None
    accuracy: float | None
    balanced_accuracy: float | None
    ece: float | None
    failures: float | None
    no_face: float | None
    intervals: dict[str, Interval | None]


class LargestGap(TypedDict):
    """How far apart the groups with the highest and the lowest score are.

    ``interval`` is of the difference of these two. ``by_chance`` is what the largest gap between groups of these sizes
    stays below in 95 of 100 cases where the group makes no difference at all.
    """

    highest: str | None
    lowest: str | None
    gap: float
    interval: Interval | None
    by_chance: float | None


class GroupedScores(TypedDict):
    """The groups of a column, the largest first, and the largest gap of the accuracy and of the mean recall."""

    column: str
    groups: list[GroupScores]
    others: int
    gaps: dict[str, LargestGap]


@dataclass(frozen=True)
class GroupedImages:
    """N images, or counts of images that are alike.

    Attributes:
        values: of the G groups.
        groups: intp (N,), the number of each image's group.
        labels: intp (N,), its class, -1 where it is not judged.
        predicted: intp (N,), the predicted class; without meaning where it is not judged.
        confidence: float64 (N,), likewise.
        failed: bool (N,), whether it could not be scored.
        without_face: bool (N,), whether no face was found in it.
        counts: int (N,), how many images are like this; one each where None.
        clusters: intp (N,), the number of its cluster, from 0; every image is its own where None.
        in_training: bool (N,), whether it is not judged for being in the training data; None where that is not known.
    """

    values: Sequence[str | None]
    groups: NDArray[np.intp]
    labels: NDArray[np.intp]
    predicted: NDArray[np.intp]
    confidence: NDArray[np.float64]
    failed: NDArray[np.bool_]
    without_face: NDArray[np.bool_]
    counts: NDArray[np.int64] | None = None
    clusters: NDArray[np.intp] | None = None
    in_training: NDArray[np.bool_] | None = None

    def __len__(self) -> int:
        return len(self.groups)

    def judged(self) -> GroupedImages:
        """Those that are judged alone."""
        rows = np.flatnonzero(self.labels >= 0)
        clusters = None if self.clusters is None else np.unique(self.clusters[rows], return_inverse=True)[1].ravel()
        return GroupedImages(
            self.values,
            self.groups[rows],
            self.labels[rows],
            self.predicted[rows],
            self.confidence[rows],
            self.failed[rows],
            self.without_face[rows],
            None if self.counts is None else self.counts[rows],
            clusters,
        )


def group_scores(
    images: GroupedImages,
    column: str,
    classes: int,
    *,
    most: int = 30,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> GroupedScores:
    """The scores of each group, ready for JSON.

    Args:
        images: all of them; those of other groups than the largest are resampled too, but not shown.
        column: whose values the groups are.
        classes: how many there are.
        most: how many groups are shown.
        resamples: how many for the intervals; 0 gives none.
        seed: random seed of the resampling.
    """
    table = _Table(images, classes)
    plain = table.scores(np.ones(len(images)))
    drawn = [table.scores(weights) for weights in _draws(images, resamples, seed)]
    stacked = {key: np.stack([each[key] for each in drawn]) for key in GROUP_SCORES} if drawn else {}
    sizes = table.sums(np.ones(len(images), bool))
    judged = table.sums(images.labels >= 0)
    order = sorted(range(len(images.values)), key=lambda at: (-sizes[at], str(images.values[at])))[:most]
    known = None if images.in_training is None else table.sums(images.in_training)
    units, judged_units = table.units(np.ones(len(images), bool)), table.units(images.labels >= 0)
    groups: list[GroupScores] = [
        {
            "value": images.values[at],
            "images": int(sizes[at]),
            "judged": int(judged[at]),
            "in_training": None if known is None else int(known[at]),
            "clusters": None if images.clusters is None else int(units[at]),
            "accuracy": _known(plain["accuracy"][at]),
            "balanced_accuracy": _known(plain["balanced_accuracy"][at]),
            "ece": _known(plain["ece"][at]),
            "failures": _known(plain["failures"][at]),
            "no_face": _known(plain["no_face"][at]),
            "intervals": {
                key: score_interval(key, values[:, at], (units if key in _OF_ALL else judged_units)[at])
                for key, values in stacked.items()
            },
        }
        for at in order
    ]
    compared = np.array([at for at in order if judged[at] >= FEWEST], np.intp)
    gaps: dict[str, LargestGap] = {}
    if len(compared) > 1:
        dealt = images.judged()
        table = _Table(dealt, classes)
        chance = [table.scores(groups=permuted) for permuted in _permuted(dealt, resamples, seed)]
        for key in ("accuracy", "balanced_accuracy"):
            by_chance = np.array([np.ptp(each[key][compared]) for each in chance])
            gaps[key] = _gap(images.values, compared, plain[key], stacked.get(key), by_chance, judged_units)
    return {"column": column, "groups": groups, "others": len(images.values) - len(order), "gaps": gaps}


class _Table:
    """Images counted by group, label, prediction and bin of confidence, under any weights."""

    def __init__(self, images: GroupedImages, classes: int) -> None:
        self._images, self._classes = images, classes
        self._counts = np.ones(len(images)) if images.counts is None else images.counts.astype(np.float64)
        self._judged = np.flatnonzero(images.labels >= 0)
        labels, predicted = images.labels[self._judged], images.predicted[self._judged]
        self._pairs = labels * classes + predicted
        confidence = images.confidence[self._judged]
        self._bins, self._gap = confidence_bin(confidence, BINS), (labels == predicted) - confidence

    def sums(self, rows: NDArray[np.bool_], weights: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
        """How many images of each group are among these rows, (G,)."""
        counts = self._counts if weights is None else self._counts * weights
        return np.bincount(self._images.groups[rows], counts[rows], len(self._images.values)).astype(np.float64)

    def units(self, rows: NDArray[np.bool_]) -> NDArray[np.float64]:
        """How many images, or clusters where they are given, of each group are among these rows, (G,)."""
        if self._images.clusters is None:
            return self.sums(rows)
        pairs = np.unique(np.stack([self._images.groups[rows], self._images.clusters[rows]]), axis=1)
        return np.bincount(pairs[0], minlength=len(self._images.values)).astype(np.float64)

    def scores(
        self, weights: NDArray[np.float64] | None = None, groups: NDArray[np.intp] | None = None
    ) -> dict[str, NDArray[np.float64]]:
        """The scores of each group, (G,), NaN where it has no such images."""
        count, classes, images = len(self._images.values), self._classes, self._images
        counts = self._counts if weights is None else self._counts * weights
        of_judged = counts[self._judged]
        group = (images.groups if groups is None else groups)[self._judged]
        matrices = np.bincount(group * classes**2 + self._pairs, of_judged, count * classes**2)
        gaps = np.bincount(group * BINS + self._bins, of_judged * self._gap, count * BINS).reshape(count, BINS)
        with np.errstate(invalid="ignore"):
            scores = MatrixScores.of(matrices.reshape(count, classes, classes))
            judged, total = scores.support.sum(axis=-1), np.bincount(images.groups, counts, count)
            return {
                "accuracy": scores.accuracy,
                "balanced_accuracy": scores.balanced_accuracy,
                "ece": np.where(judged > 0, np.abs(gaps).sum(axis=-1) / np.maximum(judged, 1), np.nan),
                "failures": np.bincount(images.groups, counts * images.failed, count) / total,
                "no_face": np.bincount(images.groups, counts * images.without_face, count) / total,
            }


def _draws(images: GroupedImages, resamples: int, seed: int) -> Iterator[NDArray[np.float64]]:
    """How often each image is drawn, (N,), as images or clusters are drawn with replacement."""
    rng = np.random.default_rng(seed)
    if not len(images):
        return
    if images.counts is not None:
        total = int(images.counts.sum())
        for _ in range(resamples):
            # Of counts of like images this is the same as drawing images.
            yield rng.multinomial(total, images.counts / total) / np.maximum(images.counts, 1)
        return
    clusters = np.arange(len(images)) if images.clusters is None else images.clusters
    count = int(clusters.max(initial=-1)) + 1
    for _ in range(resamples):
        yield np.bincount(rng.integers(0, count, count), minlength=count)[clusters].astype(np.float64)


def _permuted(images: GroupedImages, times: int, seed: int) -> Iterator[NDArray[np.intp]]:
    """The groups dealt out anew, (N,): among images; among whole clusters where each is of one group, else in each.

    Counts of like images cannot be dealt out.
    """
    if images.counts is not None:
        return
    rng, clusters, groups = np.random.default_rng(seed), images.clusters, images.groups
    if clusters is None:
        for _ in range(times):
            yield rng.permutation(groups)
        return
    first = np.unique(clusters, return_index=True)[1]
    of_cluster = groups[first]
    if (of_cluster[clusters] == groups).all():
        for _ in range(times):
            yield rng.permutation(of_cluster)[clusters]
        return
    order = np.argsort(clusters, kind="stable")
    for _ in range(times):
        dealt = np.empty_like(groups)
        dealt[order] = groups[np.lexsort((rng.random(len(groups)), clusters))]
        yield dealt


def _gap(
    values: Sequence[str | None],
    compared: NDArray[np.intp],
    plain: NDArray[np.float64],
    drawn: NDArray[np.float64] | None,
    by_chance: NDArray[np.float64],
    units: NDArray[np.float64],
) -> LargestGap:
    ranked = compared[np.argsort(-plain[compared], kind="stable")]  # where all are equal, two of them all the same
    highest, lowest = ranked[0], ranked[-1]
    fewest = min(units[highest], units[lowest])
    return {
        "highest": values[highest],
        "lowest": values[lowest],
        "gap": round(float(plain[highest] - plain[lowest]), 6),
        "interval": None if drawn is None else percentile_interval(drawn[:, highest] - drawn[:, lowest], fewest),
        "by_chance": round(float(np.nanquantile(by_chance, LEVEL)), 6) if np.isfinite(by_chance).any() else None,
    }


def _known(value: np.floating) -> float | None:
    return round(float(value), 6) if np.isfinite(value) else None
