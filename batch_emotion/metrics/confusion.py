"""Counts by label and prediction, and the scores that they give, defined as scikit-learn defines them.

Counts can be added up as rows go by; averages over classes are over those that have images.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from batch_emotion.metrics.scores import ClassScores


@dataclass(frozen=True)
class MatrixScores:
    """The scores of a confusion matrix, int (..., K, K) by label and prediction, or of a whole stack of them.

    Attributes:
        support: (..., K), images by label.
        precision: (..., K), NaN where the class was never predicted.
        recall: (..., K), NaN where it has no images.
        f1: (..., K), NaN where both are so; 0 where it has no images, but was predicted.
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


def count_pairs(rows: NDArray[np.integer], columns: NDArray[np.integer], shape: tuple[int, int]) -> NDArray[np.int64]:
    """How often each pair of numbers occurs, of this shape; of labels and predictions it is the confusion matrix."""
    numbers = np.asarray(rows) * shape[1] + columns
    return np.bincount(numbers, minlength=shape[0] * shape[1]).astype(np.int64).reshape(shape)


def ratio(part: float, whole: float) -> float | None:
    """A fraction to six digits; None of nothing."""
    return round(float(part) / float(whole), 6) if whole else None


def _mean_of_present(values: NDArray[np.float64], support: NDArray[np.float64]) -> NDArray[np.float64]:
    present = support > 0
    means: NDArray[np.float64] = np.where(present, np.nan_to_num(values), 0).sum(axis=-1) / present.sum(axis=-1)
    return means


def _rounded(value: float) -> float | None:
    return round(float(value), 6) if np.isfinite(value) else None
