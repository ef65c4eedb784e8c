"""The command line: parse, make options, call a command, turn the outcome into text and an exit code."""

from __future__ import annotations

import os
import re
import shlex
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_type_hints

import typer
from typer.core import TyperCommand

from batch_emotion import __version__
from batch_emotion.errors import BatchEmotionError, BundleError, ExitCode, SourceError, UsageError
from batch_emotion.logs import LOG, begin_log, run_id

if TYPE_CHECKING:
    from batch_emotion.commands.options import PredictOptions
    from batch_emotion.commands.output import Progress
    from batch_emotion.commands.predict import PredictResult

app = typer.Typer(
    name="batch-emotion",
    help="Batch facial emotion recognition: a folder of faces in, one row per image out.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

_MODEL = "A bundled model's name, a bundle's folder, or a .keras or .h5 file (with --classes)."
_MIB = 2**20


def run(arguments: list[str]) -> int:
    """Run the command line and give its exit code; a failed run is one line on stderr."""
    begin_log()
    try:
        code = app(arguments, prog_name="batch-emotion", standalone_mode=True)
    except SystemExit as stop:
        code = stop.code
    except BatchEmotionError as error:
        LOG.error(str(error), extra={"fields": {"exit_code": int(error.exit_code)}})
        return int(error.exit_code)
    except Exception as error:
        if os.environ.get("BATCH_EMOTION_DEBUG"):
            raise
        text = " ".join(str(error).split())
        LOG.error(
            f"unexpected {type(error).__name__}: {text}; what is committed is kept, "
            "BATCH_EMOTION_DEBUG=1 shows the traceback"
        )
        return int(ExitCode.FAILED)
    return code if isinstance(code, int) else int(ExitCode.OK)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"batch-emotion {__version__}")
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Batch facial emotion recognition: a folder of faces in, one row per image out."""


class _FromEnvironment(TyperCommand):
    """A command whose options may also come from ``BATCH_EMOTION_<OPTION>``; its help does not repeat that for each."""

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        settings["context_settings"] = (settings.get("context_settings") or {}) | {
            "auto_envvar_prefix": "BATCH_EMOTION"
        }
        super().__init__(*arguments, **settings)
        for option in self.params:
            vars(option).update(show_envvar=False)


@app.command(cls=_FromEnvironment)
def predict(
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="SOURCE...",
            help="Directories, image files, globs, one CSV or Parquet manifest, or - for a list on standard input.",
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(help="Where to: .parquet, .csv, or a directory (no extension). Not needed for one image."),
    ] = None,
    report: Annotated[
        Path | None, typer.Option(help="Write a page about the result here too: .html; see the command report.")
    ] = None,
    model: Annotated[str, typer.Option(help=_MODEL)] = "emotion-6",
    classes: Annotated[
        str | None,
        typer.Option(help="The classes of a .keras or .h5 file, in the order of its outputs, with commas."),
    ] = None,
    runtime: Annotated[
        Literal["auto", "onnx", "tensorflow"],
        typer.Option(help="What runs the network; auto: ONNX Runtime on a CPU, TensorFlow on a GPU."),
    ] = "auto",
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
        Path | None,
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
    detector_model: Annotated[
        Path | None, typer.Option(help="Find faces with this YuNet model (.onnx); default: OpenCV's Haar cascade.")
    ] = None,
    min_face_size: Annotated[
        int, typer.Option(help="The smallest face, in pixels of the image; larger is faster.")
    ] = 48,
    max_faces: Annotated[int, typer.Option(help="Take only so many faces of an image, the largest.")] = 100,
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
    trust_pickle: Annotated[
        bool, typer.Option("--trust-pickle", help="Load a pickled model, which can run any code.")
    ] = False,
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
        Path | None, typer.Option(help="An earlier result, or its run.json, to measure the drift from.")
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
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be done and write nothing.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing unless something is wrong.")] = False,
) -> None:
    """Score images: one row per image with its emotion, confidence and probabilities."""
    from batch_emotion.commands.annotate import AnnotateOptions
    from batch_emotion.commands.options import PredictOptions
    from batch_emotion.commands.output import OutputOptions
    from batch_emotion.commands.predict import predict as run_predict
    from batch_emotion.commands.reporting import ReportingOptions
    from batch_emotion.images.sources import SourceOptions, is_one_image
    from batch_emotion.records import FaceOptions, Limits, Task
    from batch_emotion.results.update import UpdateOptions

    begin_log(log_format, log_file, quiet, dry_run)
    if not update and (prune or retry_failures or checksum):
        raise UsageError("--prune, --retry-failures and --checksum say how to --update; give that too")
    if (task_index is None) != (task_count is None):
        raise UsageError("--task-index and --task-count go together")
    face_options = FaceOptions(detector_model, min_face_size, max_faces, face_margin)
    if not faces and face_options != FaceOptions():
        raise UsageError(
            "--detector-model, --min-face-size, --max-faces and --face-margin go with --faces; give that too"
        )
    options = PredictOptions(
        sources=tuple(sources),
        out=out,
        source=SourceOptions(path_column, root, null),
        model=model,
        class_names=_names(classes) if classes else None,
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
        output=OutputOptions(
            UpdateOptions(prune, max_prune, retry_failures, checksum) if update else None,
            wait,
            None if time_limit is None else _seconds("--time-limit", time_limit),
        ),
        report=ReportingOptions(job, metrics_file, baseline, max_drift, tuple(sys.argv), run_id()),
        faces=face_options if faces else None,
        annotate=AnnotateOptions(annotate, annotate_limit) if annotate else None,
    )
    if dry_run:
        _show_plan(options)
        return
    if out is None and not is_one_image(sources):
        raise UsageError("--out is needed for more than one image; for example --out results.parquet")
    if report is not None:
        _check_report(report, out)
    with _ProgressBar(quiet or out is None or log_format == "json") as bar:
        result = run_predict(options, bar)
    if result.table is not None:
        _show_rows(result.table.to_pylist())
    elif not quiet and log_format == "text":
        _show_summary(options, result)
    if report is not None and out is not None:
        _write_report(out, report, sources, root, quiet)
    for complaint in result.complaints:
        LOG.warning(complaint)
    raise typer.Exit(int(result.exit_code))


def _check_report(page: Path, out: Path | None) -> None:
    """Refuse a page that could not be written before anything is scored."""
    from batch_emotion.commands.report import check_page_target

    if out is None:
        raise UsageError("--report is made from a result; give --out too")
    check_page_target(page)


def _write_report(out: Path, page: Path, sources: list[str], root: Path | None, quiet: bool) -> None:
    from batch_emotion.commands.report import ReportOptions
    from batch_emotion.commands.report import report as run_report
    from batch_emotion.images.sources import manifest_folder

    run_report(ReportOptions(out, page, root=root or manifest_folder(sources)))
    if not quiet:
        typer.echo(f"Report: {page}", err=True)


@app.command("run", context_settings={"ignore_unknown_options": True, "allow_extra_args": True})
def run_job(
    context: typer.Context,
    job: Annotated[Path, typer.Argument(metavar="JOB", help="A TOML file; its keys are the options of predict.")],
    check: Annotated[
        bool, typer.Option("--check", help="Show the options, where each comes from, and the plan; run nothing.")
    ] = False,
) -> None:
    """Run predict with the options of a job file.

    Any option of predict may follow JOB. The command line comes first, then the environment (BATCH_EMOTION_<OPTION>),
    then the file, then the default.
    """
    from batch_emotion.commands.jobfile import job_context, option_lines

    command: Any = typer.main.get_command(app).commands["predict"]  # type: ignore[attr-defined]
    kinds = get_type_hints(predict)
    scoring = job_context(command, kinds, job, context.args)
    with scoring:
        if check:
            typer.echo("\n".join(option_lines(scoring, kinds, job)))
            scoring.params["dry_run"] = True
        try:
            command.invoke(scoring)
        except SourceError as error:
            raise SourceError(f"{job}: sources: {error}") from None
        except BundleError as error:
            raise BundleError(f"{job}: model: {error}") from None


def _show_plan(options: PredictOptions) -> None:
    from batch_emotion.commands.predict import plan_prediction
    from batch_emotion.model.bundle import load_bundle

    plan = plan_prediction(options)
    load_bundle(options.model, options.class_names, options.trust_pickle)
    count = -(-len(plan) // options.shard_size)
    typer.echo(
        f"{len(plan)} images, {plan.total_bytes / _MIB:.1f} MiB, {count} shards of {options.shard_size}; {plan.left_out} files left out for their extension"
    )


def _seconds(option: str, text: str) -> float:
    """The seconds of ``90``, ``45s``, ``90m``, ``2h``, ``1d`` or a sum of such as ``1h30m``."""
    units = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400}
    if not re.fullmatch(r"\s*([\d.]+[smhd]\s*)+|\s*[\d.]+\s*", text):
        raise UsageError(f"{option} must be a time such as 2h, 90m, 1h30m or 45s, not {text!r}")
    return sum(float(number) * units[unit] for number, unit in re.findall(r"([\d.]+)([smhd]?)", text))


_LOG_EVERY_S = 10.0


class _ProgressBar:
    """tqdm on a terminal, a plain line now and then elsewhere, and a line in the log."""

    def __init__(self, silent: bool) -> None:
        self._silent, self._bar, self._logged = silent, None, time.monotonic()

    def __enter__(self) -> _ProgressBar:
        return self

    def __exit__(self, *exception: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def __call__(self, progress: Progress) -> None:
        if time.monotonic() - self._logged >= _LOG_EVERY_S:
            self._logged = time.monotonic()
            LOG.info("progress", extra={"fields": asdict(progress)})
        if self._silent:
            return
        bar = self._bar = self._bar or self._make(progress)
        bar.set_postfix(failures=progress.failures, refresh=False)
        bar.update(progress.done - bar.n)
        if progress.done == progress.total:
            bar.close()

    @staticmethod
    def _make(progress: Progress) -> Any:
        from tqdm import tqdm

        plain = not sys.stderr.isatty()
        return tqdm(
            total=progress.total,
            unit=" images",
            file=sys.stderr,
            mininterval=10 if plain else 0.2,
            ascii=plain,
            bar_format="{n_fmt}/{total_fmt} images, {rate_fmt}{postfix}\n" if plain else None,
            dynamic_ncols=not plain,
        )


def _show_summary(options: PredictOptions, result: PredictResult) -> None:
    from batch_emotion.results.terminal import mix_lines

    summary = result.summary
    if result.outcome == "nothing to do":
        typer.echo(f"Nothing to do: {options.out} is there, made from the same images in the same way.", err=True)
        return
    counts = ", ".join(f"{count} {status}" for status, count in summary.statuses.most_common())
    faces = "" if summary.faces is None else f"; {summary.faces} faces"
    say = [f"{summary.images} images: {counts or 'there is nothing in the manifest'}{faces}"]
    if summary.emotions:
        say += mix_lines(summary.emotions, sys.stderr)
    if result.left_out:
        say.append(f"{result.left_out} files were left out for their extension")
    if summary.scored:
        say.append(
            f"{summary.images_per_second:,.0f} images/s over {summary.seconds:.1f} s, {summary.runtime}, {summary.threads} threads"
        )
        say.append("seconds: " + ", ".join(f"{stage} {spent:.1f}" for stage, spent in vars(summary.profile).items()))
    if summary.update:
        told = {name: count for name, count in asdict(summary.update).items() if count}
        say.append("Update: " + ", ".join(f"{count} {name}" for name, count in told.items()))
    if summary.drift:
        say.append(f"Drift from {options.report.baseline}: {summary.drift.largest:.3f}")
    say.append(f"Written to {options.out}")
    typer.echo("\n".join(say), err=True)


def _show_rows(rows: list[dict[str, Any]]) -> None:
    for row in rows:
        if row["status"] == "no_face":
            typer.echo(f"{row['path']}: no face was found")
            continue
        if row["status"] != "ok":
            raise BatchEmotionError(f"{row['path']} is {row['status']}: {row['error']}")
        at = "{box_w}x{box_h}+{box_x}+{box_y}: ".format_map(row) if "face_index" in row else ""
        typer.echo(f"{row['path']}: {at}{row['emotion']} ({row['confidence']:.1%})")
        chances = {key.removeprefix("p_"): value for key, value in row.items() if key.startswith("p_")}
        for name, value in sorted(chances.items(), key=lambda pair: -pair[1]):
            typer.echo(f"  {name:<10} {value:6.1%}")


@app.command()
def merge(
    parts: Annotated[list[Path], typer.Argument(metavar="PART...", help="The Parquet results of all tasks.")],
    out: Annotated[Path, typer.Option(help="Where to: .parquet, .csv, or a directory (no extension).")],
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace what is there.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing unless something is wrong.")] = False,
) -> None:
    """Join the results of --task-index and --task-count to the one that a single run would make."""
    from batch_emotion.commands.merge import MergeOptions
    from batch_emotion.commands.merge import merge as run_merge
    from batch_emotion.commands.reporting import ReportingOptions

    report = ReportingOptions(arguments=tuple(sys.argv), run_id=run_id())
    summary = run_merge(MergeOptions(tuple(parts), out, overwrite, report))
    if not quiet:
        typer.echo(f"{summary.rows} rows of {len(parts)} parts written to {out}", err=True)


@app.command()
def train(
    data: Annotated[
        Path,
        typer.Argument(
            help="One folder per class, train/ and val/ with those inside, or a manifest with path and label or votes."
        ),
    ],
    out: Annotated[Path, typer.Option(help="The bundle's folder.")],
    arch: Annotated[str, typer.Option(help="The network: seed-cnn or pyramid.")] = "seed-cnn",
    classes: Annotated[
        str, typer.Option(help="The classes, in the order of the outputs, with commas.")
    ] = "angry,disgust,fear,happy,sad,surprise",
    validation: Annotated[
        Path | None, typer.Option(help="Labelled data to validate on; default: val/ or a part of DATA.")
    ] = None,
    validation_split: Annotated[
        float, typer.Option(min=0.01, max=0.9, help="The part of every class put aside for validation.")
    ] = 0.2,
    path_column: Annotated[str, typer.Option(help="The manifest's column of paths.")] = "path",
    root: Annotated[
        Path | None, typer.Option(help="What a manifest's relative paths start from; default: its folder.")
    ] = None,
    label_weight: Annotated[
        float,
        typer.Option(min=0.0, max=1.0, help="With votes and labels both: the part of a target the label decides."),
    ] = 0.0,
    initial: Annotated[
        str | None, typer.Option("--from", help="Start from this model's weights; outputs are matched by class name.")
    ] = None,
    epochs: Annotated[int, typer.Option(min=1, help="Passes over the training images.")] = 25,
    batch_size: Annotated[int, typer.Option(min=1, help="Images in a step.")] = 32,
    optimizer: Annotated[
        Literal["adam", "sgd"], typer.Option(help="Adam, or SGD with Nesterov momentum 0.9.")
    ] = "adam",
    learning_rate: Annotated[float, typer.Option(help="Of the optimizer, at its highest.")] = 1e-3,
    schedule: Annotated[
        Literal["constant", "cosine"], typer.Option(help="Constant, or up in one epoch and down along a cosine.")
    ] = "constant",
    weight_decay: Annotated[
        float, typer.Option(min=0.0, help="Shrink kernels by this times the rate, each step.")
    ] = 0.0,
    label_smoothing: Annotated[
        float, typer.Option(min=0.0, max=0.9, help="Spread this part of every target over all classes.")
    ] = 0.0,
    ema: Annotated[
        float, typer.Option(min=0.0, max=0.99999, help="Keep a running average of the weights with this momentum.")
    ] = 0.0,
    flip: Annotated[bool, typer.Option(help="Mirror every second image.")] = True,
    rotation: Annotated[float, typer.Option(min=0.0, help="Turn images by up to so many degrees.")] = 10.0,
    shift: Annotated[float, typer.Option(min=0.0, help="Move images by up to this part of their side.")] = 0.1,
    zoom: Annotated[float, typer.Option(min=0.0, max=0.9, help="Zoom in and out by up to this part.")] = 0.1,
    brightness: Annotated[float, typer.Option(min=0.0, help="Brighten and darken by up to this part.")] = 0.0,
    contrast: Annotated[float, typer.Option(min=0.0, help="Raise and lower the contrast by up to this part.")] = 0.0,
    erase: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Grey out a rectangle of up to this part of each side.")
    ] = 0.0,
    mixup: Annotated[float, typer.Option(min=0.0, help="Blend pairs of images; the Beta distribution's alpha.")] = 0.0,
    class_weights: Annotated[bool, typer.Option("--class-weights", help="Weigh every class alike.")] = False,
    precision: Annotated[
        Literal["float32", "mixed"], typer.Option(help="Mixed: bfloat16 arithmetic; the bundle is float32.")
    ] = "float32",
    summary: Annotated[str, typer.Option(help="One line on the model for its card.")] = "",
    about: Annotated[
        Path | None,
        typer.Option(
            help="A TOML file for the card: the licence, and a table data with name, source, licence, faults."
        ),
    ] = None,
    patience: Annotated[
        int | None,
        typer.Option(min=1, help="Stop after so many epochs without a better validation loss, and keep the best."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of every random choice.")] = 0,
    resume: Annotated[bool, typer.Option("--resume", help="Carry on from the last checkpoint.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a bundle that is there.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing unless something is wrong.")] = False,
) -> None:
    """Train a network on labelled images and write it as a bundle."""
    from batch_emotion.commands.train import TrainOptions
    from batch_emotion.commands.train import train as run_train
    from batch_emotion.images.labelled import LabelOptions
    from batch_emotion.images.sources import SourceOptions
    from batch_emotion.model.about import About, read_about
    from batch_emotion.model.augmentation import Augmentation
    from batch_emotion.model.training import Recipe

    options = TrainOptions(
        data,
        out,
        arch,
        _names(classes),
        validation,
        validation_split,
        LabelOptions(SourceOptions(path_column, root), label_weight),
        initial,
        Recipe(
            epochs=epochs,
            batch_size=batch_size,
            optimizer=optimizer,
            learning_rate=learning_rate,
            schedule=schedule,
            weight_decay=weight_decay,
            label_smoothing=label_smoothing,
            ema=ema,
            augmentation=Augmentation(flip, rotation, shift, zoom, brightness, contrast, erase, mixup),
            class_weights=class_weights,
            precision=precision,
            patience=patience,
            seed=seed,
        ),
        resume=resume,
        overwrite=overwrite,
        summary=summary,
        about=read_about(about) if about else About(),
        command=_command_again("--resume", "--overwrite", "--quiet", "-q"),
    )
    result = run_train(options, (lambda line: None) if quiet else (lambda line: typer.echo(line, err=True)))
    if not quiet:
        accuracy = result.bundle.card.metrics["validation"]["accuracy"]
        typer.echo(f"Written to {out}: {accuracy:.1%} of the validation images right", err=True)


@app.command()
def evaluate(
    data: Annotated[
        Path,
        typer.Argument(
            help="Labelled images as for train, of which val/ is taken where there is one, or a result of predict."
        ),
    ],
    out: Annotated[Path, typer.Option(help="The evaluation's folder.")],
    model: Annotated[
        str | None,
        typer.Option(help=f"{_MODEL} Default: that of predict; for a result, the bundled model that made it."),
    ] = None,
    classes: Annotated[
        str | None,
        typer.Option(help="The classes of a .keras or .h5 file, in the order of its outputs, with commas."),
    ] = None,
    runtime: Annotated[
        Literal["auto", "onnx", "tensorflow"],
        typer.Option(help="What runs the network; auto: ONNX Runtime on a CPU, TensorFlow on a GPU."),
    ] = "auto",
    labels: Annotated[
        Path | None,
        typer.Option(
            help="For a result: a manifest with path and label; default: its column label, or the folders in its paths."
        ),
    ] = None,
    path_column: Annotated[str, typer.Option(help="A manifest's column of paths.")] = "path",
    root: Annotated[
        Path | None,
        typer.Option(
            help="Where relative paths start; default: the manifest's folder, or, of a result, the working directory."
        ),
    ] = None,
    votes: Annotated[
        Path | None,
        typer.Option(help="A table with a file and how many people chose each class, to measure agreement with them."),
    ] = None,
    batch_size: Annotated[int, typer.Option(min=1, help="Images shown to the network at a time.")] = 256,
    seed: Annotated[int, typer.Option(min=0, help="Of the bootstrap.")] = 0,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an evaluation that is there.")] = False,
    trust_pickle: Annotated[
        bool, typer.Option("--trust-pickle", help="Load a pickled model, which can run any code.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing unless something is wrong.")] = False,
) -> None:
    """Measure how good a model is: scores with intervals, pictures and a page."""
    from batch_emotion.commands.evaluate import EvaluateOptions
    from batch_emotion.commands.evaluate import evaluate as run_evaluate
    from batch_emotion.results.evaluation_table import evaluation_table

    options = EvaluateOptions(
        data,
        out,
        model,
        _names(classes) if classes else None,
        trust_pickle,
        runtime,
        labels,
        path_column,
        root,
        votes,
        batch_size=batch_size,
        seed=seed,
        overwrite=overwrite,
    )
    with _ProgressBar(quiet) as bar:
        result = run_evaluate(options, (lambda line: None) if quiet else (lambda line: typer.echo(line, err=True)), bar)
    if not quiet:
        typer.echo(evaluation_table(result.evaluation))
        typer.echo(f"Written to {out}", err=True)


@app.command()
def report(
    result: Annotated[Path, typer.Argument(help="A result of predict: .parquet, .csv, or a directory of parts.")],
    out: Annotated[Path, typer.Option(help="The page: .html. A page that is there is replaced.")],
    labels: Annotated[
        str | None,
        typer.Option(
            help="A manifest with path and label, 'folders' or 'none'. Default: the column label, or the folders in the paths where most are named like classes."
        ),
    ] = None,
    root: Annotated[
        Path | None,
        typer.Option(help="Where the result's relative paths start; default: the working directory."),
    ] = None,
    compare: Annotated[
        Path | None, typer.Option(help="Another result of the same images, to show what differs.")
    ] = None,
    group_by: Annotated[
        str | None,
        typer.Option(help="A column, such as camera or day: the class mix for each value; dates become a time line."),
    ] = None,
    figures: Annotated[Path | None, typer.Option(help="Write the charts into this folder too.")] = None,
    figure_format: Annotated[Literal["png", "svg"], typer.Option(help="Of these charts.")] = "png",
    json: Annotated[Path | None, typer.Option(help="Write the numbers to this file too.")] = None,
    model: Annotated[
        str | None,
        typer.Option(help="The model that made the result, to show where it looks; default: the bundled one it names."),
    ] = None,
    explain: Annotated[
        bool, typer.Option("--explain/--no-explain", help="Show where the model looks (Grad-CAM).")
    ] = True,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing unless something is wrong.")] = False,
) -> None:
    """Make a page about a result: class mix, confidence, faces, failures, and scores where there are labels."""
    from batch_emotion.commands.report import ReportOptions
    from batch_emotion.commands.report import report as run_report

    options = ReportOptions(result, out, labels, root, compare, group_by, figures, figure_format, json, model, explain)
    run_report(options, (lambda line: None) if quiet else (lambda line: typer.echo(line, err=True)))
    if not quiet:
        typer.echo(f"Written to {out}", err=True)


@app.command()
def explain(
    images: Annotated[
        list[str],
        typer.Argument(metavar="IMAGE...", help="Image files, directories, globs, or one manifest."),
    ],
    out: Annotated[Path, typer.Option(help="A folder for the pictures, or for one image a .png.")],
    model: Annotated[str, typer.Option(help=_MODEL)] = "seed-cnn",
    classes: Annotated[
        str | None,
        typer.Option(help="The classes of a .keras or .h5 file, in the order of its outputs, with commas."),
    ] = None,
    target: Annotated[str | None, typer.Option(help="Ask about this class; default: what the model says.")] = None,
    layer: Annotated[
        str | None, typer.Option(help="The layer whose maps are used; default: the last that keeps height and width.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace pictures that are there.")] = False,
    trust_pickle: Annotated[
        bool, typer.Option("--trust-pickle", help="Load a pickled model, which can run any code.")
    ] = False,
) -> None:
    """Show where in an image the model looks (Grad-CAM): a picture for each image."""
    from batch_emotion.commands.explain import ExplainOptions
    from batch_emotion.commands.explain import explain as run_explain

    options = ExplainOptions(
        tuple(images),
        out,
        model,
        _names(classes) if classes else None,
        trust_pickle,
        target.strip().lower() if target else None,
        layer,
        overwrite=overwrite,
    )
    for each in run_explain(options):
        if each.picture is None:
            typer.echo(f"{each.path} is {each.status}: {each.error}", err=True)
        else:
            typer.echo(f"{each.path}: {each.emotion} ({each.confidence:.1%}), {each.picture}")


@app.command()
def export(
    model: Annotated[str, typer.Argument(help="A bundled model's name, or a bundle's folder.")],
    out: Annotated[Path, typer.Option(help="The file, or the folder of a SavedModel.")],
    format: Annotated[Literal["h5", "joblib", "keras", "savedmodel", "onnx"], typer.Option(help="What to write.")],
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace what is there.")] = False,
) -> None:
    """Write a model's network in another format."""
    from batch_emotion.commands.export import ExportOptions
    from batch_emotion.commands.export import export as run_export

    run_export(ExportOptions(model, format, out, overwrite))
    typer.echo(f"Written to {out}", err=True)


