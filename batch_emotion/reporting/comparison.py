"""Two results of the same images: how often, and where, their predictions differ."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypedDict

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from batch_emotion.errors import UsageError
from batch_emotion.metrics.confusion import count_pairs, ratio
from batch_emotion.reporting.predicted_rows import PredictedRows, read_predicted_rows
from batch_emotion.reporting.samples import TopSamples
from batch_emotion.results.reader import StoredResult

MOST_CHANGED = 24
_FACE_STEP = np.uint64(0x9E3779B97F4A7C15)


class LabelledChanges(TypedDict):
    """Labelled rows whose prediction became right, or wrong."""

    rows: int
    now_right: int
    now_wrong: int


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
        self._rows = self._fixed = self._broken = self._judged = 0
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
        if labels is not None:
            judged = both & (labels >= 0)
            right, was_right = rows.predicted == labels, self._mine[was] == labels
            self._judged += int(judged.sum())
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
            "only_there": int((~self._found).sum()),
            "scored_in_both": scored,
            "agreement": ratio(agreed, scored),
            "changed": scored - agreed,
            "mean_confidence_change": ratio(self._shift, scored),
            "scored_only_here": int(self._matrix[-1, :-1].sum()),
            "scored_only_there": int(self._matrix[:-1, -1].sum()),
            "labelled": None
            if not self._judged
            else {"rows": self._judged, "now_right": self._fixed, "now_wrong": self._broken},
            "matrix": both.tolist(),
        }


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
