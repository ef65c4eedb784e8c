"""``evaluate``: how good a model is on labelled images, as numbers, charts and a page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa

from batch_emotion._version import DEFAULT_MODEL
from batch_emotion.columns import text_columns
from batch_emotion.errors import OutputMismatch, UsageError
from batch_emotion.evaluation.charts import mistakes_sheet
from batch_emotion.evaluation.document import Evaluation, evaluation_document, head_side
from batch_emotion.evaluation.gathered import Gathered, keep_gathered, under_prior
from batch_emotion.evaluation.gathering import find_result, gather_images, gather_result
from batch_emotion.evaluation.grouping import check_columns, few_clusters_remark
from batch_emotion.evaluation.listing import RowImages, listed_lines
from batch_emotion.evaluation.maker import load_maker
from batch_emotion.evaluation.page import evaluation_page, listed_columns
from batch_emotion.evaluation.reviewed import reviewed_accuracy
from batch_emotion.evaluation.rows import ListedRows
from batch_emotion.frames import Frame
from batch_emotion.labels.class_names import kept_classes, stated_prior
from batch_emotion.labels.matching import matches_line
from batch_emotion.labels.reading import LabelReader
from batch_emotion.labels.repeats import disputed_remarks, repeats_remarks
from batch_emotion.labels.votes import Votes, read_votes
from batch_emotion.metrics.groups import GroupedScores
from batch_emotion.model.bundle import Bundle, load_bundle
from batch_emotion.options.evaluate import EvaluateOptions
from batch_emotion.options.images import ManifestOptions
from batch_emotion.options.train import LabelOptions
from batch_emotion.results.class_prior import ClassPrior
from batch_emotion.results.writer import write_result
from batch_emotion.runs.asked import asked, called_back
from batch_emotion.runs.needs import check_asked
from batch_emotion.runs.output import OnProgress, Progress
from batch_emotion.runs.predict_result import PredictResult
from batch_emotion.sources.missing import check_root
from batch_emotion.storage.commits import commit_text, committing_folder
from batch_emotion.storage.escaping import json_text
from batch_emotion.storage.places import Place
from batch_emotion.storage.targets import check_named, check_parquet, check_replaceable, check_spared, replacing_folder
from batch_emotion.visualization.charts import confusion_chart, reliability_chart
from batch_emotion.visualization.groups import group_chart
from batch_emotion.visualization.html import Picture
from batch_emotion.visualization.palette import DARK, LIGHT

FILES = (
    "evaluation.json",
    "evaluation.html",
    "confusion_matrix.png",
    "reliability.png",
    "mistakes.png",
    *(f"{name}.{kind}" for name in ("mistakes", "doubts") for kind in ("csv", "parquet")),
)
"""What every evaluation holds."""

GROUPS_CHART = "groups.png"
"""What one with groups holds too."""


@dataclass(frozen=True)
class EvaluateResult:
    """The content of ``evaluation.json``, and the folder that holds it."""

    evaluation: Evaluation
    out: Path


def evaluate(
    data: EvaluateOptions | PredictResult | Frame | str | Path,
    log: Callable[[str], None] = lambda line: None,
    on_progress: OnProgress = lambda progress: None,
    *,
    out: str | Path | None = None,
    model: str | Path | None = None,
    labels: str | Path | Frame | None = None,
    only: str | Sequence[str] | None = None,
    path_column: str = "path",
    root: str | Place | None = None,
    overwrite: bool = False,
    **options: Any,
) -> EvaluateResult:
    """Score labelled images, compare the predictions with the labels, and write the evaluation, whole or not at all.

    Args:
        data: labelled images as ``train`` takes them, a result of ``predict``, its rows or where it was written; or
            ``EvaluateOptions``, which hold all that the keywords can say.
        log: called with each line that is worth knowing.
        on_progress: called after every batch.
        out: the folder of the evaluation; needed.
        model: a bundled model's name, a bundle's folder, or a Keras file; for a result the model that made it.
        labels: for a result, a manifest or DataFrame with path and label, or ``folders``.
        only: the classes to choose among.
        path_column: the column of paths of a manifest or DataFrame.
        root: where relative paths start; a manifest's own folder, else the working directory, where None.
        overwrite: replace an existing evaluation.
        options: any other option of ``batch-emotion evaluate --help``, with underscores.

    Raises:
        UsageError: the options, the data or the model make no sense, or the output is in the way.
        OutputBusy: another run holds the output.
        BatchEmotionError: no image of the model's classes could be scored.

    Example:
        >>> from batch_emotion import evaluate
        >>> made = evaluate("faces", out="evaluation")
        >>> made.evaluation["all"]["images"], (made.out / "evaluation.html").exists()
        (48, True)

        A result in memory, with labels in a DataFrame:

        >>> import pandas as pd
        >>> labels = pd.DataFrame({"path": ["faces/sad/sad-0001.png"], "label": ["Sadness"]})
        >>> evaluate(predict("faces"), labels=labels, out="labelled").evaluation["data"]["judged"]
        1
    """
    called_back(log, "log")
    called_back(on_progress, "on_progress")
    keywords = {
        "out": out,
        "model": model,
        "labels": labels,
        "only": only,
        "path_column": path_column,
        "root": root,
        "overwrite": overwrite,
    }
    return _evaluate(asked(EvaluateOptions, "data", data, options | keywords), log, on_progress)


def _evaluate(options: EvaluateOptions, log: Callable[[str], None], on_progress: OnProgress) -> EvaluateResult:
    check_asked(options)
    check_root(options.root)
    out = options.out
    check_named(out, "folder, such as evaluation")
    check_parquet(out)
    check_spared(out, (options.data, options.model, options.labels, options.votes))
    with replacing_folder(out, lambda: _check_target(out, options.overwrite)):
        gathered = under_prior(keep_gathered(_gather(options, on_progress), options.only), options.class_prior)
        votes = _votes(options, gathered.class_names)
        if gathered.labels_summary:
            log(f"labels: {gathered.labels_summary}")
        log("measuring")
        named = options.votes.name if options.votes else ""
        evaluation = evaluation_document(gathered, votes, named, options.seed, options.group_by, options.cluster)
        reviewed = reviewed_accuracy(gathered, options)
        if reviewed is not None:
            evaluation["reviewed"] = reviewed
        _write(out, evaluation, ListedRows.of(gathered, listed_columns(evaluation)), options)
    for line in _remarks(evaluation):
        log(line)
    return EvaluateResult(evaluation, out)


def _check_target(out: Path, overwrite: bool) -> None:
    check_replaceable(out, (*FILES, GROUPS_CHART).__contains__)
    if out.exists() and any(out.iterdir()) and not overwrite:
        raise OutputMismatch(f"{out} holds an evaluation already; choose another `out` or give `overwrite`")


def _gather(options: EvaluateOptions, on_progress: OnProgress) -> Gathered:
    result = find_result(options.data)
    if result is not None:
        reader = LabelReader(result.class_names, options.map_labels)
        maker = load_maker(
            result,
            options.model,
            class_names=options.class_names,
            trust_pickle=options.trust_pickle,
            network=options.network,
        )
        return gather_result(result, options, reader, maker, options.limits)
    if options.labels is not None:
        raise UsageError(f"`labels` goes with a result of predict, which {options.data} is not")
    bundle = load_bundle(options.model or DEFAULT_MODEL, options.class_names, options.trust_pickle, options.network)
    return gather_images(
        options.data,
        LabelOptions(
            ManifestOptions(
                options.path_column,
                options.root,
                options.encoding,
                options.delimiter,
                options.label_column,
                options.image_column,
            ),
            map_labels=options.map_labels,
        ),
        bundle,
        options.only,
        options.runtime,
        options.limits,
        options.batch_size,
        lambda done, total, failures: on_progress(Progress(done, total, failures)),
        partial(_check, options, bundle),
    )


def _check(options: EvaluateOptions, bundle: Bundle, columns: pa.Table, data_name: str) -> None:
    check_columns(columns, (data_name,), options.group_by, options.cluster)
    names = kept_classes(bundle.card.class_names, options.only)
    _votes(options, names)
    if options.class_prior is not None:
        ClassPrior.asked_for(stated_prior(options.class_prior, names), names, bundle.card.class_prior)


def _votes(options: EvaluateOptions, class_names: Sequence[str]) -> Votes | None:
    if options.votes is None:
        return None
    return read_votes(options.votes, class_names, options.encoding, options.delimiter, options.map_labels)


def _write(out: Path, evaluation: Evaluation, rows: ListedRows, options: EvaluateOptions) -> None:
    images = RowImages(rows.gathered.plan, options.limits)
    thumbnails = images.thumbnails([mistake["index"] for mistake in evaluation["mistakes"]])
    best = evaluation[head_side(evaluation)] or evaluation["all"]
    names, matrix = rows.gathered.class_names, best["confusion_matrix"]
    confusion = Picture(*(confusion_chart(matrix, names, scheme) for scheme in (LIGHT, DARK)))
    bins = Picture(*(reliability_chart(evaluation["reliability"], scheme) for scheme in (LIGHT, DARK)))
    groups = [_group_picture(grouped, best["accuracy"]) for grouped in evaluation["groups"]]
    tables = {"mistakes": rows.mistakes_table(), "doubts": rows.doubts_table()}
    with committing_folder(out) as folder:
        commit_text(folder / "evaluation.json", json_text(evaluation, indent=2, allow_nan=False) + "\n")
        (folder / "confusion_matrix.png").write_bytes(confusion.light)
        (folder / "reliability.png").write_bytes(bins.light)
        if evaluation["groups"]:
            (folder / GROUPS_CHART).write_bytes(group_chart(evaluation["groups"], best["accuracy"]))
        (folder / "mistakes.png").write_bytes(mistakes_sheet(evaluation["mistakes"], thumbnails, names))
        for name, table in tables.items():
            write_result(folder / f"{name}.parquet", [table], table.schema, {})
            text = text_columns(table)
            write_result(folder / f"{name}.csv", [text], text.schema, {}, csv=options.csv)
        page = evaluation_page(evaluation, confusion, bins, groups, thumbnails, listed_lines(rows, images))
        commit_text(folder / "evaluation.html", page)


def _group_picture(grouped: GroupedScores, accuracy: float) -> Picture:
    sides = [(scheme, narrow) for narrow in (False, True) for scheme in (LIGHT, DARK)]
    return Picture(*(group_chart([grouped], accuracy, scheme, narrow=narrow) for scheme, narrow in sides))


def _remarks(evaluation: Evaluation) -> list[str]:
    remarks = []
    not_scored = evaluation["data"]["not_scored"]
    if not_scored:
        remarks.append("not scored: " + ", ".join(f"{count} {status}" for status, count in not_scored.items()))
    if evaluation["data"]["unlabelled"]:
        remarks.append(f"left out: {evaluation['data']['unlabelled']} images with no label")
    data = evaluation["data"]
    remarks += disputed_remarks(data.get("disputed", 0), data.get("disputed_example", ""))
    remarks += repeats_remarks(data.get("repeats", 0))
    if evaluation["in_training"]["images"] is None:
        remarks.append(
            f"duplicates of the training data were not looked for: {evaluation['in_training'].get('reason')}"
        )
    if few := few_clusters_remark(evaluation["method"]["cluster"], evaluation["method"]["clusters"]):
        remarks.append(few)
    agreement = evaluation["agreement"]
    if agreement:
        images = agreement["matched"] + agreement["unmatched"]
        remarks.append(f"votes: {matches_line(agreement['matched_by_parts'], images, 'images')}")
    return remarks
