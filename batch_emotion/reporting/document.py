"""All that a report shows, from one pass over the result: numbers ready for JSON, and the rows to show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TypedDict

from batch_emotion._version import __version__
from batch_emotion.labels.results import Labels, classes_of
from batch_emotion.metrics.groups import GroupedScores
from batch_emotion.metrics.quantification import FEWEST, EstimatedMix, Moments, estimated_mix, widely_apart
from batch_emotion.reporting.comparison import Comparison, ResultComparer
from batch_emotion.reporting.counts import LabelScorer, LabelScores, ResultCounter, ResultCounts
from batch_emotion.reporting.groups import GroupCounter, Groups
from batch_emotion.reporting.photos import PhotoChooser
from batch_emotion.reporting.predicted_rows import read_predicted_rows
from batch_emotion.reporting.samples import SampleChooser, Samples
from batch_emotion.results.class_prior import ClassPrior
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

    ``estimated_mix`` is the mix of the classes, corrected for what the model takes for what; None for the reason that
    ``no_estimate`` gives, which is empty otherwise; ``apart`` names the classes whose count is far from it.
    ``group_scores`` has the shares of failures of each group, and where there are labels the scores by these.
    ``left_out`` says loudly how many images have labels that are none of the classes; empty where none has.
    ``class_prior`` is the mix that the probabilities assume, None where the result does not say.
    """

    format_version: int
    tool: str
    made: str
    result: ReportedResult
    labels: ReportLabels | None
    left_out: str
    groups: Groups | None
    group_scores: GroupedScores | None
    comparison: Comparison | None
    estimated_mix: EstimatedMix | None
    no_estimate: str
    apart: list[str]
    class_prior: ClassPriorRecord | None
    made_by: dict[str, str]
    run: LastRun | None


def report_document(
    result: StoredResult,
    labels: Labels | None,
    group_by: str | None,
    other: StoredResult | None,
    held_out: Sequence[Moments] | None = None,
) -> tuple[ReportDocument, Samples]:
    """Read a result once, count what it holds, and choose the rows to show.

    Args:
        result: the result.
        labels: the labels of its rows, where there are any.
        group_by: a column of the result, or of those beside the labels, whose values are counted apart.
        other: a result to compare with.
        held_out: what the model that made it answered to held-out images of each class; None where that is not known.

    Raises:
        SourceError: the result is damaged.
        UsageError: the column cannot be grouped by, or the other result has other images.
    """
    names = result.class_names
    photos = PhotoChooser(names) if result.has_faces else None
    counter, scorer, chooser = ResultCounter(names), LabelScorer(names), SampleChooser(result)
    groups = GroupCounter(group_by, names, held_out) if group_by else None
    comparer = ResultComparer(result, other) if other else None
    prior, seen = ClassPrior.from_record(result.class_prior), Moments(len(names))
    beside = labels is not None and group_by not in result.schema.names
    extra = [name for name in (group_by, labels.column if labels else None) if name]
    for rows in read_predicted_rows(result, extra):
        numbers = texts = None
        if labels is not None:
            texts = labels.of(rows.table)
            numbers = classes_of(texts, names)
            scorer.add(rows, numbers, texts)
        counter.add(rows)
        probabilities = prior.training_probabilities(rows.table, names)
        seen.add(probabilities[rows.scored])
        chooser.add(rows, numbers, texts)
        if photos:
            photos.add(rows)
        if groups:
            values = labels.values(rows.table, groups.column) if labels and beside else rows.table[groups.column]
            groups.add(rows, probabilities, values, numbers)
        if comparer:
            comparer.add(rows, numbers, texts)
    counts, scores = counter.counts(), scorer.scores()
    mix = estimated_mix(seen, held_out, names)
    grouped = groups.groups() if groups else None
    counted = {name: each["share"] or 0.0 for name, each in counts["classes"].items()}
    document: ReportDocument = {
        "format_version": FORMAT_VERSION,
        "tool": f"batch-emotion {__version__}",
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "result": {"name": result.path.name, "class_names": list(names), "with_faces": result.has_faces},
        **counts,
        "labels": {"origin": labels.origin, **scores} if labels and scores else None,
        "left_out": scorer.left_out("faces" if result.has_faces else "images") if labels else "",
        "groups": grouped,
        "group_scores": groups.scores(grouped) if groups and grouped else None,
        "comparison": comparer.comparison() if comparer else None,
        "estimated_mix": mix,
        "no_estimate": "" if mix else _no_estimate(seen.count, held_out),
        "apart": widely_apart(counted, mix) if mix else [],
        "class_prior": result.class_prior,
        "made_by": {key: value for key, value in result.facts.items() if key != "class_prior"},
        "run": result.run.get("last_run"),
    }
    samples = chooser.samples(counts, comparer.changed.samples if comparer else [])
    return document, replace(samples, photos=photos.chosen, photo_count=photos.photos) if photos else samples


def _no_estimate(scored: int, held_out: Sequence[Moments] | None) -> str:
    if held_out is None:
        return "the model that made the result is not at hand, or does not know its answers to held-out images"
    return f"{scored} are fewer than the {FEWEST} that it takes"
