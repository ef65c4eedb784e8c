"""``predict``: images to rows, resumable at every shard."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pyarrow as pa

from batch_emotion import __version__
from batch_emotion.commands.annotate import COLUMNS, AnnotateOptions, annotate
from batch_emotion.cores import available_cores
from batch_emotion.errors import BatchEmotionError, ExitCode, Interrupted, OutputMismatch, UsageError
from batch_emotion.images.decode import DECODER
from batch_emotion.images.detectors import open_detector
from batch_emotion.images.framing import PhotoWatch
from batch_emotion.images.sources import SourceOptions, make_plan
from batch_emotion.model.bundle import DEFAULT_MODEL, Bundle, load_bundle
from batch_emotion.model.runtime import Precision, RuntimeName, open_runtime, resolve_runtime
from batch_emotion.records import SCORABLE, FaceOptions, Limits, Plan
from batch_emotion.results.parts import Fingerprint, Workspace, shards
from batch_emotion.results.reading import read_rows
from batch_emotion.results.schema import check_attributes, first_rows, result_schema
from batch_emotion.results.sinks import check_target, output_digest, output_kind, write_result
from batch_emotion.results.summary import Summary, read_run, run_file, write_run
from batch_emotion.storage import output_lock, restore_folder

if TYPE_CHECKING:
    from batch_emotion.scoring import Scorer


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
        precision: ``mixed`` computes in float16, under TensorFlow.
        threads: how many cores to use; as many as the process may where None.
        full_decode: decode every pixel of JPEGs that are much larger than the model's input.
        limits: what is refused.
        min_confidence: below it the emotion is ``uncertain``.
        batch_size: images shown to the network at a time.
        shard_size: images committed at a time.
        overwrite: replace an output, or the parts of an unfinished run, that were made from something else.
        max_failures: more failures than this end in exit code 3; None allows any number.
        faces: find the faces in each image and score each one; None scores every image whole.
        annotate: write copies of the first images with their faces marked.
    """

    sources: tuple[str, ...]
    out: Path | None = None
    source: SourceOptions = field(default_factory=SourceOptions)
    model: str | Path = DEFAULT_MODEL
    class_names: tuple[str, ...] | None = None
    trust_pickle: bool = False
    runtime: RuntimeName = "auto"
    precision: Precision = "float32"
    threads: int | None = None
    full_decode: bool = False
    limits: Limits = field(default_factory=Limits)
    min_confidence: float = 0.0
    batch_size: int = 256
    shard_size: int = 4096
    overwrite: bool = False
    max_failures: int | None = None
    faces: FaceOptions | None = None
    annotate: AnnotateOptions | None = None


@dataclass(frozen=True)
class PredictResult:
    """What came of it.

    Attributes:
        outcome: ``done``, or ``nothing to do`` where the finished output was there already.
        summary: the counts.
        exit_code: 0, or 3 with more failures than allowed.
        left_out: files passed over for their extension.
        table: all rows, where there was no ``out``.
    """

    outcome: Literal["done", "nothing to do"]
    summary: Summary
    exit_code: ExitCode
    left_out: int
    table: pa.Table | None = None


@dataclass(frozen=True)
class Progress:
    """How far a run is: images done of all, and failures among them."""

    done: int
    total: int
    failures: int


OnProgress = Callable[[Progress], None]


def plan_prediction(options: PredictOptions) -> Plan:
    """List what ``predict`` would score; reads no image and writes nothing.

    Raises:
        UsageError: the options or the sources make no sense.
    """
    if options.out is not None:
        output_kind(options.out)
        if not options.out.absolute().parent.is_dir():
            raise UsageError(f"the folder {options.out.absolute().parent} does not exist; make it first")
    if not 0 <= options.min_confidence <= 1:
        raise UsageError(f"--min-confidence must be between 0 and 1, not {options.min_confidence:g}")
    for name in ("batch_size", "shard_size", "threads"):
        if getattr(options, name) is not None and getattr(options, name) < 1:
            raise UsageError(f"--{name.replace('_', '-')} must be at least 1, not {getattr(options, name)}")
    _check_faces(options.faces)
    if options.annotate is not None:
        if options.faces is None:
            raise UsageError("--annotate marks the faces that --faces finds; give that too")
        options.annotate.check()
    return make_plan(options.sources, options.source)


