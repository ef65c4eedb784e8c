"""All that a report shows, from one pass over the result: numbers ready for JSON, and the rows to show."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TypedDict

from batch_emotion._version import __version__
from batch_emotion.labels.results import Labels, classes_of
from batch_emotion.reporting.comparison import Comparison, ResultComparer
from batch_emotion.reporting.counts import LabelScorer, LabelScores, ResultCounter, ResultCounts
from batch_emotion.reporting.groups import GroupCounter, Groups
from batch_emotion.reporting.photos import PhotoChooser
from batch_emotion.reporting.predicted_rows import read_predicted_rows
from batch_emotion.reporting.samples import SampleChooser, Samples
from batch_emotion.results.reader import StoredResult
from batch_emotion.results.run_document import ClassPriorRecord, LastRun

FORMAT_VERSION = 2
"""2 has ``predicted`` where 1 has ``said``."""


class ReportedResult(TypedDict):
    """The result that a report is about."""

    name: str
    class_names: list[str]
    with_faces: bool


class ReportLabels(LabelScores):
    """The scores by labels, and where the labels come from."""

    origin: str


class ReportDocument(ResultCounts):
    """The numbers of a report; ``made_by`` are the facts of the result, ``run`` its last run where that is known.

    ``class_prior`` is the mix of classes that the probabilities assume, None where the result does not say.
    """

    format_version: int
    tool: str
    made: str
    result: ReportedResult
    labels: ReportLabels | None
    groups: Groups | None
    comparison: Comparison | None
    class_prior: ClassPriorRecord | None
    made_by: dict[str, str]
    run: LastRun | None


def report_document(
    result: StoredResult, labels: Labels | None, group_by: str | None, other: StoredResult | None
) -> tuple[ReportDocument, Samples]:
    """Read a result once, count what it holds, and choose the rows to show.

    Args:
        result: the result.
        labels: the labels of its rows, where there are any.
        group_by: a column whose values are counted apart.
        other: a result to compare with.

    Raises:
        SourceError: the result is damaged.
        UsageError: the column cannot be grouped by, or the other result has other images.
    """
    names = result.class_names
    photos = PhotoChooser(names) if result.has_faces else None
    counter, scorer, chooser = ResultCounter(names), LabelScorer(names), SampleChooser(result)
    groups = GroupCounter(group_by, names) if group_by else None
    comparer = ResultComparer(result, other) if other else None
    extra = [name for name in (group_by, labels.column if labels else None) if name]
    for rows in read_predicted_rows(result, extra):
        numbers = texts = None
        if labels is not None:
            texts = labels.of(rows.table)
            numbers = classes_of(texts, names)
            scorer.add(rows, numbers, texts)
        counter.add(rows)
        chooser.add(rows, numbers, texts)
        if photos:
            photos.add(rows)
        if groups:
            groups.add(rows)
        if comparer:
            comparer.add(rows, numbers, texts)
    counts, scores = counter.counts(), scorer.scores()
    document: ReportDocument = {
        "format_version": FORMAT_VERSION,
        "tool": f"batch-emotion {__version__}",
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "result": {"name": result.path.name, "class_names": list(names), "with_faces": result.has_faces},
        **counts,
        "labels": {"origin": labels.origin, **scores} if labels and scores else None,
        "groups": groups.groups() if groups else None,
        "comparison": comparer.comparison() if comparer else None,
        "class_prior": result.class_prior,
        "made_by": {key: value for key, value in result.facts.items() if key != "class_prior"},
        "run": result.run.get("last_run"),
    }
    samples = chooser.samples(counts, comparer.changed.samples if comparer else [])
    return document, replace(samples, photos=photos.chosen, photo_count=photos.photos) if photos else samples
