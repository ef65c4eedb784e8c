"""``predict``: images to rows, resumable at every shard."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from batch_emotion.commands.output import OnProgress, Outcome, OutputOptions, Progress, write_output
from batch_emotion.commands.remaining import Prepared
from batch_emotion.commands.reporting import Reporter, ReportOptions
from batch_emotion.errors import ExitCode, UsageError
from batch_emotion.images.checksum import with_checksums
from batch_emotion.images.decode import DECODER
from batch_emotion.images.sources import SourceOptions, make_plan
from batch_emotion.model.bundle import DEFAULT_MODEL, Bundle, load_bundle
from batch_emotion.model.runtime import RuntimeName, open_runtime, resolve_runtime
from batch_emotion.records import Limits, Plan, Task
from batch_emotion.results.parts import Fingerprint, Workspace
from batch_emotion.results.record import RunRecord
from batch_emotion.results.schema import check_attributes
from batch_emotion.results.sinks import output_kind
from batch_emotion.results.summary import Summary, run_file
from batch_emotion.storage import output_lock

if TYPE_CHECKING:
    from batch_emotion.scoring import Scorer

_LOG = logging.getLogger("batch_emotion")


@dataclass(frozen=True)
class PredictOptions:
    """What to score and how.

    Attributes:
        sources: directories, image files, globs, one manifest, or ``-``.
        out: ``.parquet``, ``.csv`` or a directory; None keeps the rows in memory and gives them back.
        source: how sources are read.
        model: a bundled model's name, a bundle's folder, or a Keras file.
        class_names: the classes of a bare Keras file.
        trust_pickle: load a pickled model, which can run any code.
        runtime: what runs the network.
        limits: what is refused.
        min_confidence: below it the emotion is ``uncertain``.
        batch_size: images shown to the network at a time.
        shard_size: images committed at a time.
        overwrite: replace an output, or the parts of an unfinished run, that were made from something else.
        max_failures: more failures than this end in exit code 3; None allows any number.
        task: score only this part of the plan; None scores all of it.
        output: how the output is made: anew or as an update, and when to give up.
        report: what is told of the run, and what is held against it.
    """

    sources: tuple[str, ...]
    out: Path | None = None
    source: SourceOptions = field(default_factory=SourceOptions)
    model: str | Path = DEFAULT_MODEL
    class_names: tuple[str, ...] | None = None
    trust_pickle: bool = False
    runtime: RuntimeName = "auto"
    limits: Limits = field(default_factory=Limits)
    min_confidence: float = 0.0
    batch_size: int = 256
    shard_size: int = 4096
    overwrite: bool = False
    max_failures: int | None = None
    task: Task | None = None
    output: OutputOptions = field(default_factory=OutputOptions)
    report: ReportOptions = field(default_factory=ReportOptions)


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


def plan_prediction(options: PredictOptions) -> Plan:
    """List what ``predict`` would score; reads no image and writes nothing.

    Raises:
        UsageError: the options or the sources make no sense.
    """
    check_options(options)
    return make_plan(options.sources, options.source)


def check_options(options: PredictOptions) -> None:
    """Refuse options that make no sense, before anything is read.

    Raises:
        UsageError: naming the option.
    """
    update, task = options.output.update, options.task
    if options.out is not None:
        output_kind(options.out)
        if not options.out.absolute().parent.is_dir():
            raise UsageError(f"--out: the folder {options.out.absolute().parent} does not exist; make it first")
    elif options.output != OutputOptions() or options.report != ReportOptions(
        arguments=options.report.arguments, run_id=options.report.run_id
    ):
        raise UsageError("options about the output and how the run went need --out")
    if options.source.root is not None and not options.source.root.is_dir():
        raise UsageError(f"--root: there is no folder {options.source.root}")
    for name, value in (
        ("min-confidence", options.min_confidence),
        ("max-prune", update.max_prune if update else 0),
    ):
        if not 0 <= value <= 1:
            raise UsageError(f"--{name} must be between 0 and 1, not {value:g}")
    for name, least, number in (
        ("batch-size", 1, options.batch_size),
        ("shard-size", 1, options.shard_size),
        ("wait", 0, options.output.wait_s),
    ):
        if number < least:
            raise UsageError(f"--{name} must be at least {least}, not {number}")
    if task is not None:
        if not 0 <= task.index < task.count:
            raise UsageError(f"--task-index must be from 0 to {task.count - 1}, one less than --task-count")
        if update is not None:
            raise UsageError("--task-count splits a run that makes a result anew; it does not go with --update")
    options.report.check()


def predict(options: PredictOptions, on_progress: OnProgress = lambda progress: None) -> PredictResult:
    """Score every image of the sources: one row each, whatever is wrong with it.

    Args:
        options: what and how.
        on_progress: told after every batch.

    Raises:
        UsageError: the options, sources or model make no sense, or another run's output is in the way.
        OutputBusy: another run holds the output.
        BatchEmotionError: the run failed; what was committed stays for the next one.
    """
    if options.out is None:
        return _in_memory(options, on_progress)
    check_options(options)
    return _to_output(options.out, options, on_progress)


def _to_output(out: Path, options: PredictOptions, on_progress: OnProgress) -> PredictResult:
    reporter = Reporter(out, options.report, options.max_failures)

    def prepare() -> Prepared:
        _ = reporter.baseline
        return _prepare(options, reporter.record)

    def is_known() -> bool:
        return any(path.exists() for path in (out, run_file(out), Workspace(out).folder))

    early = None if is_known() else prepare()  # so that a usage error leaves nothing behind
    _LOG.info("began", extra={"fields": {"out": str(out), "arguments": list(options.report.arguments)}})
    with reporter.telling_failures(), output_lock(out.with_name(out.name + ".lock"), options.output.wait_s):
        made = write_output(
            out,
            options.output,
            options.overwrite,
            reporter,
            lambda: prepare() if early is None or is_known() else early,
            on_progress,
        )
        exit_code, complaints = reporter.finished(made.summary, made.outcome, made.told)
        Workspace(out).remove()
    return PredictResult(made.outcome, made.summary, exit_code, made.left_out, complaints=complaints)


def _prepare(options: PredictOptions, record: RunRecord) -> Prepared:
    with record.stage("plan"):
        plan = plan_prediction(options)
        images, digest = len(plan), plan.digest
        if options.task is not None:
            rows = options.task.rows(images)
            plan = plan.take(np.arange(rows.start, rows.stop))
        if options.output.update is not None and options.output.update.checksum:
            plan = with_checksums(plan, options.limits.max_bytes)
            digest = plan.digest
    bundle = load_bundle(options.model, options.class_names, options.trust_pickle)
    record.model = {"name": bundle.card.name, "sha256": bundle.sha256}
    check_attributes(
        plan.attributes.schema,
        bundle.card.class_names,
        flat=options.out is not None and output_kind(options.out) == "csv",
    )
    return Prepared(plan, bundle, _fingerprint(options, digest, images, bundle), lambda: _scorer(options, bundle))


def _in_memory(options: PredictOptions, on_progress: OnProgress) -> PredictResult:
    check_options(options)
    prepared = _prepare(options, RunRecord("predict"))
    plan = prepared.plan
    summary, seen = Summary(), Summary()
    batches = []
    scorer = prepared.open_scorer() if len(plan) else None
    started = time.monotonic()
    if scorer is not None:
        for rows in scorer.score(plan):
            seen.add(rows)
            on_progress(Progress(seen.rows, len(plan), seen.failures))
            batches.append(rows)
    schema = prepared.schema
    table = pa.concat_tables(
        [pa.Table.from_batches([rows]).select(schema.names) for rows in batches] or [schema.empty_table()]
    )
    summary.add(table)
    summary.scored, summary.seconds = len(plan), time.monotonic() - started
    too_many = options.max_failures is not None and summary.failures > options.max_failures
    exit_code = ExitCode.OVER_THRESHOLD if too_many else ExitCode.OK
    return PredictResult("done", summary, exit_code, plan.left_out, table)


def _scorer(options: PredictOptions, bundle: Bundle) -> Scorer:
    import tensorflow  # noqa: F401 - loading it is start-up, not scoring

    from batch_emotion.scoring import Scorer

    return Scorer(
        open_runtime(bundle, options.runtime),
        bundle.card.class_names,
        bundle.card.input,
        options.limits,
        options.min_confidence,
        options.batch_size,
    )


def _fingerprint(options: PredictOptions, plan_digest: str, images: int, bundle: Bundle) -> Fingerprint:
    task = options.task or Task()
    return Fingerprint(
        plan=plan_digest,
        images=images,
        model=bundle.sha256,
        model_name=bundle.card.name,
        runtime=resolve_runtime(bundle, options.runtime),
        decoder=DECODER,
        min_confidence=options.min_confidence,
        max_pixels=options.limits.max_pixels,
        max_bytes=options.limits.max_bytes,
        shard_size=options.shard_size,
        task_index=task.index,
        task_count=task.count,
    )
