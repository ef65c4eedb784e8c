"""``predict``: images to rows, resumable at every shard."""

from __future__ import annotations

import logging
import os
import time
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import pyarrow as pa

from batch_emotion.cores import available_cores
from batch_emotion.errors import ExitCode
from batch_emotion.images.decode import DECODER
from batch_emotion.images.detectors import open_detector
from batch_emotion.model.bundle import Bundle, bundled_models, load_bundle
from batch_emotion.model.runtime import resolve_runtime
from batch_emotion.plan import Plan, Task
from batch_emotion.records import FaceOptions, Profile
from batch_emotion.results.fingerprint import Fingerprint
from batch_emotion.results.reader import open_result
from batch_emotion.results.schema import check_attributes
from batch_emotion.results.summary import Summary, run_file
from batch_emotion.results.workspace import Workspace
from batch_emotion.results.writer import output_kind
from batch_emotion.runs.annotate import COLUMNS, annotate
from batch_emotion.runs.checks import PredictOptions, check_options
from batch_emotion.runs.outcome import Reporter
from batch_emotion.runs.output import OnProgress, Outcome, Progress, write_output
from batch_emotion.runs.resume import Prepared
from batch_emotion.scoring import ScorerSpec
from batch_emotion.sources.checksum import with_checksums
from batch_emotion.sources.planning import make_plan
from batch_emotion.storage.locks import hold_output
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


def plan_prediction(options: PredictOptions) -> Plan:
    """List what ``predict`` would score; reads no image and writes nothing.

    Raises:
        UsageError: the options or the sources make no sense.
    """
    check_options(options)
    return make_plan(options.sources, options.source)


def predict(options: PredictOptions, on_progress: OnProgress = lambda progress: None) -> PredictResult:
    """Score every image of the sources: one row each, or one for each face, whatever is wrong with it.

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


def _to_output(out: Place, options: PredictOptions, on_progress: OnProgress) -> PredictResult:
    reporter = Reporter(out, options.report, options.max_failures)

    prepared: list[Prepared] = []

    def prepare() -> Prepared:
        _ = reporter.baseline
        prepared[:] = [_prepare(options, reporter.seen.profile)]
        return prepared[0]

    def is_known() -> bool:
        return any(path.exists() for path in (out, run_file(out), Workspace(out).folder))

    early = None if is_known() else prepare()  # so that a usage error leaves nothing behind
    _LOG.info("began", extra={"fields": {"out": str(out), "arguments": list(options.report.arguments)}})
    with reporter.telling_failures(), hold_output(out, options.output.wait_s):
        made = write_output(
            out,
            options.output,
            options.engine,
            options.overwrite,
            reporter,
            lambda: prepare() if early is None or is_known() else early,
            on_progress,
        )
        exit_code, complaints = reporter.finished(made.summary, made.outcome, made.told)
        Workspace(out).remove()
        _annotate(options, prepared[0], out)
    return PredictResult(made.outcome, made.summary, exit_code, made.left_out, complaints=complaints)


def _annotate(options: PredictOptions, prepared: Prepared, result: pa.Table | Place) -> None:
    if options.annotate is None:
        return
    rows = [result.select(COLUMNS)] if isinstance(result, pa.Table) else open_result(result).batches(COLUMNS)
    annotate(options.annotate, prepared.plan, rows, prepared.bundle.card.class_names, options.limits)


def _prepare(options: PredictOptions, profile: Profile) -> Prepared:
    with profile.timing("list"):
        plan = plan_prediction(options)
        images, digest = len(plan), plan.digest
        if options.task is not None:
            rows = options.task.rows(images)
            plan = plan.take(np.arange(rows.start, rows.stop))
        if options.output.update is not None and options.output.update.checksum:
            plan = with_checksums(plan, options.limits.max_bytes)
            digest = plan.digest
    bundle = load_bundle(options.model, options.class_names, options.trust_pickle)
    check_attributes(
        plan.attributes.schema,
        bundle.card.class_names,
        flat=options.out is not None and output_kind(options.out) == "csv",
        faces=options.faces is not None,
    )
    fingerprint = _fingerprint(options, digest, images, bundle)
    return Prepared(plan, bundle, fingerprint, _spec(options, bundle))


def _in_memory(options: PredictOptions, on_progress: OnProgress) -> PredictResult:
    check_options(options)
    seen = Summary()
    prepared = _prepare(options, seen.profile)
    plan = prepared.plan
    summary = Summary(profile=seen.profile)
    batches = []
    scorer = prepared.open_scorer(summary) if len(plan) else None
    started = time.monotonic()
    if scorer is not None:
        for rows in scorer.score(plan):
            seen.add(rows)
            on_progress(Progress(seen.images, len(plan), seen.failures))
            batches.append(rows)
    schema = prepared.schema
    table = pa.concat_tables(
        [pa.Table.from_batches([rows]).select(schema.names) for rows in batches] or [schema.empty_table()]
    )
    summary.add(table)
    summary.scored, summary.seconds = len(plan), time.monotonic() - started
    _annotate(options, prepared, table)
    too_many = options.max_failures is not None and summary.failures > options.max_failures
    exit_code = ExitCode.OVER_THRESHOLD if too_many else ExitCode.OK
    return PredictResult("done", summary, exit_code, plan.left_out, table)


def _spec(options: PredictOptions, bundle: Bundle) -> ScorerSpec:
    faces, model = options.faces, options.model
    if bundle.folder is None or str(model) not in bundled_models():
        model = os.path.abspath(model)
    if faces is not None and faces.detector_model is not None:
        faces = replace(faces, detector_model=faces.detector_model.absolute())
    threads = options.threads or available_cores()
    return ScorerSpec(
        model,
        bundle.sha256,
        options.class_names,
        options.trust_pickle,
        _runtime(options, bundle),
        options.precision,
        threads if options.engine.name == "local" else options.engine.cpus_per_worker,
        options.limits,
        options.min_confidence,
        options.batch_size,
        options.full_decode,
        faces,
    )


def _runtime(options: PredictOptions, bundle: Bundle) -> Literal["onnx", "tensorflow"]:
    """What runs the network; ``auto`` goes by the GPUs of the workers, not of this machine, where there are workers."""
    name, engine = options.runtime, options.engine
    if name == "auto" and engine.name == "ray":
        name = "onnx" if bundle.onnx_file is not None and not engine.gpus_per_worker else "tensorflow"
    return resolve_runtime(bundle, name, options.precision)


def _fingerprint(options: PredictOptions, plan_digest: str, images: int, bundle: Bundle) -> Fingerprint:
    task = options.task or Task()
    return Fingerprint(
        plan=plan_digest,
        images=images,
        model=bundle.sha256,
        model_name=bundle.card.name,
        runtime=_runtime(options, bundle),
        decoder=DECODER,
        min_confidence=options.min_confidence,
        max_pixels=options.limits.max_pixels,
        max_bytes=options.limits.max_bytes,
        shard_size=options.shard_size,
        precision=options.precision,
        full_decode=options.full_decode,
        task_index=task.index,
        task_count=task.count,
        **_of_faces(options.faces),
    )


def _of_faces(faces: FaceOptions | None) -> dict[str, Any]:
    """How faces are found, as fields of the fingerprint."""
    if faces is None:
        return {}
    detector = open_detector(faces)
    return {
        "detector": detector.name,
        "detector_sha256": detector.sha256,
        "min_face_score": detector.min_score,
        "min_face_size": detector.min_size if faces.min_size is None else faces.min_size,
        "max_faces": faces.max_faces,
        "face_margin": detector.margin if faces.margin is None else faces.margin,
    }
