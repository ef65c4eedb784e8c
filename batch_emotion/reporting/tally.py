"""The counts of a result: statuses, classes, confidences, and where there are labels how they are met."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from batch_emotion.metrics import BINS, confidence_bin
from batch_emotion.records import UNCERTAIN
from batch_emotion.reporting.rows import Rows
from batch_emotion.results.schema import count_values

HISTOGRAM_BINS = 20
NOT_FAILURES = ("ok", "no_face")


class Tally:
    """What a result holds, counted as its rows go by."""

    def __init__(self, class_names: Sequence[str]) -> None:
        self._class_names = class_names
        self.statuses: Counter[str] = Counter()
        self.uncertain = self.images = 0
        self._histogram = np.zeros((len(class_names), HISTOGRAM_BINS), np.int64)
        self._confidence = np.zeros(len(class_names))

    def add(self, rows: Rows) -> None:
        """Count rows."""
        self.statuses.update(count_values(rows.table["status"]))
        self.uncertain += pc.sum(pc.equal(rows.table["emotion"], UNCERTAIN)).as_py() or 0
        self.images += _images(rows.table)
        said, confidence = rows.said[rows.scored], rows.confidence[rows.scored]
        count = len(self._class_names)
        bins = np.clip((confidence * HISTOGRAM_BINS).astype(np.intp), 0, HISTOGRAM_BINS - 1)
        self._histogram += np.bincount(said * HISTOGRAM_BINS + bins, minlength=count * HISTOGRAM_BINS).reshape(
            count, HISTOGRAM_BINS
        )
        self._confidence += np.bincount(said, confidence, count)

    def as_dict(self) -> dict[str, Any]:
        """For the document."""
        said = self._histogram.sum(axis=1)
        scored = int(said.sum())
        return {
            "rows": self.statuses.total(),
            "images": self.images,
            "scored": scored,
            "failures": sum(count for status, count in self.statuses.items() if status not in NOT_FAILURES),
            "uncertain": self.uncertain,
            "statuses": dict(self.statuses.most_common()),
            "mean_confidence": _ratio(self._confidence.sum(), scored),
            "histogram_edges": [round(edge / HISTOGRAM_BINS, 6) for edge in range(HISTOGRAM_BINS + 1)],
            "classes": {
                name: {
                    "rows": int(said[at]),
                    "share": _ratio(said[at], scored),
                    "mean_confidence": _ratio(self._confidence[at], said[at]),
                    "histogram": self._histogram[at].tolist(),
                }
                for at, name in enumerate(self._class_names)
            },
        }


class Judgement:
    """How what was said meets the labels, counted as rows go by."""

    def __init__(self, class_names: Sequence[str]) -> None:
        self._class_names = class_names
        self._matrix = np.zeros((len(class_names), len(class_names)), np.int64)
        self._bins = np.zeros((3, BINS))
        self.others: Counter[str] = Counter()
        self.unlabelled = 0

    def add(self, rows: Rows, truth: NDArray[np.intp], labels: pa.Array) -> None:
        """Count rows with their label.

        Args:
            rows: N rows.
            truth: (N,), the class of each label, -1 where it is none of the classes.
            labels: N texts, null where there is no label.
        """
        judged = rows.scored & (truth >= 0)
        strange = pa.array(rows.scored & (truth < 0))
        self.others.update(count_values(labels.filter(strange)))
        self.unlabelled += labels.filter(strange).null_count
        right, said, confidence = truth[judged], rows.said[judged], rows.confidence[judged].astype(np.float64)
        count = len(self._class_names)
        self._matrix += np.bincount(right * count + said, minlength=count * count).reshape(count, count)
        number = confidence_bin(confidence, BINS)
        self._bins += [np.bincount(number, weights, BINS) for weights in (None, confidence, right == said)]

    @property
    def judged(self) -> int:
        """Rows with a label among the classes."""
        return int(self._matrix.sum())

    def as_dict(self) -> dict[str, Any]:
        """For the document; averages over classes are over those that have labelled rows."""
        matrix, judged = self._matrix, self.judged
        hits, support, said = np.diagonal(matrix), matrix.sum(axis=1), matrix.sum(axis=0)
        per_class = {
            name: {
                "support": int(support[at]),
                "precision": _ratio(hits[at], said[at]),
                "recall": _ratio(hits[at], support[at]),
                "f1": _ratio(2 * hits[at], support[at] + said[at]),
            }
            for at, name in enumerate(self._class_names)
        }
        present = [each for each in per_class.values() if each["support"]]
        images, confidence, right = self._bins
        return {
            "rows": judged,
            "accuracy": _ratio(hits.sum(), judged),
            "balanced_accuracy": _mean([each["recall"] for each in present]),
            "macro_f1": _mean([each["f1"] for each in present]),
            "mean_confidence": _ratio(confidence.sum(), judged),
            "ece": _ratio(np.abs(right - confidence).sum(), judged),
            "per_class": per_class,
            "confusion_matrix": matrix.tolist(),
            "reliability": [
                {
                    "low": round(at / BINS, 6),
                    "high": round((at + 1) / BINS, 6),
                    "images": int(images[at]),
                    "confidence": _ratio(confidence[at], images[at]),
                    "accuracy": _ratio(right[at], images[at]),
                }
                for at in range(BINS)
            ],
            "other_labels": dict(self.others.most_common(20)),
            "unlabelled": self.unlabelled,
        }


def _images(table: pa.RecordBatch) -> int:
    """How many images the rows are of: with several faces, only the first of each counts."""
    if "face_index" not in table.schema.names:
        return int(table.num_rows)
    return pc.sum(pc.equal(pc.fill_null(table["face_index"], 0), 0)).as_py() or 0


def _ratio(part: float, whole: float) -> float | None:
    return round(float(part) / float(whole), 6) if whole else None


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return _ratio(sum(known), len(known))
