"""Two results of the same images: how often, and where, their predictions differ."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypedDict

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from batch_emotion.errors import UsageError
from batch_emotion.labels.results import classes_of
from batch_emotion.metrics.confusion import count_pairs, ratio
from batch_emotion.metrics.measuring import paired_difference
from batch_emotion.metrics.scores import Interval
from batch_emotion.reporting.predicted_rows import PredictedRows, read_predicted_rows
from batch_emotion.reporting.samples import TopSamples
from batch_emotion.results.reader import StoredResult
from batch_emotion.visualization.html import percent, percent_range

MOST_CHANGED = 24
_FACE_STEP = np.uint64(0x9E3779B97F4A7C15)


class LabelledChanges(TypedDict):
    """How the two do by the labels of classes that both models have, on the rows that both scored.

    ``difference`` is by how much the accuracy here is above that there, with a 95 % interval over the same images.
    ``outside`` counts rows by labels of classes that only one of the models has.
    """

    rows: int
    accuracy: float | None
    other_accuracy: float | None
    difference: float | None
    interval: Interval | None
    now_right: int
    now_wrong: int
    outside: dict[str, int]


class Comparison(TypedDict):
    """How this result differs from the other; ``matrix`` counts by the other's class (rows) and this one's."""

    other: str
    other_classes: list[str]
    rows: int
    only_here: int
    only_there: int
    scored_in_both: int
    agreement: float | None
    changed: int
    mean_confidence_change: float | None
    scored_only_here: int
    scored_only_there: int
    labelled: LabelledChanges | None
    matrix: list[list[int]]


@dataclass(frozen=True)
class _Others:
    """The rows of the other result, sorted by a 64-bit hash of their path and face: 14 bytes for each."""

    keys: NDArray[np.uint64]
    predicted: NDArray[np.int16]
    confidence: NDArray[np.float32]


class ResultComparer:
    """Finds each row's counterpart in another result and counts how the two differ."""

    def __init__(self, result: StoredResult, other: StoredResult, most: int = MOST_CHANGED) -> None:
        self._other = other
        self._others = _read(other)
        self._found = np.zeros(len(self._others.keys), bool)
        self._class_names = result.class_names
        number = {name: at for at, name in enumerate(result.class_names)}
        # One more than the classes at the end: a row without a prediction has the number -1.
        self._mine = np.array([*(number.get(name, -2) for name in other.class_names), -1])
        self._matrix = np.zeros((len(other.class_names) + 1, len(result.class_names) + 1), np.int64)
        self._both = np.array([name in other.class_names for name in result.class_names], bool)
        self._one_sided = [name for name in result.class_names if name not in other.class_names]
        self._one_sided += [name for name in other.class_names if name not in number]
        self._outside = np.zeros(len(self._one_sided), np.int64)
        self._rows = self._right = self._fixed = self._broken = self._judged = 0
        self._shift = 0.0
        self._changed = TopSamples(most, result.class_names)

    def add(self, rows: PredictedRows, labels: NDArray[np.intp] | None, texts: pa.Array | None) -> None:
        """Compare rows, with the class of each label and its text where there are labels."""
        self._rows += len(rows)
        keys, others = _keys(rows.table), self._others
        if not len(others.keys):
            return
        at = np.minimum(np.searchsorted(others.keys, keys), len(others.keys) - 1)
        found = others.keys[at] == keys
        self._found[at[found]] = True
        was, confidence = others.predicted[at], others.confidence[at]
        there, here = was[found] % self._matrix.shape[0], rows.predicted[found] % self._matrix.shape[1]
        self._matrix += count_pairs(there, here, self._matrix.shape)
        both = found & rows.scored & (was >= 0)
        self._shift += float((rows.confidence[both].astype(np.float64) - confidence[both]).sum())
        changed = both & (self._mine[was] != rows.predicted)
        names = pa.array(self._other.class_names, pa.string())
        columns = {
            "other": names.take(pa.array(was, mask=was < 0)),
            "other_confidence": pa.array(confidence.astype(np.float64), mask=was < 0),
        }
        if labels is not None and texts is not None:
            judged = both & (labels >= 0) & self._both[labels]
            outside = classes_of(texts, self._one_sided)[both]
            self._outside += np.bincount(outside[outside >= 0], minlength=len(self._outside))
            right, was_right = rows.predicted == labels, self._mine[was] == labels
            self._judged += int(judged.sum())
            self._right += int((judged & right).sum())
            self._fixed += int((judged & right & ~was_right).sum())
            self._broken += int((judged & ~right & was_right).sum())
        if texts is not None:
            columns["label"] = texts
        self._changed.add(rows, np.minimum(rows.confidence, confidence), changed, columns)

    @property
    def changed(self) -> TopSamples:
        """The rows that differ, those first of which both results are sure."""
        return self._changed

    def comparison(self) -> Comparison:
        """The differences so far.

        Raises:
            UsageError: the results have no path in common.
        """
        matched = int(self._matrix.sum())
        if self._rows and not matched:
            raise UsageError(
                f"{self._other.path} has none of the paths of the result; compare results of the same images"
            )
        both = self._matrix[:-1, :-1]
        agreed = sum(int(both[at, mine]) for at, mine in enumerate(self._mine[:-1]) if mine >= 0)
        scored = int(both.sum())
        return {
            "other": self._other.path.name,
            "other_classes": list(self._other.class_names),
            "rows": matched,
            "only_here": self._rows - matched,
            "only_there": int((~np.isin(self._others.keys, self._others.keys[self._found])).sum()),
            "scored_in_both": scored,
            "agreement": ratio(agreed, scored),
            "changed": scored - agreed,
            "mean_confidence_change": ratio(self._shift, scored),
            "scored_only_here": int(self._matrix[-1, :-1].sum()),
            "scored_only_there": int(self._matrix[:-1, -1].sum()),
            "labelled": self._labelled(),
            "matrix": both.tolist(),
        }

    def _labelled(self) -> LabelledChanges | None:
        outside = {name: int(count) for name, count in zip(self._one_sided, self._outside, strict=True) if count}
        if not self._judged and not outside:
            return None
        difference, interval = paired_difference(self._fixed, self._broken, self._judged)
        return {
            "rows": self._judged,
            "accuracy": ratio(self._right, self._judged),
            "other_accuracy": ratio(self._right - self._fixed + self._broken, self._judged),
            "difference": difference,
            "interval": interval,
            "now_right": self._fixed,
            "now_wrong": self._broken,
            "outside": outside,
        }


