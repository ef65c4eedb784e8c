"""``evaluate``: how good a model is on labelled images, as numbers, charts and a page."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from batch_emotion._version import DEFAULT_MODEL
from batch_emotion.errors import OutputMismatch, UsageError
from batch_emotion.evaluation.charts import mistakes_sheet
from batch_emotion.evaluation.document import Evaluation, evaluation_document
from batch_emotion.evaluation.gathering import Gathered, find_result, gather_images, gather_result, keep_gathered
from batch_emotion.evaluation.page import evaluation_page
from batch_emotion.images.decode import load_image
from batch_emotion.labels.reading import LabelReader
from batch_emotion.labels.votes import read_votes
from batch_emotion.model.bundle import load_bundle
from batch_emotion.options.declared import check_ranges
from batch_emotion.options.evaluate import EvaluateOptions
from batch_emotion.options.images import Limits, ManifestOptions
from batch_emotion.options.train import LabelOptions
from batch_emotion.records import InputSpec
from batch_emotion.runs.output import OnProgress, Progress
from batch_emotion.storage.commits import committing_folder, restore_output
from batch_emotion.storage.locks import output_lock
from batch_emotion.visualization.charts import confusion_chart, reliability_chart
from batch_emotion.visualization.html import Picture
from batch_emotion.visualization.palette import DARK, LIGHT

FILES = ("evaluation.json", "evaluation.html", "confusion_matrix.png", "reliability.png", "mistakes.png")
_THUMBNAIL = InputSpec((96, 96))


@dataclass(frozen=True)
class EvaluateResult:
    """The content of ``evaluation.json``, and the folder that holds it."""

    evaluation: Evaluation
    out: Path


def evaluate(
    options: EvaluateOptions,
    log: Callable[[str], None] = lambda line: None,
    on_progress: OnProgress = lambda progress: None,
) -> EvaluateResult:
    """Score labelled images, compare the predictions with the labels, and write the evaluation, whole or not at all.

    Args:
        options: the options.
        log: called with each line that is worth knowing.
        on_progress: called after every batch.

    Raises:
        UsageError: the options, the data or the model make no sense, or the output is in the way.
        OutputBusy: another run holds the output.
        BatchEmotionError: no image of the model's classes could be scored.
    """
    check_ranges(options)
    out = options.out
    if not out.absolute().parent.is_dir():
        raise UsageError(f"the folder {out.absolute().parent} does not exist; make it first")
    with output_lock(out.with_name(out.name + ".lock")):
        restore_output(out)
        _check_target(out, options.overwrite)
        gathered = keep_gathered(_gather(options, on_progress), options.only)
        votes = (
            read_votes(options.votes, gathered.class_names, options.encoding, options.delimiter, options.map_labels)
            if options.votes
            else None
        )
        log("measuring")
        evaluation = evaluation_document(gathered, votes, options.votes.name if options.votes else "", options.seed)
        _write(out, evaluation, gathered, options.limits)
    for line in _remarks(evaluation):
        log(line)
    return EvaluateResult(evaluation, out)


def _check_target(out: Path, overwrite: bool) -> None:
    if not out.exists():
        return
    if not out.is_dir():
        raise OutputMismatch(f"{out} is a file; `out` is a folder")
    foreign = sorted(child.name for child in out.iterdir() if child.name not in FILES)
    if foreign:
        raise OutputMismatch(f"the folder {out} holds other things ({foreign[0]}, …); choose a new one")
    if any(out.iterdir()) and not overwrite:
        raise OutputMismatch(f"{out} holds an evaluation already; choose another `out` or give `overwrite`")


def _gather(options: EvaluateOptions, on_progress: OnProgress) -> Gathered:
    result = find_result(options.data)
    if result is not None:
        reader = LabelReader(result.class_names, options.map_labels)
        return gather_result(result, options, reader, options.model, options.limits)
    if options.labels is not None:
        raise UsageError(f"`labels` goes with a result of predict, which {options.data} is not")
    bundle = load_bundle(options.model or DEFAULT_MODEL, options.class_names, options.trust_pickle, options.network)
    return gather_images(
        options.data,
        LabelOptions(
            ManifestOptions(
                options.path_column, options.root, options.encoding, options.delimiter, options.label_column
            ),
            map_labels=options.map_labels,
        ),
        bundle,
        options.only,
        options.runtime,
        options.limits,
        options.batch_size,
        lambda done, total, failures: on_progress(Progress(done, total, failures)),
    )


def _write(out: Path, evaluation: Evaluation, gathered: Gathered, limits: Limits) -> None:
    locations = gathered.plan.images["location"]
    thumbnails = [
        load_image(locations[mistake["index"]].as_py(), _THUMBNAIL, limits).pixels for mistake in evaluation["mistakes"]
    ]
    names, matrix = gathered.class_names, evaluation["all"]["confusion_matrix"]
    confusion = Picture(*(confusion_chart(matrix, names, scheme) for scheme in (LIGHT, DARK)))
    bins = Picture(*(reliability_chart(evaluation["reliability"], scheme) for scheme in (LIGHT, DARK)))
    with committing_folder(out) as folder:
        (folder / "evaluation.json").write_text(
            json.dumps(evaluation, indent=2, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8"
        )
        (folder / "confusion_matrix.png").write_bytes(confusion.light)
        (folder / "reliability.png").write_bytes(bins.light)
        (folder / "mistakes.png").write_bytes(mistakes_sheet(evaluation["mistakes"], thumbnails, names))
        page = evaluation_page(evaluation, confusion, bins, thumbnails)
        (folder / "evaluation.html").write_text(page, encoding="utf-8")


def _remarks(evaluation: Evaluation) -> list[str]:
    remarks = []
    not_scored = evaluation["data"]["not_scored"]
    if not_scored:
        remarks.append("not scored: " + ", ".join(f"{count} {status}" for status, count in not_scored.items()))
    if evaluation["data"]["unlabelled"]:
        remarks.append(f"left out: {evaluation['data']['unlabelled']} images with no label")
    if evaluation["in_training"]["images"] is None:
        remarks.append(
            f"duplicates of the training data were not looked for: {evaluation['in_training'].get('reason')}"
        )
    agreement = evaluation["agreement"]
    if agreement and agreement["unmatched"]:
        remarks.append(f"without votes: {agreement['unmatched']} images")
    return remarks