def _check_faces(faces: FaceOptions | None) -> None:
    if faces is None:
        return
    for name, value in (("min-face-size", faces.min_size), ("max-faces", faces.max_faces)):
        if value < 1:
            raise UsageError(f"--{name} must be at least 1, not {value}")
    if faces.margin is not None and not -0.4 <= faces.margin <= 2:
        raise UsageError(f"--face-margin must be between -0.4 and 2, not {faces.margin:g}")
    if faces.detector_model is not None:
        open_detector(faces.detector_model)


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
    summary = Summary()
    with summary.profile.timing("list"):
        plan = plan_prediction(options)
    bundle = load_bundle(options.model, options.class_names, options.trust_pickle)
    check_attributes(
        plan.attributes.schema,
        bundle.card.class_names,
        flat=options.out is not None and output_kind(options.out) == "csv",
        faces=options.faces is not None,
    )
    if options.out is None:
        result = _in_memory(options, plan, bundle, summary, on_progress)
        _annotate(options, plan, bundle, result.table)
        return result
    with output_lock(options.out.with_name(options.out.name + ".lock")):
        result = _to_output(options.out, options, plan, bundle, summary, on_progress)
        _annotate(options, plan, bundle, options.out)
        return result


def _annotate(options: PredictOptions, plan: Plan, bundle: Bundle, result: pa.Table | Path) -> None:
    if options.annotate is None:
        return
    schema = _schema(options, bundle, plan)
    columns = pa.schema([schema.field(name) for name in COLUMNS])
    rows = read_rows(result, columns) if isinstance(result, Path) else [result.select(columns.names)]
    annotate(options.annotate, plan, rows, bundle.card.class_names, options.limits)


def _schema(options: PredictOptions, bundle: Bundle, plan: Plan) -> pa.Schema:
    return result_schema(bundle.card.class_names, plan.attributes.schema, faces=options.faces is not None)


def _in_memory(
    options: PredictOptions, plan: Plan, bundle: Bundle, summary: Summary, on_progress: OnProgress
) -> PredictResult:
    counter = _Counter(on_progress, len(plan))
    batches = []
    scorer = _scorer(options, bundle, summary) if len(plan) else None
    started = time.monotonic()
    if scorer is not None:
        for rows in scorer.score(plan):
            counter(rows)
            batches.append(rows)
    schema = _schema(options, bundle, plan)
    table = pa.concat_tables(
        [pa.Table.from_batches([rows]).select(schema.names) for rows in batches] or [schema.empty_table()]
    )
    for _ in summary.counting([table]):
        pass
    summary.scored, summary.seconds = len(plan), time.monotonic() - started
    return PredictResult("done", summary, _exit_code(summary, options), plan.left_out, table)


def _to_output(
    out: Path, options: PredictOptions, plan: Plan, bundle: Bundle, summary: Summary, on_progress: OnProgress
) -> PredictResult:
    restore_folder(out)
    fingerprint = _fingerprint(options, plan, bundle)
    workspace = Workspace(out)
    if not workspace.is_there and out.exists():
        finished = _finished(out, fingerprint, options.overwrite)
        if finished is not None:
            return PredictResult("nothing to do", finished, _exit_code(finished, options), plan.left_out)
    check_target(out)
    workspace.open(fingerprint, plan, options.overwrite)
    began = datetime.now(UTC)
    try:
        _score_and_finish(out, options, plan, bundle, workspace, fingerprint, summary, on_progress, began)
    except (Interrupted, BatchEmotionError) as error:
        write_run(out, _told(began, error.exit_code, summary, str(error)))
        raise
    except OSError as error:
        write_failure = BatchEmotionError(
            f"{error.strerror or error}{f' ({error.filename})' if error.filename else ''}; "
            "mend that and run the same command again, what is committed is kept"
        )
        raise write_failure from error
    return PredictResult("done", summary, _exit_code(summary, options), plan.left_out)


def _score_and_finish(
    out: Path,
    options: PredictOptions,
    plan: Plan,
    bundle: Bundle,
    workspace: Workspace,
    fingerprint: Fingerprint,
    summary: Summary,
    on_progress: OnProgress,
    began: datetime,
) -> None:
    from batch_emotion.engines import local

    cut = list(shards(len(plan), options.shard_size))
    kept = [(shard, first, count) for shard, first, count in cut if workspace.has(shard)]
    counter = _Counter(on_progress, len(plan))
    for shard, first, count in kept:
        counter(workspace.read(shard, first, count))
    if len(kept) < len(cut):
        scorer = _scorer(options, bundle, summary)
        started = time.monotonic()
        summary.scored = local.run(plan, scorer, workspace, options.shard_size, counter)
        summary.seconds = time.monotonic() - started
        del scorer  # gives back the memory of the network before the output is put together
    rows = (workspace.read(*shard) for shard in cut)
    schema = _schema(options, bundle, plan)
    started = time.monotonic()
    with summary.profile.timing("write"):
        write_result(out, summary.counting(rows), schema, _footer(fingerprint, bundle))
    summary.seconds += time.monotonic() - started if summary.scored else 0
    result = {
        "tool": f"batch-emotion {__version__}",
        "fingerprint": asdict(fingerprint),
        "sha256": output_digest(out),
    }
    write_run(out, _told(began, _exit_code(summary, options), summary), result | {"counts": summary.as_dict()})
    workspace.remove()