def labelled_sentences(labelled: LabelledChanges, unit: str) -> list[str]:
    """How two results do by the labels, for people.

    Args:
        labelled: the counts.
        unit: what is counted, such as ``images``.
    """
    sentences = []
    if labelled["difference"] is not None:
        points = labelled["difference"]
        interval = f" (95 % interval {percent_range(labelled['interval'])})" if labelled["interval"] else ""
        among = " whose label both models have as a class" if labelled["outside"] else " with labels"
        sentences += [
            f"Of {labelled['rows']:,} {unit}{among}, {percent(labelled['accuracy'])} are right here and "
            f"{percent(labelled['other_accuracy'])} there: a difference of {points * 100:+.1f} points{interval}.",
            f"{labelled['now_right']:,} are right here that were wrong there, and {labelled['now_wrong']:,} are wrong "
            "here that were right there.",
        ]
    if labelled["outside"]:
        total = sum(labelled["outside"].values())
        names = ", ".join(f"{name} ({count:,})" for name, count in labelled["outside"].items())
        sentences.append(
            f"{total:,} {unit} do not count, as only one of the two models has the class of their label: {names}."
        )
    return sentences


def _read(other: StoredResult) -> _Others:
    keys, predicted, confidence = [], [], []
    for rows in read_predicted_rows(other):
        keys.append(_keys(rows.table))
        predicted.append(rows.predicted.astype(np.int16))
        confidence.append(rows.confidence)
    if not keys:
        return _Others(np.empty(0, np.uint64), np.empty(0, np.int16), np.empty(0, np.float32))
    whole = np.concatenate(keys)
    order = np.argsort(whole, kind="stable")
    return _Others(whole[order], np.concatenate(predicted)[order], np.concatenate(confidence)[order])


def _keys(table: pa.RecordBatch) -> NDArray[np.uint64]:
    from pandas.util import hash_array

    paths = pc.fill_null(table["path"], "").to_numpy(zero_copy_only=False)
    keys: NDArray[np.uint64] = hash_array(paths, categorize=False)
    if "face_index" in table.schema.names:
        faces = pc.cast(pc.fill_null(table["face_index"], 0), pa.uint64()).to_numpy(zero_copy_only=False)
        keys = keys + faces * _FACE_STEP
    return keys
