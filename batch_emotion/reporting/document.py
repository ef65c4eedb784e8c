"""All that a report says, from one pass over the result: numbers ready for JSON, and the rows to show."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from batch_emotion._version import __version__
from batch_emotion.labels.results import Labels, classes_of
from batch_emotion.reporting.comparison import Comparison
from batch_emotion.reporting.groups import Groups
from batch_emotion.reporting.rows import Rows, read_rows
from batch_emotion.reporting.samples import Columns, Keeper, Sample
from batch_emotion.reporting.tally import NOT_FAILURES, Judgement, Tally
from batch_emotion.results.reader import StoredResult
from batch_emotion.results.summary import read_run

FORMAT_VERSION = 1
MOST_SHEETS = 24
_RANDOM, _LEAST_SURE, _MISTAKES, _FAILURES = 24, 12, 24, 10
_PER_SHEET, _ON_SHEETS = 12, 180


@dataclass
class Samples:
    """The rows to show.

    Attributes:
        random: drawn by chance from all scored rows, the same ones each time.
        surest: by class, the highest confidence first.
        least_sure: by class, the lowest confidence first.
        unsure: of all classes, the lowest confidence first.
        mistakes: that contradict their label, the highest confidence first.
        changed: that the other result says something else of.
        failures: by status, the first ones.
    """

    random: list[Sample] = field(default_factory=list)
    surest: dict[str, list[Sample]] = field(default_factory=dict)
    least_sure: dict[str, list[Sample]] = field(default_factory=dict)
    unsure: list[Sample] = field(default_factory=list)
    mistakes: list[Sample] = field(default_factory=list)
    changed: list[Sample] = field(default_factory=list)
    failures: dict[str, list[Sample]] = field(default_factory=dict)

    def named(self) -> Iterator[tuple[str, list[Sample]]]:
        """Each list with what it is called."""
        yield "mistake", self.mistakes
        yield "changed", self.changed
        yield "random", self.random
        for name, lists in (("surest", self.surest), ("least sure", self.least_sure), ("failure", self.failures)):
            for samples in lists.values():
                yield name, samples


def report_document(
    result: StoredResult, labels: Labels | None, group_by: str | None, other: StoredResult | None
) -> tuple[dict[str, Any], Samples]:
    """Read a result once and tell what it holds.

    Args:
        result: the result.
        labels: what its rows are labelled, where that is known.
        group_by: a column whose values are told apart.
        other: a result to compare with.

    Raises:
        SourceError: the result is damaged.
        UsageError: the column cannot be grouped by, or the other result has other images.
    """
    names = result.class_names
    tally, judgement = Tally(names), Judgement(names)
    groups = Groups(group_by, names) if group_by else None
    comparison = Comparison(result, other) if other else None
    choice = _Choice(result)
    extra = [name for name in (group_by, labels.column if labels else None) if name]
    for rows in read_rows(result, extra):
        truth = texts = None
        if labels is not None:
            texts = labels.of(rows.table)
            truth = classes_of(texts, names)
            judgement.add(rows, truth, texts)
        tally.add(rows)
        choice.add(rows, truth, texts)
        if groups:
            groups.add(rows)
        if comparison:
            comparison.add(rows, truth, texts)
    run = read_run(result.path)
    document = {
        "format_version": FORMAT_VERSION,
        "tool": f"batch-emotion {__version__}",
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "result": {"name": result.path.name, "class_names": list(names), "with_faces": result.has_faces},
        **tally.as_dict(),
        "labels": {"origin": labels.origin, **judgement.as_dict()} if labels and judgement.judged else None,
        "groups": groups.as_dict() if groups else None,
        "comparison": comparison.as_dict() if comparison else None,
        "made_by": result.footer,
        "run": run.get("last_run") or {},
    }
    return document, choice.samples(tally, comparison)


class _Choice:
    """Chooses the rows to show as they go by."""

    def __init__(self, result: StoredResult) -> None:
        self._names = names = result.class_names
        self._rng = np.random.default_rng(0)
        per_sheet = min(_PER_SHEET, max(2, _ON_SHEETS // (2 * len(names))))
        self._surest = [Keeper(per_sheet, names) for _ in names]
        self._least_sure = [Keeper(per_sheet, names) for _ in names]
        self._random, self._unsure = Keeper(_RANDOM, names), Keeper(_LEAST_SURE, names)
        self._mistakes = Keeper(_MISTAKES, names)
        self._failures: dict[str, Keeper] = {}

    def add(self, rows: Rows, truth: NDArray[np.intp] | None, labels: pa.Array | None) -> None:
        columns: Columns = {} if labels is None else {"label": labels}
        for at in range(len(self._names)):
            of_class = rows.said == at
            self._surest[at].add(rows, rows.confidence, of_class, columns)
            self._least_sure[at].add(rows, -rows.confidence, of_class, columns)
        self._unsure.add(rows, -rows.confidence, rows.scored, columns)
        self._random.add(rows, self._rng.random(len(rows)), rows.scored, columns)
        if truth is not None:
            self._mistakes.add(rows, rows.confidence, rows.scored & (truth >= 0) & (truth != rows.said), columns)
        self._add_failures(rows)

    def _add_failures(self, rows: Rows) -> None:
        encoded = rows.table["status"].dictionary_encode()
        codes = encoded.indices.to_numpy(zero_copy_only=False)
        order = -(rows.first + np.arange(len(rows), dtype=np.float64))
        for code, status in enumerate(encoded.dictionary.to_pylist()):
            if status not in NOT_FAILURES:
                keeper = self._failures.setdefault(status, Keeper(_FAILURES, self._names))
                keeper.add(rows, order, codes == code)

    def samples(self, tally: Tally, comparison: Comparison | None) -> Samples:
        """What was chosen; sheets only for the most frequent classes."""
        classes = tally.as_dict()["classes"]
        shown = sorted(classes, key=lambda name: -classes[name]["rows"])[:MOST_SHEETS]
        sheets = [(at, name) for at, name in enumerate(self._names) if name in shown and classes[name]["rows"]]
        return Samples(
            self._random.samples,
            {name: self._surest[at].samples for at, name in sheets},
            {name: self._least_sure[at].samples for at, name in sheets},
            self._unsure.samples,
            self._mistakes.samples,
            comparison.changed.samples if comparison else [],
            {status: self._failures[status].samples for status in tally.statuses if status in self._failures},
        )
