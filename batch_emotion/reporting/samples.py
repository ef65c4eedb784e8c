"""The rows to show: a fixed number of the highest by some measure, whatever the length of the result."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from batch_emotion.reporting.counts import NOT_FAILURES, ResultCounts
from batch_emotion.reporting.predicted_rows import PredictedRows
from batch_emotion.results.reader import StoredResult

Columns = Mapping[str, pa.Array]
MOST_SHEETS = 24
_RANDOM, _LEAST_SURE, _MISTAKES, _FAILURES = 24, 12, 24, 10
_PER_SHEET, _ON_SHEETS = 12, 180
_BOX = ("box_x", "box_y", "box_w", "box_h")


@dataclass(frozen=True)
class Sample:
    """One row of a result, to be shown.

    Attributes:
        row: its number in the result, from 0.
        path: as the result has it.
        status: of the image.
        predicted: the class of the highest probability, None where there is none.
        confidence: that probability.
        label: of the image, None where there is none.
        error: what is wrong with the image.
        size: (width, height) of the upright image in pixels, where known.
        box: (x, y, width, height) of the face in pixels, None where the whole image was scored.
        face: the number of the face in its image, the largest being 0; None where the whole image was scored.
        roll: by how many degrees the face is turned clockwise, None where that is not known.
        score: what the row was chosen by.
        other: the predicted class in the result that it is compared with, where the two differ.
        other_confidence: and the confidence there.
    """

    row: int
    path: str
    status: str
    predicted: str | None = None
    confidence: float | None = None
    label: str | None = None
    error: str | None = None
    size: tuple[int, int] | None = None
    box: tuple[int, int, int, int] | None = None
    face: int | None = None
    roll: float | None = None
    score: float = 0.0
    other: str | None = None
    other_confidence: float | None = None


class TopSamples:
    """Keeps the ``size`` rows with the highest scores, of equal ones the first."""

    def __init__(self, size: int, class_names: Sequence[str]) -> None:
        self._size, self._class_names = size, class_names
        self._kept: list[Sample] = []

    @property
    def samples(self) -> list[Sample]:
        """What was kept, the highest score first."""
        return self._kept

    def add(
        self,
        rows: PredictedRows,
        scores: NDArray[np.floating],
        among: NDArray[np.bool_],
        columns: Columns | None = None,
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

    def _sample(self, rows: PredictedRows, at: int, score: float, columns: Columns) -> Sample:
        def cells(*names: str) -> list[Any]:
            return [rows.table[name][at].as_py() if name in rows.table.schema.names else None for name in names]

        path, status, error, face, roll = cells("path", "status", "error", "face_index", "face_roll")
        size, box = tuple(cells("width", "height")), tuple(cells(*_BOX))
        scored = rows.predicted[at] >= 0
        return Sample(
            row=rows.first + at,
            path=path or "",
            status=status,
            predicted=self._class_names[rows.predicted[at]] if scored else None,
            confidence=round(float(rows.confidence[at]), 6) if scored else None,
            error=error,
            size=None if None in size else size,
            box=None if None in box else box,
            face=face,
            roll=roll,
            score=score,
            **{name: column[at].as_py() for name, column in columns.items()},
        )


@dataclass
class Samples:
    """The rows to show.

    Attributes:
        random: drawn at random from all scored rows, the same ones each time.
        surest: by class, the highest confidence first.
        least_sure: by class, the lowest confidence first.
        unsure: of all classes, the lowest confidence first.
        mistakes: of another class than their label, the highest confidence first.
        changed: of another class than in the other result.
        failures: by status, the first ones.
        photos: the faces of some whole photos, or of all where there are few; the largest face first.
        photo_count: how many photos with faces there are.
    """

    random: list[Sample] = field(default_factory=list)
    surest: dict[str, list[Sample]] = field(default_factory=dict)
    least_sure: dict[str, list[Sample]] = field(default_factory=dict)
    unsure: list[Sample] = field(default_factory=list)
    mistakes: list[Sample] = field(default_factory=list)
    changed: list[Sample] = field(default_factory=list)
    failures: dict[str, list[Sample]] = field(default_factory=dict)
    photos: list[list[Sample]] = field(default_factory=list)
    photo_count: int = 0

    def named(self) -> Iterator[tuple[str, list[Sample]]]:
        """Each list with its name."""
        yield "mistake", self.mistakes
        yield "changed", self.changed
        yield "random", self.random
        for name, lists in (("surest", self.surest), ("least sure", self.least_sure), ("failure", self.failures)):
            for samples in lists.values():
                yield name, samples


class SampleChooser:
    """Chooses the rows to show as they go by."""

    def __init__(self, result: StoredResult) -> None:
        self._names = names = result.class_names
        self._rng = np.random.default_rng(0)
        per_sheet = min(_PER_SHEET, max(2, _ON_SHEETS // (2 * len(names))))
        self._surest = [TopSamples(per_sheet, names) for _ in names]
        self._least_sure = [TopSamples(per_sheet, names) for _ in names]
        self._random, self._unsure = TopSamples(_RANDOM, names), TopSamples(_LEAST_SURE, names)
        self._mistakes = TopSamples(_MISTAKES, names)
        self._failures: dict[str, TopSamples] = {}

    def add(self, rows: PredictedRows, labels: NDArray[np.intp] | None, texts: pa.Array | None) -> None:
        """Offer rows, with the class of each label and its text where there are labels."""
        columns: Columns = {} if texts is None else {"label": texts}
        for at in range(len(self._names)):
            of_class = rows.predicted == at
            self._surest[at].add(rows, rows.confidence, of_class, columns)
            self._least_sure[at].add(rows, -rows.confidence, of_class, columns)
        self._unsure.add(rows, -rows.confidence, rows.scored, columns)
        self._random.add(rows, self._rng.random(len(rows)), rows.scored, columns)
        if labels is not None:
            wrong = rows.scored & (labels >= 0) & (labels != rows.predicted)
            self._mistakes.add(rows, rows.confidence, wrong, columns)
        self._add_failures(rows)

    def _add_failures(self, rows: PredictedRows) -> None:
        encoded = rows.table["status"].dictionary_encode()
        codes = encoded.indices.to_numpy(zero_copy_only=False)
        order = -(rows.first + np.arange(len(rows), dtype=np.float64))
        for code, status in enumerate(encoded.dictionary.to_pylist()):
            if status not in NOT_FAILURES:
                first = self._failures.setdefault(status, TopSamples(_FAILURES, self._names))
                first.add(rows, order, codes == code)

    def samples(self, counts: ResultCounts, changed: list[Sample]) -> Samples:
        """The chosen rows, by class only for the most frequent ones; ``changed`` are those of the comparison."""
        classes = counts["classes"]
        shown = sorted(classes, key=lambda name: -classes[name]["rows"])[:MOST_SHEETS]
        sheets = [(at, name) for at, name in enumerate(self._names) if name in shown and classes[name]["rows"]]
        return Samples(
            self._random.samples,
            {name: self._surest[at].samples for at, name in sheets},
            {name: self._least_sure[at].samples for at, name in sheets},
            self._unsure.samples,
            self._mistakes.samples,
            changed,
            {status: self._failures[status].samples for status in counts["statuses"] if status in self._failures},
        )
