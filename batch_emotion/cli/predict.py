"""``predict``: its options from the command line or the environment, and what is said of the outcome."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from batch_emotion._version import DEFAULT_MODEL
from batch_emotion.cli.app import (
    Classes,
    Command,
    DetectorName,
    Model,
    Quiet,
    RuntimeName,
    TrustPickle,
    class_names_of,
    command,
    root_of,
    seconds_of,
)
from batch_emotion.cli.console import ProgressBar, show_rows, show_summary
from batch_emotion.cli.logs import LOG, begin_log, run_id
from batch_emotion.errors import UsageError

if TYPE_CHECKING:
    from batch_emotion.runs.checks import PredictOptions
    from batch_emotion.storage.places import Place

_MIB = 2**20


class _FromEnvironment(Command):
    """A command whose options may also come from ``BATCH_EMOTION_<OPTION>``; its help does not repeat that for each."""

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        settings["context_settings"] = (settings.get("context_settings") or {}) | {
            "auto_envvar_prefix": "BATCH_EMOTION"
        }
        super().__init__(*arguments, **settings)
        for option in self.params:
            vars(option).update(show_envvar=False)


@command(cls=_FromEnvironment)
def predict(
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="SOURCE...",
            help="Directories, image files, globs, one CSV or Parquet manifest, or - for a list on standard input; also as URIs such as s3://bucket/folder.",
        ),
    ],
    out: Annotated[
        str | None,
        typer.Option(
            metavar="PATH|URI",
            help="Where to: .parquet, .csv, or a directory (no extension), here or on s3:// or gs://. Not needed for one image.",
        ),
    ] = None,
    report: Annotated[
        Path | None, typer.Option(help="Write a page about the result here too: .html; see the command report.")
    ] = None,
    model: Model = DEFAULT_MODEL,
    classes: Classes = None,
    runtime: RuntimeName = "auto",
    precision: Annotated[
        Literal["float32", "mixed"],
        typer.Option(help="mixed: compute in float16 where it does little harm, for TensorFlow on a GPU."),
    ] = "float32",
    threads: Annotated[
        int | None, typer.Option(min=1, help="Cores to use; default: all that this process may use.")
    ] = None,
    full_decode: Annotated[
        bool,
        typer.Option("--full-decode", help="Decode every pixel of JPEGs far larger than the model's input."),
    ] = False,
    path_column: Annotated[str, typer.Option(help="The manifest's column that holds the paths.")] = "path",
    root: Annotated[
        str | None,
        typer.Option(help="Where relative paths of a manifest or list start; default: the manifest's folder."),
    ] = None,
    null: Annotated[
        bool, typer.Option("--null", help="Names on standard input end in NUL, as from find -print0.")
    ] = False,
    min_confidence: Annotated[float, typer.Option(help="Below it the emotion is 'uncertain'.")] = 0.0,
    max_failures: Annotated[
        int | None, typer.Option(help="More images that cannot be scored end in exit code 3.")
    ] = None,
    max_pixels: Annotated[int, typer.Option(help="Refuse larger images before decoding them.")] = 100_000_000,
    max_bytes: Annotated[int, typer.Option(help="Refuse larger files.")] = 256 * _MIB,
    faces: Annotated[
        bool, typer.Option("--faces", help="Images are photos: find the faces, one row for each.")
    ] = False,
    detector: DetectorName = "auto",
    detector_model: Annotated[
        Path | None,
        typer.Option(help="YuNet's model: face_detection_yunet_2023mar.onnx from OpenCV's model zoo."),
    ] = None,
    min_face_score: Annotated[
        float | None,
        typer.Option(help="The least score of a face; default: 0.35 for CenterFace, 0.7 for YuNet. Haar counts hits."),
    ] = None,
    min_face_size: Annotated[
        int | None,
        typer.Option(help="The longer side of the smallest face, in pixels of the image; default: 36, Haar 48."),
    ] = None,
    max_faces: Annotated[int, typer.Option(help="Maximum number of faces per image, the largest first.")] = 100,
    face_margin: Annotated[
        float | None,
        typer.Option(
            help="Widen boxes by this part of their side on each side; default: as the training faces are cropped."
        ),
    ] = None,
    annotate: Annotated[
        Path | None, typer.Option(help="Write copies with faces, labels and confidence drawn into this folder.")
    ] = None,
    annotate_limit: Annotated[int, typer.Option(help="At most so many copies.")] = 100,
    batch_size: Annotated[int, typer.Option(help="Images shown to the network at a time.")] = 256,
    shard_size: Annotated[int, typer.Option(help="Images committed at a time.")] = 4096,
    overwrite: Annotated[
        bool,
        typer.Option("--overwrite", help="Replace an output or unfinished run made from something else."),
    ] = False,
    trust_pickle: TrustPickle = False,
    update: Annotated[
        bool, typer.Option(help="Keep the rows of unchanged images; score new and changed ones.")
    ] = False,
    prune: Annotated[bool, typer.Option(help="Drop images that vanished; else their rows are kept, last.")] = False,
    max_prune: Annotated[float, typer.Option(help="Refuse to drop more than this part of the images.")] = 0.2,
    retry_failures: Annotated[bool, typer.Option(help="Score again what could not be scored.")] = False,
    checksum: Annotated[bool, typer.Option(help="Tell by content, not by size and time, what changed.")] = False,
    wait: Annotated[float, typer.Option(help="Seconds to wait for another run on the same output.")] = 0.0,
    time_limit: Annotated[
        str | None, typer.Option(help="Stop at a shard's end after so long, such as 2h or 90m; exit code 4.")
    ] = None,
    task_index: Annotated[
        int | None, typer.Option(help="Score this part of the plan, from 0, into an --out of its own; see merge.")
    ] = None,
    task_count: Annotated[int | None, typer.Option(help="Into how many parts the plan is split.")] = None,
    baseline: Annotated[
        str | None,
        typer.Option(metavar="PATH|URI", help="An earlier result, or its run.json, to measure the drift from."),
    ] = None,
    max_drift: Annotated[float | None, typer.Option(help="More drift, from 0 to 1, ends in exit code 3.")] = None,
    job: Annotated[
        str | None, typer.Option(help="The name of this job in metrics and run.json; default: the output's.")
    ] = None,
    metrics_file: Annotated[
        Path | None, typer.Option(help="Write metrics for the Prometheus node exporter: a .prom file.")
    ] = None,
    log_format: Annotated[
        Literal["text", "json"], typer.Option(help="Of the lines on stderr and in the log.")
    ] = "text",
    log_file: Annotated[
        Path | None, typer.Option(help="Keep a log here: up to 10 MiB, and the five before it as .1 to .5.")
    ] = None,
    engine: Annotated[
        Literal["local", "ray"],
        typer.Option(help="Who scores the shards; ray: workers of Ray Data, here or on a cluster."),
    ] = "local",
    num_workers: Annotated[
        int | None, typer.Option(help="Ray's workers; default: as many as there are cores for.")
    ] = None,
    cpus_per_worker: Annotated[int, typer.Option(help="Cores of each worker.")] = 1,
    gpus_per_worker: Annotated[float, typer.Option(help="GPUs of each worker, or a part of one.")] = 0.0,
    ray_address: Annotated[
        str | None, typer.Option(help="Of a Ray cluster; default: RAY_ADDRESS, else Ray is started here for the run.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be done and write nothing.")] = False,
    quiet: Quiet = False,
) -> None:
    """Score images: one row per image with its emotion, confidence and probabilities."""
    from batch_emotion.commands.predict import predict as run_predict
    from batch_emotion.engines.options import EngineOptions
    from batch_emotion.plan import Task
    from batch_emotion.records import FaceOptions, Limits
    from batch_emotion.results.update import UpdateOptions
    from batch_emotion.runs.annotate import AnnotateOptions
    from batch_emotion.runs.checks import PredictOptions
    from batch_emotion.runs.outcome import ReportingOptions
    from batch_emotion.runs.output import OutputOptions
    from batch_emotion.sources.planning import SourceOptions, is_one_image
    from batch_emotion.storage.places import output_place

    begin_log(log_format, log_file, quiet, dry_run)
    if not update and (prune or retry_failures or checksum):
        raise UsageError("--prune, --retry-failures and --checksum say how to --update; give that too")
    if (task_index is None) != (task_count is None):
        raise UsageError("--task-index and --task-count go together")
    compared_with = None if baseline is None else output_place(baseline)
    face_options = FaceOptions(detector, detector_model, min_face_score, min_face_size, max_faces, face_margin)
    if not faces and face_options != FaceOptions():
        raise UsageError(
            "--detector, --detector-model, --min-face-score, --min-face-size, --max-faces and --face-margin go with "
            "--faces; give that too"
        )
    options = PredictOptions(
        sources=tuple(sources),
        out=None if out is None else output_place(out),
        source=SourceOptions(path_column, root_of(root), null),
        model=model,
        class_names=class_names_of(classes) if classes else None,
        trust_pickle=trust_pickle,
        runtime=runtime,
        precision=precision,
        threads=threads,
        full_decode=full_decode,
        limits=Limits(max_pixels, max_bytes),
        min_confidence=min_confidence,
        batch_size=batch_size,
        shard_size=shard_size,
        overwrite=overwrite,
        max_failures=max_failures,
        task=None if task_index is None or task_count is None else Task(task_index, task_count),
        engine=EngineOptions(engine, num_workers, cpus_per_worker, gpus_per_worker, ray_address),
        output=OutputOptions(
            UpdateOptions(prune, max_prune, retry_failures, checksum) if update else None,
            wait,
            None if time_limit is None else seconds_of("--time-limit", time_limit),
        ),
        report=ReportingOptions(job, metrics_file, compared_with, max_drift, tuple(sys.argv), run_id()),
        faces=face_options if faces else None,
        annotate=AnnotateOptions(annotate, annotate_limit) if annotate else None,
    )
    if dry_run:
        _show_plan(options)
        return
    if out is None and not is_one_image(sources):
        raise UsageError("--out is needed for more than one image; for example --out results.parquet")
    if report is not None:
        _check_report(report, options.out)
    with ProgressBar(quiet or out is None or log_format == "json") as bar:
        result = run_predict(options, bar)
    if result.table is not None:
        show_rows(result.table.to_pylist())
    elif not quiet and log_format == "text":
        show_summary(options, result)
    if report is not None and options.out is not None:
        _write_report(options.out, report, sources, root, quiet)
    for complaint in result.complaints:
        LOG.warning(complaint)
    raise typer.Exit(int(result.exit_code))


def _check_report(page: Path, out: Place | None) -> None:
    """Refuse a page that could not be written before anything is scored."""
    from batch_emotion.commands.report import check_page_target

    if out is None:
        raise UsageError("--report is made from a result; give --out too")
    check_page_target(page)


def _write_report(out: Place, page: Path, sources: list[str], root: str | None, quiet: bool) -> None:
    from batch_emotion.commands.report import ReportOptions
    from batch_emotion.commands.report import report as run_report
    from batch_emotion.sources.planning import manifest_folder

    run_report(ReportOptions(out, page, root=root_of(root) or manifest_folder(sources)))
    if not quiet:
        typer.echo(f"Report: {page}", err=True)


def _show_plan(options: PredictOptions) -> None:
    from batch_emotion.commands.predict import plan_prediction
    from batch_emotion.model.bundle import load_bundle

    plan = plan_prediction(options)
    load_bundle(options.model, options.class_names, options.trust_pickle)
    count = -(-len(plan) // options.shard_size)
    typer.echo(
        f"{len(plan)} images, {plan.total_bytes / _MIB:.1f} MiB, {count} shards of {options.shard_size}; {plan.left_out} files left out for their extension"
    )
