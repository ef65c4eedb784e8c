"""``predict``: images to rows, resumable at every shard."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from batch_emotion._version import DEFAULT_MODEL
from batch_emotion.errors import BatchEmotionError, ExitCode, one_line
from batch_emotion.metrics.quantification import estimated_mix
from batch_emotion.model.held_out import held_out_moments
from batch_emotion.options.images import FaceOptions
from batch_emotion.options.predict import PredictOptions
from batch_emotion.options.report import ReportOptions
from batch_emotion.options.runs import UpdateOptions
from batch_emotion.records import Profile
from batch_emotion.results.class_prior import MixCounter
from batch_emotion.results.reader import open_result
from batch_emotion.results.summary import Summary
from batch_emotion.results.workspace import Workspace
from batch_emotion.results.writer import with_footer
from batch_emotion.runs.annotate import COLUMNS, annotate
from batch_emotion.runs.asked import asked, called_back
from batch_emotion.runs.checks import check_options, images_gone, too_many_failures
from batch_emotion.runs.job import Job, make_job
from batch_emotion.runs.output import OnProgress, Progress, footer, write_output
from batch_emotion.runs.predict_result import FirstImages, PredictResult
from batch_emotion.runs.recorder import Recorder
from batch_emotion.runs.resume import check_before, on_record
from batch_emotion.signals import accept_signals
from batch_emotion.sources.given import given, paths_of
from batch_emotion.sources.planning import manifest_folder
from batch_emotion.storage.places import Place

_LOG = logging.getLogger("batch_emotion")


def predict(
    source: object,
    on_progress: OnProgress = lambda progress: None,
    *,
    out: str | Place | None = None,
    model: str | Path = DEFAULT_MODEL,
    faces: bool | FaceOptions = False,
    min_confidence: float = 0.0,
    only: str | Sequence[str] | None = None,
    class_prior: str | Mapping[str, float] = "training",
    path_column: str = "path",
    root: str | Place | None = None,
    update: bool | UpdateOptions = False,
    overwrite: bool = False,
    **options: Any,
) -> PredictResult:
    """Score every image: one row each, or one for each face, whatever is wrong with it.

    Args:
        source: a folder, an image file, a glob, a manifest or a list of such paths; a DataFrame or Arrow table with a
            column of paths, whose other columns are carried into the result; or images in memory: uint8 arrays of
            pixels (H, W), RGB (H, W, 3) or with transparency (H, W, 4), a batch (N, H, W[, C]) or a list of them, PIL
            images, or the bytes of image files. Or ``PredictOptions``, which holds all that the keywords can say.
        on_progress: called once before the model is opened, and after every batch.
        out: where to write the rows: ``.parquet``, ``.csv`` or a directory, here or on a store. Without it they are in
            memory only.
        model: a bundled model's name, a bundle's folder, or a Keras file.
        faces: the images are photos: find the faces and score each one.
        min_confidence: below it the emotion is ``uncertain``.
        only: the classes to choose among.
        class_prior: the mix of classes that the probabilities hold for: ``training``, ``uniform``, ``auto`` or a
            dict with the share of every class.
        path_column: the column of paths of a manifest or table.
        root: where relative paths in a manifest or table start; a manifest's own folder, for a table the working
            directory, where None.
        update: keep the rows of unchanged images in ``out``, and score the others.
        overwrite: replace an ``out`` that was made from something else.
        options: any other option of ``batch-emotion predict --help``, with underscores, such as ``min_face_size=64``.

    Raises:
        WrongType: an argument is of a type that is not taken, or there is no such option.
        UsageError: the options, sources or model make no sense, or another run's output is in the way.
        OutputBusy: another run holds the output.
        BatchEmotionError: the run failed; what was committed stays for the next one.

    Example:
        >>> from batch_emotion import predict
        >>> result = predict("faces", out="results.parquet")
        >>> result.summary.statuses
        Counter({'ok': 48})
        >>> predict("faces", out="results.parquet").outcome
        'nothing to do'

        Images in memory:

        >>> import numpy as np
        >>> grey = np.full((2, 48, 48), 128, np.uint8)
        >>> [(row["path"], row["status"]) for row in predict(grey)]
        [('images[0]', 'ok'), ('images[1]', 'ok')]

        A table, whose other columns are carried:

        >>> import pandas as pd
        >>> visits = pd.DataFrame({"path": ["faces/sad/sad-0001.png", "gone.png"], "visitor": ["007", "008"]})
        >>> predict(visits).to_pandas()[["visitor", "path", "status"]]
          visitor                    path   status
        0     007  faces/sad/sad-0001.png       ok
        1     008                gone.png  missing
    """
    called_back(on_progress, "on_progress")
    keywords = {
        "out": out,
        "model": model,
        "faces": faces,
        "min_confidence": min_confidence,
        "only": only,
        "class_prior": class_prior,
        "path_column": path_column,
        "root": root,
        "update": update,
        "overwrite": overwrite,
    }
    return _predict(_asked(source, options | keywords), on_progress)


def _asked(source: object, keywords: dict[str, Any]) -> PredictOptions:
    if isinstance(source, PredictOptions):
        return asked(PredictOptions, "sources", source, keywords)
    paths = paths_of(source)
    options = asked(PredictOptions, "sources", paths or (), keywords)
    if paths is not None:
        return options
    found = given(source, options.source)
    return replace(options, source=replace(options.source, given=found))


def _predict(options: PredictOptions, on_progress: OnProgress) -> PredictResult:
    if options.out is None:
        accept_signals()
        check_options(options)
        return _in_memory(options, on_progress)
    recorder = Recorder(options.out, options.monitoring, options.caller)
    with recorder.recording_interruption(), recorder.recording_failures():
        check_options(options)
        if options.report is not None:
            from batch_emotion.commands.report import check_page_target  # most runs make no page

            check_page_target(options.report)
        return _to_output(options.out, options, recorder, on_progress)


def _to_output(out: Place, options: PredictOptions, recorder: Recorder, on_progress: OnProgress) -> PredictResult:
    before = on_record(out)
    recorder.read_baseline()
    job = make_job(options, recorder.seen.profile)
    _LOG.info("began", extra={"fields": {"out": str(out), "arguments": list(options.caller.arguments)}})
    check_before(out, Workspace(out))
    with recorder.holding_output(options.wait):
        if on_record(out) != before and "-" not in options.sources:
            _LOG.info("listing anew, as another run has ended since")  # which may know images that were not listed
            recorder.read_baseline()
            job = make_job(options, recorder.seen.profile)
        made = write_output(out, job, options, recorder, on_progress)
        updating = options.update is not None
        failure = images_gone(job.plan, options.sources, recorder.seen, made.summary, updating=updating)
        marked = None
        if options.annotate is not None or options.report is not None:
            recorder.result_made(made.summary, made.record)
            Workspace(out).remove()
            marked = _annotate(options, job, out)
            _make_page(options, out)
        exit_code, complaints = recorder.finished(made.summary, made.outcome, made.record, failure)
        Workspace(out).remove()
    first = FirstImages.of(job.plan, options)
    return PredictResult(made.outcome, made.summary, exit_code, made.left_out, complaints, out, marked, _first=first)


def _in_memory(options: PredictOptions, on_progress: OnProgress) -> PredictResult:
    profile = Profile()
    job = make_job(options, profile)
    plan, schema = job.plan, job.schema
    seen, summary = Summary(), Summary(profile=profile)
    held_out = held_out_moments(job.bundle, job.class_names)
    tables = []
    started = time.monotonic()
    if len(plan):
        on_progress(Progress(0, len(plan), 0))
        scorer = job.scorer.open(profile, job.bundle)
        summary.runtime, summary.threads = scorer.runtime.name, scorer.threads
        started = time.monotonic()
        for rows in scorer.score(plan):
            seen.add(rows)
            on_progress(Progress(seen.images, len(plan), seen.failures))
            tables.append(pa.Table.from_batches([rows]).select(schema.names))
    table = pa.concat_tables(tables or [schema.empty_table()])
    prior = job.class_prior.over(lambda: [table])
    summary.class_prior = prior.as_record()
    mix = MixCounter(job.class_names)
    (table,) = job.added.added(prior.apply(mix.counting([table], prior.at_training()), job.scorer.min_confidence))
    summary.estimated_mix = estimated_mix(mix.seen, held_out, job.class_names)
    summary.add(table)
    summary.scored, summary.seconds = len(plan), time.monotonic() - started
    marked = _annotate(options, job, table)
    table = table.cast(with_footer(table.schema, footer(job, prior)))
    failure = images_gone(plan, options.sources, seen, summary, updating=True)
    too_many = too_many_failures(summary, options.monitoring.max_failures)
    exit_code = ExitCode.FAILED if failure else ExitCode.OVER_THRESHOLD if too_many else ExitCode.OK
    complaints = tuple(filter(None, (failure, too_many)))
    first = FirstImages.of(plan, options)
    return PredictResult("done", summary, exit_code, plan.left_out, complaints, None, marked, _rows=table, _first=first)


def _annotate(options: PredictOptions, job: Job, result: pa.Table | Place) -> int | None:
    if options.annotate is None:
        return None
    rows = [result.select(COLUMNS)] if isinstance(result, pa.Table) else open_result(result).batches(COLUMNS)
    return annotate(options.annotate, job.plan, rows, job.class_names, options.limits)


def _make_page(options: PredictOptions, out: Place) -> None:
    if options.report is None:
        return
    from batch_emotion.commands.report import report  # most runs make no page

    root = options.source.root or manifest_folder(options.sources, options.source)
    try:
        report(ReportOptions(out, options.report, root=root, image_column=options.source.image_column))
    except OSError as error:
        raise BatchEmotionError(
            f"the result is whole, but its page could not be written to {options.report}: "
            f"{error.strerror or one_line(error)}; run the same command again"
        ) from error
