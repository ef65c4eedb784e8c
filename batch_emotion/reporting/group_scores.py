"""The scores of groups of rows that go by, from counts of rows that are alike."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from batch_emotion.metrics.calibration import BINS, confidence_bin
from batch_emotion.metrics.groups import GroupedImages, GroupedScores, group_scores
from batch_emotion.records import SCORABLE, Status
from batch_emotion.reporting.predicted_rows import PredictedRows

_FAILED, _NO_FACE, _UNJUDGED, _JUDGED = range(4)


class GroupScorer:
    """Counts rows by value, and by label, prediction and bin of confidence, or by why they have none of these."""

    def __init__(self, classes: int) -> None:
        self._classes = classes
        self._cells: dict[str | None, dict[int, NDArray[np.float64]]] = defaultdict(dict)

    def add(
        self,
        rows: PredictedRows,
        values: Sequence[str | None],
        codes: NDArray[np.intp],
        labels: NDArray[np.intp] | None,
    ) -> None:
        """Count rows.

        Args:
            rows: N rows.
            values: of the groups.
            codes: (N,), the number of each row's value.
            labels: (N,), the class of each label, -1 where it is none of the classes; None where there are none.
        """
        judged = rows.scored & (labels >= 0) if labels is not None else np.zeros(len(rows), bool)
        confidence = np.where(judged, rows.confidence, 0.0).astype(np.float64)
        cells = _kinds(rows.table["status"])
        if labels is not None:
            pairs = (labels * self._classes + rows.predicted) * BINS + confidence_bin(confidence, BINS)
            cells = np.where(judged, _JUDGED + pairs, cells)
        found, at = np.unique(np.stack([codes, cells]), axis=1, return_inverse=True)
        counts, sums = np.bincount(at.ravel()), np.bincount(at.ravel(), confidence)
        for code, cell, count, total in zip(*found.tolist(), counts.tolist(), sums.tolist(), strict=True):
            held = self._cells[values[code]].setdefault(cell, np.zeros(2))
            held += (count, total)

    def scores(
        self, column: str, listed: Sequence[str | None], group_of: Callable[[str | None], str | None]
    ) -> GroupedScores:
        """The scores of the groups that are listed, in their order.

        Args:
            column: whose values the groups are.
            listed: the groups.
            group_of: the group of a value.
        """
        number = {value: at for at, value in enumerate(listed)}
        joined: dict[tuple[int, int], NDArray[np.float64]] = defaultdict(lambda: np.zeros(2))
        others = set()
        for value, cells in self._cells.items():
            group = group_of(value)
            if group not in number:
                others.add(group)
                continue
            for cell, held in cells.items():
                joined[number[group], cell] += held
        groups, cells_of = np.array([*joined], np.intp).reshape(-1, 2).T
        counts, totals = np.array([*joined.values()]).reshape(-1, 2).T
        pairs = np.maximum(cells_of - _JUDGED, 0) // BINS
        images = GroupedImages(
            listed,
            groups,
            np.where(cells_of >= _JUDGED, pairs // self._classes, -1),
            pairs % self._classes,
            totals / np.maximum(counts, 1),
            cells_of == _FAILED,
            cells_of == _NO_FACE,
            counts.astype(np.int64),
        )
        found = group_scores(images, column, self._classes, most=len(listed))
        in_order = sorted(found["groups"], key=lambda each: number[each["value"]])
        return {**found, "groups": in_order, "others": len(others)}


def _kinds(statuses: pa.Array) -> NDArray[np.intp]:
    """What each row counts as that is not judged."""
    fine = pc.fill_null(pc.is_in(statuses, pa.array([status.value for status in SCORABLE])), False)
    no_face = pc.fill_null(pc.equal(statuses, Status.NO_FACE.value), False)
    is_fine, is_empty = (each.to_numpy(zero_copy_only=False) for each in (fine, no_face))
    return np.where(is_empty, _NO_FACE, np.where(is_fine, _UNJUDGED, _FAILED)).astype(np.intp)
