"""The commands that need labelled images: ``train`` and ``evaluate``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from batch_emotion.cli.app import (
    Classes,
    Delimiter,
    Encoding,
    Quiet,
    Runtime,
    TrustPickle,
    command,
    root_of,
    show,
)
from batch_emotion.cli.console import ProgressBar
from batch_emotion.cli.options import names_of
from batch_emotion.options.models import MODEL_HELP


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
    runtime: Runtime = "auto",
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
    encoding: Encoding = None,
    delimiter: Delimiter = None,
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
    from batch_emotion.evaluation.table import evaluation_table

    options = EvaluateOptions(
        data,
        out,
        model,
        names_of(classes) if classes else None,
        trust_pickle,
        runtime,
        labels,
        path_column,
        root_of(root),
        votes,
        encoding=encoding,
        delimiter=delimiter,
        batch_size=batch_size,
        seed=seed,
        overwrite=overwrite,
    )
    with ProgressBar(quiet) as bar:
        result = run_evaluate(options, (lambda line: None) if quiet else (lambda line: typer.echo(line, err=True)), bar)
    if not quiet:
        show(evaluation_table(result.evaluation))
        typer.echo(f"Written to {out}", err=True)
