"""The class mix of each value of a column, and over time where the column holds dates."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from itertools import pairwise
from typing import TypedDict

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from batch_emotion.errors import UsageError
from batch_emotion.metrics.confusion import count_pairs
from batch_emotion.metrics.groups import GroupedScores
from batch_emotion.metrics.quantification import EstimatedMix, Moments, estimated_mix
from batch_emotion.reporting.group_scores import GroupScorer
from batch_emotion.reporting.predicted_rows import PredictedRows

MOST_VALUES = 10_000
MOST_GROUPS = 30
MOST_PERIODS = 60
_DATE = r"^\d{4}-\d{2}-\d{2}([T ].*)?$"
_PERIODS: tuple[tuple[str, Callable[[date], str]], ...] = (
    ("day", date.isoformat),
    ("week", lambda day: (day - timedelta(days=day.weekday())).isoformat()),
    ("month", lambda day: day.isoformat()[:7]),
    ("year", lambda day: day.isoformat()[:4]),
)

_Counts = NDArray[np.int64]


class GroupCounts(TypedDict):
    """The rows of a group, the predicted classes of those that were scored, and the estimated mix, if any."""

    rows: int
    scored: int
    predicted: dict[str, int]
    estimated_mix: EstimatedMix | None


class Group(GroupCounts):
    """A value of the column, None where it has none, and its rows."""

    value: str | None


class OtherGroups(GroupCounts):
    """The groups that are not listed, together."""

    groups: int


class Groups(TypedDict):
    """The groups of a column; over time where it holds dates, by ``period``."""

    column: str
    period: str | None
    groups: list[Group]
    others: OtherGroups | None


class GroupCounter:
    """Rows by the value of a column and by class, counted as they go by."""

    def __init__(self, column: str, class_names: Sequence[str], held_out: Sequence[Moments] | None = None) -> None:
        self.column, self._class_names, self._held_out = column, class_names, held_out
        self._seen: dict[str | None, Moments] = defaultdict(lambda: Moments(len(class_names)))
        self._width = len(class_names) + 1
        self._counts: dict[str | None, _Counts] = defaultdict(lambda: np.zeros(self._width, np.int64))
        self._dates: bool | None = None
        self._scorer = GroupScorer(len(class_names))

    def add(
        self,
        rows: PredictedRows,
        probabilities: NDArray[np.float32],
        values: pa.Array,
        labels: NDArray[np.intp] | None = None,
    ) -> None:
        """Count rows.

        Args:
            rows: N rows.
            probabilities: under the mix of the training, float32 (N, K).
            values: of the column.
            labels: (N,), the class of each label, -1 where it is none of the classes; None where there are none.

        Raises:
            UsageError: the column has too many different values, or values that are no text, number or date.
        """
        encoded = pc.dictionary_encode(self._texts(values), null_encoding="encode")
        texts = encoded.dictionary.to_pylist()
        codes = encoded.indices.to_numpy(zero_copy_only=False).astype(np.intp)
        predicted = np.where(rows.scored, rows.predicted, self._width - 1)
        counts = count_pairs(codes, predicted, (len(texts), self._width))
        for value, row in zip(texts, counts, strict=True):
            self._counts[value] += row
        self._scorer.add(rows, texts, codes, labels)
        if self._held_out is not None:
            order = np.argsort(codes, kind="stable")
            edges = np.searchsorted(codes[order], np.arange(len(texts) + 1))
            for value, (first, last) in zip(texts, pairwise(edges), strict=True):
                group = order[first:last]
                self._seen[value].add(probabilities[group[rows.scored[group]]])
        if len(self._counts) > MOST_VALUES:
            raise UsageError(
                f"the column {self.column!r} has more than {MOST_VALUES:,} different values; "
                "`group_by` wants one such as a camera or a day"
            )

    def groups(self) -> Groups:
        """The groups so far: periods in their order, or the largest groups first and the rest of them together."""
        if self._dates:
            period, counts, seen = self._by_period()
            order = sorted(counts, key=lambda value: (value is None, value))
        else:
            period, counts, seen = None, dict(self._counts), self._seen
            order = sorted(counts, key=lambda value: (-int(counts[value].sum()), str(value)))
        most = MOST_PERIODS + 1 if period else MOST_GROUPS
        rest = order[most:]
        return {
            "column": self.column,
            "period": period,
            "groups": [{"value": value, **self._group_counts(counts[value], seen[value])} for value in order[:most]],
            "others": {
                "groups": len(rest),
                **self._group_counts(np.sum([counts[value] for value in rest], axis=0), None),
            }
            if rest
            else None,
        }

    def scores(self, groups: Groups) -> GroupedScores:
        """The scores of the groups that are listed, in their order: shares of failures, and by labels where there are.

        Args:
            groups: as ``groups`` gave them.
        """
        period = dict(_PERIODS).get(groups["period"] or "")
        listed = [each["value"] for each in groups["groups"]]
        return self._scorer.scores(
            self.column, listed, (lambda value: _period_of(value, period)) if period else lambda value: value
        )

    def _texts(self, values: pa.Array) -> pa.Array:
        """The values as text, dates cut to the day."""
        if pa.types.is_dictionary(values.type):
            values = values.dictionary_decode()
        try:
            if pa.types.is_date(values.type) or pa.types.is_timestamp(values.type):
                self._dates = True
                return pc.strftime(values, "%Y-%m-%d")
            texts = pc.cast(values, pa.string())
        except pa.ArrowException:
            raise UsageError(
                f"the column {self.column!r} holds {values.type}; `group_by` wants text, numbers or dates"
            ) from None
        if self._dates is not False and len(texts) > texts.null_count:
            self._dates = bool(pc.all(pc.match_substring_regex(texts, _DATE)).as_py())
        return pc.utf8_slice_codeunits(texts, 0, 10) if self._dates else texts

    def _by_period(self) -> tuple[str, dict[str | None, _Counts], dict[str | None, Moments]]:
        """The counts by the finest period of which there are not too many."""
        for name, period in _PERIODS:
            counts: dict[str | None, _Counts] = defaultdict(lambda: np.zeros(self._width, np.int64))
            for value, row in self._counts.items():
                counts[_period_of(value, period)] += row
            if len(counts) <= MOST_PERIODS or name == "year":
                seen: dict[str | None, Moments] = defaultdict(lambda: Moments(self._width - 1))
                for value, each in self._seen.items():
                    seen[_period_of(value, period)].merge(each)
                return name, dict(counts), seen
        raise AssertionError("the last period is the year")

    def _group_counts(self, row: _Counts, seen: Moments | None) -> GroupCounts:
        scored = int(row[:-1].sum())
        return {
            "rows": int(row.sum()),
            "scored": scored,
            "predicted": dict(zip(self._class_names, row[:-1].tolist(), strict=True)),
            "estimated_mix": None if seen is None else estimated_mix(seen, self._held_out, self._class_names),
        }


def _period_of(value: str | None, period: Callable[[date], str]) -> str | None:
    try:
        return period(date.fromisoformat(value or ""))
    except ValueError:
        return None
