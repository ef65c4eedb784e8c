"""Rows to an output: made anew or brought up to date, one run at a time, whole or not at all."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

import pyarrow as pa

from batch_emotion._version import __version__
from batch_emotion.engines.base import Assignment
from batch_emotion.metrics.quantification import estimated_mix
from batch_emotion.model.held_out import held_out_moments
from batch_emotion.options.predict import PredictOptions
from batch_emotion.results.class_prior import ClassPrior, MixCounter
from batch_emotion.results.fingerprint import Fingerprint
from batch_emotion.results.run_document import ModelRecord, ResultRecord
from batch_emotion.results.summary import Summary
from batch_emotion.results.workspace import Workspace, shards
from batch_emotion.results.writer import write_result
from batch_emotion.runs.job import Job
from batch_emotion.runs.recorder import Recorder
from batch_emotion.runs.resume import Finished, bring_up_to_date, make_anew
from batch_emotion.runs.scoring import open_engine, score_remaining
from batch_emotion.storage.part_folders import restore_parts
from batch_emotion.storage.places import Place

Outcome = Literal["done", "nothing to do"]


@dataclass(frozen=True)
class Progress:
    """How far a run is: images done of all that it has to score, and failures among them."""

    done: int
    total: int
    failures: int


OnProgress = Callable[[Progress], None]


@dataclass(frozen=True)
class Made:
    """What was made, or found made.

    Attributes:
        outcome: which of the two.
        summary: the counts.
        record: the part ``result`` of ``run.json``.
        left_out: files passed over for their extension.
    """

    outcome: Outcome
    summary: Summary
    record: ResultRecord
    left_out: int


def write_output(out: Place, job: Job, options: PredictOptions, recorder: Recorder, on_progress: OnProgress) -> Made:
    """Make the output, or find it made.

    Args:
        out: the file or directory; its lock must be held.
        job: what decides the result.
        options: whether it is an update or replaces what is there, the engine, and the time limit.
        recorder: whose stages are timed.
        on_progress: called once before the model is opened, and after every batch of rows.
    """
    restore_parts(out)
    recorder.record.model = model_record(job.fingerprint)
    seen, profile = recorder.seen, recorder.seen.profile
    workspace = Workspace(out)
    if options.update is None or options.overwrite:
        work = make_anew(out, options.overwrite, job, workspace)
    else:
        with profile.timing("compare"):
            work = bring_up_to_date(out, options.update, job, workspace)
    if isinstance(work, Finished):
        work.summary.profile = profile
        return Made("nothing to do", work.summary, work.record, job.plan.left_out)
    summary = Summary(profile=profile, update=work.counts)
    held_out = held_out_moments(job.bundle, job.class_names)
    cut = list(shards(len(work.plan), job.fingerprint.shard_size))
    committed = workspace.committed

    def progress() -> None:
        on_progress(Progress(seen.images, len(work.plan), seen.failures))

    kept = 0
    for shard in cut:
        rows_of_shard = workspace.take_up(*shard) if shard[0] in committed else None
        if rows_of_shard is not None:
            kept += 1
            seen.add(rows_of_shard)
    if kept < len(cut):
        progress()
        limit = options.time_limit
        deadline = None if limit is None else time.time() + limit - recorder.record.seconds
        assignment = Assignment(
            workspace,
            workspace.identity,
            job.scorer,
            len(work.plan),
            job.fingerprint.shard_size,
            deadline,
            kept=len(job.plan) - len(work.plan),
        )
        score_remaining(open_engine(options.engine, work.plan, job.bundle), assignment, seen, progress)
    summary.scored, summary.seconds = seen.scored, seen.seconds
    summary.runtime, summary.threads, summary.workers = seen.runtime, seen.threads, seen.workers

    mix = MixCounter(job.class_names)

    def announce(sha256: str) -> None:
        summary.estimated_mix = estimated_mix(mix.seen, held_out, job.class_names)
        workspace.announce(result_record(job.fingerprint, sha256, summary))

    def parts(image: int) -> Iterable[pa.Table]:
        return (workspace.read(*shard) for shard in cut[image // job.fingerprint.shard_size :])

    def rows() -> Iterable[pa.Table]:
        return work.rows(parts)

    started = time.monotonic()
    with profile.timing("write"):
        prior = job.class_prior.over(rows)
        summary.class_prior = prior.as_record()
        under_prior = prior.apply(mix.counting(rows(), prior.at_training()), job.scorer.min_confidence)
        written, schema = job.added.added(summary.counting(under_prior)), job.added.schema(work.schema)
        sha256 = write_result(out, written, schema, footer(job, prior), announce, options.csv)
    summary.seconds += time.monotonic() - started if summary.scored else 0
    return Made("done", summary, result_record(job.fingerprint, sha256, summary), job.plan.left_out)


def footer(job: Job, prior: ClassPrior) -> dict[str, str]:
    """What a Parquet result says of itself."""
    card, fingerprint = job.bundle.card, job.fingerprint
    height, width = card.input.image_size
    options = fingerprint.options
    return {
        "version": __version__,
        "model": card.name,
        **({"model_version": str(fingerprint.model_version)} if fingerprint.model_version else {}),
        "model_sha256": fingerprint.model,
        "class_names": ",".join(job.class_names),
        "image_size": f"{height}x{width}",
        "decoder": fingerprint.decoder,
        "jpeg_decoding": "full" if options["full_decode"] else "scaled",
        "runtime": fingerprint.runtime,
        "precision": str(options["precision"]),
        "plan": fingerprint.plan,
        "class_prior": json.dumps(prior.as_record()),
        **fingerprint.of_faces(),
        "fingerprint": fingerprint.to_json(),
    }


def model_record(fingerprint: Fingerprint) -> ModelRecord:
    """Which model it is, for ``run.json``."""
    return {
        "name": fingerprint.model_name,
        "version": fingerprint.model_version,
        "sha256": fingerprint.model,
    }


def result_record(fingerprint: Fingerprint, sha256: str, summary: Summary) -> ResultRecord:
    """The part ``result`` of ``run.json``."""
    return {
        "tool": f"batch-emotion {__version__}",
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "fingerprint": fingerprint.as_dict(),
        "sha256": sha256,
        "counts": summary.counts(),
    }
