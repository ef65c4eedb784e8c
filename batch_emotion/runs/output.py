"""Rows to an output: made anew or brought up to date, one run at a time, whole or not at all."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from batch_emotion._version import __version__
from batch_emotion.engines.options import EngineOptions
from batch_emotion.model.bundle import Card
from batch_emotion.results.fingerprint import Fingerprint
from batch_emotion.results.run_document import ResultRecord
from batch_emotion.results.summary import Summary
from batch_emotion.results.update import UpdateOptions
from batch_emotion.results.workspace import Workspace, shards
from batch_emotion.results.writer import write_result
from batch_emotion.runs.engine import Scoring
from batch_emotion.runs.outcome import Reporter
from batch_emotion.runs.resume import Finished, Prepared, bring_up_to_date, make_anew
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
class OutputOptions:
    """How an output is made.

    Attributes:
        update: bring a result up to date; None makes it anew.
        wait_s: seconds to wait for another run on the same output to end.
        time_limit_s: stop at a shard's end after so many seconds; None never does.
    """

    update: UpdateOptions | None = None
    wait_s: float = 0.0
    time_limit_s: float | None = None


@dataclass(frozen=True)
class Made:
    """What was made, or found made.

    Attributes:
        outcome: which of the two.
        summary: the counts.
        told: the part ``result`` of ``run.json``.
        left_out: files passed over for their extension.
    """

    outcome: Outcome
    summary: Summary
    told: ResultRecord
    left_out: int


def write_output(
    out: Place,
    options: OutputOptions,
    engine: EngineOptions,
    overwrite: bool,
    reporter: Reporter,
    prepare: Callable[[], Prepared],
    on_progress: OnProgress,
) -> Made:
    """Make the output, or find it made.

    Args:
        out: the file or directory; its lock must be held.
        options: how.
        engine: who scores the shards.
        overwrite: replace an output, or the parts of an unfinished run, that were made from something else.
        reporter: whose stages are timed.
        prepare: makes the plan and finds the model.
        on_progress: told of every batch of rows, those of an unfinished run first.
    """
    restore_parts(out)
    prepared = prepare()
    reporter.record.model = {"name": prepared.bundle.card.name, "sha256": prepared.fingerprint.model}
    profile = reporter.seen.profile
    workspace = Workspace(out)
    if options.update is None or overwrite:
        work = make_anew(out, overwrite, prepared, workspace)
    else:
        with profile.timing("compare"):
            work = bring_up_to_date(out, options.update, prepared, workspace)
    if isinstance(work, Finished):
        work.summary.profile = profile
        return Made("nothing to do", work.summary, work.told, prepared.plan.left_out)
    summary = Summary(profile=profile, update=work.counts)
    cut = list(shards(len(work.plan), prepared.fingerprint.shard_size))
    committed = workspace.committed
    kept = [shard for shard in cut if shard[0] in committed]

    seen = reporter.seen

    def tell() -> None:
        on_progress(Progress(seen.images, len(work.plan), seen.failures))

    for shard in kept:
        seen.add(workspace.read(*shard))
        tell()
    if len(kept) < len(cut):
        limit = options.time_limit_s
        left = None if limit is None else limit - reporter.record.seconds
        Scoring(work.plan, prepared, workspace, seen, left, tell).run(engine)
    summary.scored, summary.seconds = seen.scored, seen.seconds
    summary.runtime, summary.threads, summary.workers = seen.runtime, seen.threads, seen.workers

    def announce(sha256: str) -> None:
        workspace.announce(result_told(prepared.fingerprint, sha256, summary))

    started = time.monotonic()
    with profile.timing("write"):
        rows = work.rows(workspace.read(*shard) for shard in cut)
        says = footer(prepared.fingerprint, prepared.bundle.card)
        sha256 = write_result(out, summary.counting(rows), prepared.schema, says, announce)
    summary.seconds += time.monotonic() - started if summary.scored else 0
    return Made("done", summary, result_told(prepared.fingerprint, sha256, summary), prepared.plan.left_out)


def footer(fingerprint: Fingerprint, card: Card) -> dict[str, str]:
    """What a Parquet result says of itself."""
    height, width = card.input.image_size
    return {
        "version": __version__,
        "model": card.name,
        "model_sha256": fingerprint.model,
        "class_names": ",".join(card.class_names),
        "image_size": f"{height}x{width}",
        "decoder": fingerprint.decoder,
        "jpeg_decoding": "full" if fingerprint.full_decode else "scaled",
        "runtime": fingerprint.runtime,
        "precision": fingerprint.precision,
        "plan": fingerprint.plan,
        **fingerprint.of_faces(),
        "fingerprint": fingerprint.to_json(),
    }


def result_told(fingerprint: Fingerprint, sha256: str, summary: Summary) -> ResultRecord:
    """The part ``result`` of ``run.json``."""
    return {
        "tool": f"batch-emotion {__version__}",
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "fingerprint": fingerprint.as_dict(),
        "sha256": sha256,
        "counts": summary.counts(),
    }
