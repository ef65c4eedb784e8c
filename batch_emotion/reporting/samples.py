"""Which rows to show: a fixed number of the best by some measure, whatever the length of the result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from batch_emotion.reporting.rows import Rows

Columns = Mapping[str, pa.Array]
_BOX = ("box_x", "box_y", "box_w", "box_h")


@dataclass(frozen=True)
class Sample:
    """One row of a result, to be shown.

    Attributes:
        row: its number in the result, from 0.
        path: as the result has it.
        status: of the image.
        said: the class of the highest probability, None where there is none.
        confidence: that probability.
        label: what the image is labelled, None where that is not known.
        error: what is wrong with the image.
        size: (width, height) of the upright image in pixels, where known.
        box: (x, y, width, height) of the face in pixels, None where the whole image was scored.
        score: what the row was chosen by.
        other: what the result that it is compared with says, where the two differ.
        other_confidence: and how sure it is.
    """

    row: int
    path: str
    status: str
    said: str | None = None
    confidence: float | None = None
    label: str | None = None
    error: str | None = None
    size: tuple[int, int] | None = None
    box: tuple[int, int, int, int] | None = None
    score: float = 0.0
    other: str | None = None
    other_confidence: float | None = None


class Keeper:
    """Keeps the ``size`` rows with the highest scores, of equal ones the first."""

    def __init__(self, size: int, class_names: Sequence[str]) -> None:
        self._size, self._class_names = size, class_names
        self._kept: list[Sample] = []

    @property
    def samples(self) -> list[Sample]:
        """What was kept, the highest score first."""
        return self._kept

    def add(
        self, rows: Rows, scores: NDArray[np.floating], among: NDArray[np.bool_], columns: Columns | None = None
    ) -> None:
        """Offer rows.

        Args:
            rows: N rows.
            scores: (N,).
            among: bool (N,), those that are offered.
            columns: what is known of each row beside what the result holds, by the name of the sample's attribute.
        """
        if len(self._kept) == self._size:
            among = among & (scores > self._kept[-1].score)
        candidates = np.flatnonzero(among)
        if len(candidates) > self._size:
            values = scores[candidates]
            last = np.partition(values, len(values) - self._size)[len(values) - self._size]
            candidates = candidates[values >= last]
            candidates = candidates[np.argsort(-scores[candidates], kind="stable")][: self._size]
        found = [self._sample(rows, int(row), float(scores[row]), columns or {}) for row in candidates]
        self._kept = sorted([*self._kept, *found], key=lambda each: (-each.score, each.row))[: self._size]

    def _sample(self, rows: Rows, at: int, score: float, columns: Columns) -> Sample:
        def cells(*names: str) -> list[Any]:
            return [rows.table[name][at].as_py() if name in rows.table.schema.names else None for name in names]

        path, status, error = cells("path", "status", "error")
        size, box = tuple(cells("width", "height")), tuple(cells(*_BOX))
        scored = rows.said[at] >= 0
        return Sample(
            row=rows.first + at,
            path=path or "",
            status=status,
            said=self._class_names[rows.said[at]] if scored else None,
            confidence=round(float(rows.confidence[at]), 6) if scored else None,
            error=error,
            size=None if None in size else size,
            box=None if None in box else box,
            score=score,
            **{name: column[at].as_py() for name, column in columns.items()},
        )
