"""The command line: parse, make options, call a command, turn the outcome into text and an exit code."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from batch_emotion import __version__
from batch_emotion.errors import BatchEmotionError, ExitCode, UsageError

if TYPE_CHECKING:
    from batch_emotion.commands.predict import PredictOptions, PredictResult, Progress

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
    try:
        code = app(arguments, prog_name="batch-emotion", standalone_mode=True)
    except SystemExit as stop:
        code = stop.code
    except BatchEmotionError as error:
        typer.echo(f"batch-emotion: error: {error}", err=True)
        return int(error.exit_code)
    except Exception as error:
        if os.environ.get("BATCH_EMOTION_DEBUG"):
            raise
        text = " ".join(str(error).split())
        typer.echo(
            f"batch-emotion: unexpected {type(error).__name__}: {text}; what is committed is kept, "
            "BATCH_EMOTION_DEBUG=1 shows the traceback",
            err=True,
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


@app.command()
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
    model: Annotated[str, typer.Option(help=_MODEL)] = "seed-cnn",
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
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be done and write nothing.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing unless something is wrong.")] = False,
) -> None:
    """Score images: one row per image with its emotion, confidence and probabilities."""
    from batch_emotion.commands.annotate import AnnotateOptions
    from batch_emotion.commands.predict import PredictOptions, plan_prediction
    from batch_emotion.commands.predict import predict as run_predict
    from batch_emotion.images.sources import SourceOptions
    from batch_emotion.records import FaceOptions, Limits

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
        faces=face_options if faces else None,
        annotate=AnnotateOptions(annotate, annotate_limit) if annotate else None,
    )
    if dry_run:
        plan = plan_prediction(options)
        count = -(-len(plan) // shard_size)
        typer.echo(
            f"{len(plan)} images, {plan.total_bytes / _MIB:.1f} MiB, {count} shards of {shard_size}; {plan.left_out} files left out for their extension"
        )
        return
    if out is None and not (len(sources) == 1 and Path(sources[0]).is_file()):
        raise UsageError("--out is needed for more than one image; for example --out results.parquet")
    with _ProgressBar(quiet or out is None) as bar:
        result = run_predict(options, bar)
    if result.table is not None:
        _show_rows(result.table.to_pylist())
    elif not quiet:
        _show_summary(options, result)
    raise typer.Exit(int(result.exit_code))


class _ProgressBar:
    """tqdm on a terminal, a plain line now and then elsewhere."""

    def __init__(self, silent: bool) -> None:
        self._silent, self._bar, self._first = silent, None, 0

    def __enter__(self) -> _ProgressBar:
        return self

    def __exit__(self, *exception: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def __call__(self, progress: Progress) -> None:
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
    summary = result.summary
    if result.outcome == "nothing to do":
        typer.echo(f"Nothing to do: {options.out} is there, made from the same images in the same way.", err=True)
        return
    say = [
        f"{summary.images} images: "
        + ", ".join(f"{count} {status}" for status, count in summary.statuses.most_common())
        + ("" if summary.faces is None else f"; {summary.faces} faces")
    ]
    if summary.emotions:
        width = max(map(len, summary.emotions))
        scored = summary.emotions.total()
        say += [
            f"  {name:<{width}} {count:>9,} {count / scored:6.1%}" for name, count in summary.emotions.most_common()
        ]
    if result.left_out:
        say.append(f"{result.left_out} files were left out for their extension")
    if summary.scored:
        say.append(
            f"{summary.images_per_second:,.0f} images/s over {summary.seconds:.1f} s, {summary.runtime}, {summary.threads} threads"
        )
        say.append("seconds: " + ", ".join(f"{stage} {spent:.1f}" for stage, spent in vars(summary.profile).items()))
    say.append(f"Written to {options.out}")
    if result.exit_code is ExitCode.OVER_THRESHOLD:
        say.append(f"{summary.failures} failures are more than --max-failures {options.max_failures}")
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
    root: Annotated[
        Path | None,
        typer.Option(help="For a result: where its relative paths start; default: the working directory."),
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


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip().lower() for name in text.split(","))