@app.command()
def models(
    name: Annotated[str | None, typer.Argument(help="Show this model's card: a name, or a bundle's folder.")] = None,
    verify: Annotated[bool, typer.Option("--verify", help="Check every sha256 and every golden prediction.")] = False,
) -> None:
    """List the bundled models, show a card, or verify them."""
    from batch_emotion.model.bundle import bundled_models, load_bundle

    bundles = [load_bundle(each) for each in ([name] if name else bundled_models())]
    if verify:
        from batch_emotion.commands.models import verify as run_verify

        outcomes = {bundle.card.name: run_verify(bundle) for bundle in bundles}
        for each, outcome in outcomes.items():
            gaps = ", ".join(f"{runtime} within {gap:.1e}" for runtime, gap in outcome.deviations.items())
            detail = gaps or f"changed or missing: {', '.join(outcome.damaged)}"
            typer.echo(f"{each}: {'ok' if outcome.passed else 'FAILED'} ({detail})")
        if not all(outcome.passed for outcome in outcomes.values()):
            raise typer.Exit(int(ExitCode.FAILED))
    elif name:
        _show_card(bundles[0].card)
    else:
        for bundle in bundles:
            card = bundle.card
            typer.echo(f"{card.name}: {card.summary}")
            typer.echo(f"  {', '.join(card.class_names)}; {card.parameters:,} parameters; " + _accuracies(card.metrics))


