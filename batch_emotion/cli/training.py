"""The commands that need labelled images: ``train`` and ``evaluate``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from batch_emotion.cli.app import (
    MODEL_HELP,
    Classes,
    Quiet,
    RuntimeName,
    TrustPickle,
    class_names_of,
    command,
    command_again,
    root_of,
)
from batch_emotion.cli.telling import ProgressBar


@command()
def train(
    data: Annotated[
        Path,
        typer.Argument(
            help="One folder per class, train/ and val/ with those inside, or a manifest with path and label or votes."
        ),
    ],
    out: Annotated[Path, typer.Option(help="The bundle's folder.")],
    arch: Annotated[str, typer.Option(help="The network: seed-cnn, pyramid or wide-pyramid.")] = "seed-cnn",
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
        str | None, typer.Option(help="What a manifest's relative paths start from; default: its folder.")
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
    blur: Annotated[
        float, typer.Option(min=0.0, help="Blur every second image; the largest standard deviation in pixels.")
    ] = 0.0,
    shrink: Annotated[
        float,
        typer.Option(min=0.0, max=0.95, help="Shrink every second image by up to this part, and enlarge it again."),
    ] = 0.0,
    jpeg: Annotated[
        int,
        typer.Option(
            min=0, max=99, help="Compress every second image as JPEG, with a quality of 100 down to 100 minus this."
        ),
    ] = 0,
    gamma: Annotated[
        float,
        typer.Option(min=0.0, help="Darken and brighten by a gamma of up to this, and down to 1 over it; 0 is off."),
    ] = 0.0,
    mixup: Annotated[float, typer.Option(min=0.0, help="Blend pairs of images; the Beta distribution's alpha.")] = 0.0,
    balance: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Draw images of rare classes more often; 1: all classes alike.")
    ] = 0.0,
    teacher: Annotated[
        str | None,
        typer.Option(help="Learn from the probabilities of these models, too: names or folders, with commas."),
    ] = None,
    teacher_weight: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="The part of a target that the teachers decide.")
    ] = 0.5,
    class_weights: Annotated[bool, typer.Option("--class-weights", help="Weigh every class alike.")] = False,
    precision: Annotated[
        Literal["float32", "mixed"], typer.Option(help="Mixed: bfloat16 arithmetic; the bundle is float32.")
    ] = "float32",
    mirror: Annotated[
        bool,
        typer.Option("--mirror", help="Have the finished network see each image and its mirror image; twice the cost."),
    ] = False,
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
    quiet: Quiet = False,
) -> None:
    """Train a network on labelled images and write it as a bundle."""
    from batch_emotion.commands.train import TrainOptions
    from batch_emotion.commands.train import train as run_train
    from batch_emotion.images.labelled import LabelOptions
    from batch_emotion.images.sources import SourceOptions
    from batch_emotion.model.about import About, read_about
    from batch_emotion.model.augmentation import Augmentation
    from batch_emotion.model.degradation import Degradation
    from batch_emotion.model.training import Recipe

    options = TrainOptions(
        data,
        out,
        arch,
        class_names_of(classes),
        validation,
        validation_split,
        LabelOptions(SourceOptions(path_column, root_of(root)), label_weight),
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
            degradation=Degradation(blur, shrink, jpeg, gamma),
            balance=balance,
            class_weights=class_weights,
            precision=precision,
            mirror=mirror,
            patience=patience,
            seed=seed,
        ),
        teachers=_names(teacher),
        teacher_weight=teacher_weight,
        resume=resume,
        overwrite=overwrite,
        summary=summary,
        about=read_about(about) if about else About(),
        command=command_again("--resume", "--overwrite", "--quiet", "-q"),
    )
    result = run_train(options, (lambda line: None) if quiet else (lambda line: typer.echo(line, err=True)))
    if not quiet:
        accuracy = result.bundle.card.metrics["validation"]["accuracy"]
        typer.echo(f"Written to {out}: {accuracy:.1%} of the validation images right", err=True)


def _names(text: str | None) -> tuple[str, ...]:
    return tuple(filter(None, map(str.strip, (text or "").split(","))))


@command()
def evaluate(
    data: Annotated[
        Path,
        typer.Argument(
            help="Labelled images as for train, of which val/ is taken where there is one, or a result of predict: "
            "a file or a directory."
        ),
    ],
    out: Annotated[Path, typer.Option(help="The evaluation's folder.")],
    model: Annotated[
        str | None,
        typer.Option(help=f"{MODEL_HELP} Default: that of predict; for a result, the bundled model that made it."),
    ] = None,
    classes: Classes = None,
    runtime: RuntimeName = "auto",
    labels: Annotated[
        str | None,
        typer.Option(
            help="For a result: a manifest with path and label, or 'folders'; default: its column label, or the folders in its paths."
        ),
    ] = None,
    path_column: Annotated[str, typer.Option(help="A manifest's column of paths.")] = "path",
    root: Annotated[
        str | None,
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
    trust_pickle: TrustPickle = False,
    quiet: Quiet = False,
) -> None:
    """Measure how good a model is: scores with intervals, pictures and a page."""
    from batch_emotion.commands.evaluate import EvaluateOptions
    from batch_emotion.commands.evaluate import evaluate as run_evaluate
    from batch_emotion.results.evaluation_table import evaluation_table

    options = EvaluateOptions(
        data,
        out,
        model,
        class_names_of(classes) if classes else None,
        trust_pickle,
        runtime,
        labels,
        path_column,
        root_of(root),
        votes,
        batch_size=batch_size,
        seed=seed,
        overwrite=overwrite,
    )
    with ProgressBar(quiet) as bar:
        result = run_evaluate(options, (lambda line: None) if quiet else (lambda line: typer.echo(line, err=True)), bar)
    if not quiet:
        typer.echo(evaluation_table(result.evaluation))
        typer.echo(f"Written to {out}", err=True)
