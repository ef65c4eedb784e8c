"""``predict``: images to rows, resumable at every shard."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass

import pyarrow as pa

from batch_emotion.errors import ExitCode
from batch_emotion.metrics.quantification import estimated_mix
from batch_emotion.model.held_out import held_out_moments
from batch_emotion.options.predict import PredictOptions
from batch_emotion.options.report import ReportOptions
from batch_emotion.records import Profile
from batch_emotion.results.class_prior import MixCounter
from batch_emotion.results.reader import open_result
from batch_emotion.results.summary import Summary
from batch_emotion.results.workspace import Workspace
from batch_emotion.runs.annotate import COLUMNS, annotate
from batch_emotion.runs.checks import all_missing, check_options
from batch_emotion.runs.job import Job, make_job
from batch_emotion.runs.output import OnProgress, Outcome, Progress, write_output
from batch_emotion.runs.recorder import Recorder
from batch_emotion.signals import accept_signals
from batch_emotion.sources.planning import manifest_folder
from batch_emotion.storage.places import Place

_LOG = logging.getLogger("batch_emotion")


@dataclass(frozen=True)
class PredictResult:
    """What came of it.

    Attributes:
        outcome: ``done``, or ``nothing to do`` where the finished output was there already.
        summary: the counts.
        exit_code: 0, or 3 with more failures or drift than allowed.
        left_out: files passed over for their extension.
        table: all rows, where there was no ``out``.
        complaints: why the exit code is not 0.
    """

    outcome: Outcome
    summary: Summary
    exit_code: ExitCode
    left_out: int
    table: pa.Table | None = None
    complaints: tuple[str, ...] = ()


def predict(options: PredictOptions, on_progress: OnProgress = lambda progress: None) -> PredictResult:
    """Score every image of the sources: one row each, or one for each face, whatever is wrong with it.

    Args:
        options: what and how.
        on_progress: called once before the model is opened, and after every batch.

    Raises:
        UsageError: the options, sources or model make no sense, or another run's output is in the way.
        OutputBusy: another run holds the output.
        BatchEmotionError: the run failed; what was committed stays for the next one.

    Example::

        predict(PredictOptions(("photos",), Path("results.parquet"))).summary.emotions
    """
    if options.out is None:
        accept_signals()
        check_options(options)
        return _in_memory(options, on_progress)
    recorder = Recorder(options.out, options.monitoring, options.caller)
    with recorder.recording_interruption():
        check_options(options)
        if options.report is not None:
            from batch_emotion.commands.report import check_page_target, report  # most runs make no page

            check_page_target(options.report)
        result = _to_output(options.out, options, recorder, on_progress)
    if options.report is not None:
        root = options.source.root or manifest_folder(options.sources, options.source)
        report(ReportOptions(options.out, options.report, root=root))
    return result


def _to_output(out: Place, options: PredictOptions, recorder: Recorder, on_progress: OnProgress) -> PredictResult:
    with recorder.recording_failures():
        recorder.read_baseline()
        job = make_job(options, recorder.seen.profile)
        _LOG.info("began", extra={"fields": {"out": str(out), "arguments": list(options.caller.arguments)}})
        with recorder.holding_output(options.wait):
            made = write_output(out, job, options, recorder, on_progress)
            failure = all_missing(job.plan, recorder.seen, made.summary, updating=options.update is not None)
            exit_code, complaints = recorder.finished(made.summary, made.outcome, made.record, failure)
            Workspace(out).remove()
            _annotate(options, job, out)
    return PredictResult(made.outcome, made.summary, exit_code, made.left_out, complaints=complaints)


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
    (table,) = prior.apply(mix.counting([table], prior.at_training()), job.scorer.min_confidence)
    summary.estimated_mix = estimated_mix(mix.seen, held_out, job.class_names)
    summary.add(table)
    summary.scored, summary.seconds = len(plan), time.monotonic() - started
    _annotate(options, job, table)
    allowed = options.monitoring.max_failures
    too_many = allowed is not None and summary.failures > allowed
    exit_code = ExitCode.OVER_THRESHOLD if too_many else ExitCode.OK
    failure = all_missing(plan, seen, summary, updating=True)
    if failure:
        exit_code = ExitCode.FAILED
    return PredictResult("done", summary, exit_code, plan.left_out, table, (failure,) if failure else ())


def _annotate(options: PredictOptions, job: Job, result: pa.Table | Place) -> None:
    if options.annotate is None:
        return
    rows = [result.select(COLUMNS)] if isinstance(result, pa.Table) else open_result(result).batches(COLUMNS)
    annotate(options.annotate, job.plan, rows, job.class_names, options.limits)