class _Counter:
    """Adds up images and failures and passes them on."""

    def __init__(self, on_progress: OnProgress, total: int) -> None:
        self._on_progress, self._total, self._done, self._failures = on_progress, total, 0, 0

    def __call__(self, rows: pa.RecordBatch | pa.Table) -> None:
        images = first_rows(rows)
        self._done += images.num_rows
        scorable = pa.compute.is_in(images["status"], value_set=pa.array(SCORABLE, pa.string()))
        self._failures += images.num_rows - pa.compute.sum(scorable).as_py()
        self._on_progress(Progress(self._done, self._total, self._failures))


def _finished(out: Path, fingerprint: Fingerprint, overwrite: bool) -> Summary | None:
    """The summary of the finished output, None where it is to be replaced."""
    result = read_run(out).get("result") or {}
    if overwrite:
        return None
    if not result:
        raise OutputMismatch(
            f"{out} is there already, without the {run_file(out).name} of a run; give --overwrite to replace it"
        )
    differing = fingerprint.differences(result["fingerprint"])
    if differing:
        raise OutputMismatch(
            f"{out} is there already and differs in {'; '.join(differing)}; give --overwrite to replace it"
        )
    if output_digest(out) != result["sha256"]:
        raise OutputMismatch(f"{out} was changed after it was written; give --overwrite to make it anew")
    counts = result["counts"]
    summary = Summary()
    summary.statuses.update(counts["statuses"])
    summary.emotions.update(counts["emotions"])
    summary.faces = counts.get("faces")
    return summary


def _scorer(options: PredictOptions, bundle: Bundle, summary: Summary) -> Scorer:
    with summary.profile.timing("start"):
        import tensorflow  # noqa: F401 - loading it is start-up, not scoring

        from batch_emotion.scoring import Scorer

        summary.threads = options.threads or available_cores()
        runtime = open_runtime(bundle, options.runtime, summary.threads, options.precision)
        summary.runtime = runtime.name
    return Scorer(
        runtime,
        bundle.card.class_names,
        bundle.card.input,
        options.limits,
        options.min_confidence,
        options.batch_size,
        options.full_decode,
        summary.threads,
        summary.profile,
        faces=options.faces,
        look=PhotoWatch() if options.faces is None else None,
    )


def _fingerprint(options: PredictOptions, plan: Plan, bundle: Bundle) -> Fingerprint:
    return Fingerprint(
        plan=plan.digest,
        images=len(plan),
        model=bundle.sha256,
        model_name=bundle.card.name,
        runtime=resolve_runtime(bundle, options.runtime, options.precision),
        decoder=DECODER,
        min_confidence=options.min_confidence,
        max_pixels=options.limits.max_pixels,
        max_bytes=options.limits.max_bytes,
        shard_size=options.shard_size,
        precision=options.precision,
        full_decode=options.full_decode,
        **_of_faces(options.faces),
    )


def _of_faces(faces: FaceOptions | None) -> dict[str, Any]:
    """How faces are found, as fields of the fingerprint."""
    if faces is None:
        return {}
    detector = open_detector(faces.detector_model)
    return {
        "detector": detector.name,
        "detector_sha256": detector.sha256,
        "min_face_size": faces.min_size,
        "max_faces": faces.max_faces,
        "face_margin": detector.margin if faces.margin is None else faces.margin,
    }


def _footer(fingerprint: Fingerprint, bundle: Bundle) -> dict[str, str]:
    height, width = bundle.card.input.image_size
    return {
        "version": __version__,
        "model": bundle.card.name,
        "model_sha256": bundle.sha256,
        "class_names": ",".join(bundle.card.class_names),
        "image_size": f"{height}x{width}",
        "decoder": fingerprint.decoder,
        "jpeg_decoding": "full" if fingerprint.full_decode else "scaled",
        "runtime": fingerprint.runtime,
        "precision": fingerprint.precision,
        "plan": fingerprint.plan,
        **fingerprint.of_faces(),
    }


def _exit_code(summary: Summary, options: PredictOptions) -> ExitCode:
    if options.max_failures is not None and summary.failures > options.max_failures:
        return ExitCode.OVER_THRESHOLD
    return ExitCode.OK


def _told(began: datetime, exit_code: ExitCode, summary: Summary, error: str | None = None) -> dict[str, Any]:
    return {
        "started": began.isoformat(timespec="seconds"),
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "exit_code": int(exit_code),
        "error": error,
        **summary.as_dict(),
    }