def _show_card(card: Any) -> None:
    height, width = card.input.image_size
    typer.echo(f"{card.name}: {card.summary}\n")
    typer.echo(f"classes     {', '.join(card.class_names)}")
    typer.echo(f"input       {height}x{width} {card.input.color_mode}, {card.input.interpolation}, {card.input.fit}")
    typer.echo(f"parameters  {card.parameters:,}")
    typer.echo(f"accuracy    {_accuracies(card.metrics)}\n")
    typer.echo(f"{'layer':<20} {'type':<14} {'output shape':<20} {'parameters':>10}")
    for layer in card.layers:
        shape = ", ".join(str(side) for side in layer["output_shape"])
        typer.echo(f"{layer['name']:<20} {layer['type']:<14} {shape:<20} {layer['parameters']:>10,}")


def _accuracies(metrics: dict[str, Any]) -> str:
    return ", ".join(
        f"{side} {figures['accuracy']:.1%}" for side, figures in metrics.items() if side in ("training", "validation")
    )


@app.command()
def sample(
    folder: Annotated[Path, typer.Argument(help="The folder to make, or an empty one.")],
    count: Annotated[int, typer.Option(help="Faces of each expression.")] = 20,
    seed: Annotated[int, typer.Option(help="Of every random choice.")] = 0,
) -> None:
    """Draw a small labelled set of synthetic faces, to try things out."""
    from batch_emotion.commands.sample import SampleOptions
    from batch_emotion.commands.sample import sample as run_sample

    drawn = run_sample(SampleOptions(folder, count, seed))
    typer.echo(f"{drawn} faces drawn in {folder}, one folder per expression", err=True)


def _command_again(*without: str) -> str:
    """The command line of this process, for a shell, without the options that only mattered this time."""
    return shlex.join(["batch-emotion", *(argument for argument in sys.argv[1:] if argument not in without)])


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip().lower() for name in text.split(","))
