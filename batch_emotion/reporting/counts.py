"""The counts of a result as its rows go by: statuses, classes, confidences, and where there are labels the scores."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TypedDict

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from batch_emotion.labels.reading import left_out_line
from batch_emotion.metrics.calibration import CalibrationBins
from batch_emotion.metrics.confusion import MatrixScores, count_pairs, ratio
from batch_emotion.metrics.scores import ClassScores, ReliabilityBin
from batch_emotion.records import UNCERTAIN
from batch_emotion.reporting.predicted_rows import PredictedRows
from batch_emotion.results.schema import count_values

HISTOGRAM_BINS = 20
NOT_FAILURES = ("ok", "no_face")
_OTHER_LABELS = 20


class ClassCounts(TypedDict):
    """The rows of one predicted class, and their confidence, as counts by ``histogram_edges`` too."""

    rows: int
    share: float | None
    mean_confidence: float | None
    histogram: list[int]


class ResultCounts(TypedDict):
    """The counts of a result; ``images`` are fewer than ``rows`` where an image has several faces."""

    rows: int
    images: int
    scored: int
    failures: int
    uncertain: int
    statuses: dict[str, int]
    mean_confidence: float | None
    histogram_edges: list[float]
    classes: dict[str, ClassCounts]


class LabelScores(TypedDict):
    """The scores of the labelled rows; ``other_labels`` counts labels that the model lacks."""

    rows: int
    accuracy: float
    balanced_accuracy: float
    macro_f1: float
    mean_confidence: float | None
    ece: float
    per_class: dict[str, ClassScores]
    confusion_matrix: list[list[int]]
    reliability: list[ReliabilityBin]
    other_labels: dict[str, int]
    unlabelled: int


class ResultCounter:
    """Counts the rows of a result."""

    def __init__(self, class_names: Sequence[str]) -> None:
        self._class_names = class_names
        self._statuses: Counter[str] = Counter()
        self._uncertain = self._images = 0
        self._histogram = np.zeros((len(class_names), HISTOGRAM_BINS), np.int64)
        self._confidence = np.zeros(len(class_names))

    def add(self, rows: PredictedRows) -> None:
        """Count rows."""
        self._statuses.update(count_values(rows.table["status"]))
        self._uncertain += pc.sum(pc.equal(rows.table["emotion"], UNCERTAIN)).as_py() or 0
        self._images += _images(rows.table)
        predicted, confidence = rows.predicted[rows.scored], rows.confidence[rows.scored]
        bins = np.clip((confidence * HISTOGRAM_BINS).astype(np.intp), 0, HISTOGRAM_BINS - 1)
        self._histogram += count_pairs(predicted, bins, (len(self._class_names), HISTOGRAM_BINS))
        self._confidence += np.bincount(predicted, confidence, len(self._class_names))

    def counts(self) -> ResultCounts:
        """The counts so far."""
        by_class = self._histogram.sum(axis=1)
        scored = int(by_class.sum())
        return {
            "rows": self._statuses.total(),
            "images": self._images,
            "scored": scored,
            "failures": sum(count for status, count in self._statuses.items() if status not in NOT_FAILURES),
            "uncertain": self._uncertain,
            "statuses": dict(self._statuses.most_common()),
            "mean_confidence": ratio(self._confidence.sum(), scored),
            "histogram_edges": [round(edge / HISTOGRAM_BINS, 6) for edge in range(HISTOGRAM_BINS + 1)],
            "classes": {
                name: {
                    "rows": int(by_class[at]),
                    "share": ratio(by_class[at], scored),
                    "mean_confidence": ratio(self._confidence[at], by_class[at]),
                    "histogram": self._histogram[at].tolist(),
                }
                for at, name in enumerate(self._class_names)
            },
        }


class LabelScorer:
    """Compares the predictions with the labels."""

    def __init__(self, class_names: Sequence[str]) -> None:
        self._class_names = class_names
        self._matrix = np.zeros((len(class_names), len(class_names)), np.int64)
        self._bins = CalibrationBins()
        self._others: Counter[str] = Counter()
        self._unlabelled = 0

    def add(self, rows: PredictedRows, labels: NDArray[np.intp], texts: pa.Array) -> None:
        """Compare rows with their labels.

        Args:
            rows: N rows.
            labels: (N,), the class of each label, -1 where it is none of the classes.
            texts: the N labels, null where there is none.
        """
        judged = rows.scored & (labels >= 0)
        others = texts.filter(pa.array(rows.scored & (labels < 0)))
        self._others.update(count_values(others))
        self._unlabelled += others.null_count
        labels, predicted = labels[judged], rows.predicted[judged]
        self._matrix += count_pairs(labels, predicted, self._matrix.shape)
        self._bins.add(rows.confidence[judged], labels == predicted)

    def left_out(self, unit: str) -> str:
        """A loud line on the scored rows whose labels are none of the classes so far; empty where there is none."""
        rows = int(self._matrix.sum()) + self._others.total()
        return left_out_line(self._others, rows, self._class_names, unit=f"labelled {unit}")

    def scores(self) -> LabelScores | None:
        """The scores so far; None where no scored row has a label among the classes."""
        rows = int(self._matrix.sum())
        if not rows:
            return None
        scores = MatrixScores.of(self._matrix)
        return {
            "rows": rows,
            "accuracy": round(float(scores.accuracy), 6),
            "balanced_accuracy": round(float(scores.balanced_accuracy), 6),
            "macro_f1": round(float(scores.macro_f1), 6),
            "mean_confidence": self._bins.mean_confidence,
            "ece": round(self._bins.error, 6),
            "per_class": scores.per_class(self._class_names),
            "confusion_matrix": self._matrix.tolist(),
            "reliability": self._bins.reliability(),
            "other_labels": dict(self._others.most_common(_OTHER_LABELS)),
            "unlabelled": self._unlabelled,
        }


def _images(table: pa.RecordBatch) -> int:
    """How many images the rows are of: with several faces, only the first of each counts."""
    if "face_index" not in table.schema.names:
        return int(table.num_rows)
    return pc.sum(pc.equal(pc.fill_null(table["face_index"], 0), 0)).as_py() or 0
