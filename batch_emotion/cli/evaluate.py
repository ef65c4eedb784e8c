"""The command ``evaluate``."""

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
from batch_emotion.options.models import MODEL_HELP, ONLY_HELP


@command()
def evaluate(
    data: Annotated[
        Path,
        typer.Argument(
            metavar="DATA",
            help="Labelled images as for train (only val/ where there are train/ and val/), or a result of predict: "
            "a file or a directory.",
        ),
    ],
    out: Annotated[Path, typer.Option(help="The folder for the evaluation.")],
    model: Annotated[
        str | None,
        typer.Option(help=f"{MODEL_HELP} Default: that of predict; for a result, the bundled model that made it."),
    ] = None,
    classes: Classes = None,
    runtime: Runtime = "auto",
    only: Annotated[str | None, typer.Option(metavar="NAMES", help=ONLY_HELP)] = None,
    labels: Annotated[
        str | None,
        typer.Option(
            help="For a result: a manifest with path and label, or 'folders'. Default: its column label, else the folders in its paths."
        ),
    ] = None,
    path_column: Annotated[str, typer.Option(help="The column of a manifest that holds the paths.")] = "path",
    root: Annotated[
        str | None,
        typer.Option(
            help="The folder that relative paths start in. Default: the manifest's; for a result, the working directory."
        ),
    ] = None,
    encoding: Encoding = None,
    delimiter: Delimiter = None,
    votes: Annotated[
        Path | None,
        typer.Option(
            help="A table with a column file and, for each class, how many people chose it, to measure agreement with them."
        ),
    ] = None,
    batch_size: Annotated[int, typer.Option(min=1, help="Images per batch.")] = 256,
    seed: Annotated[int, typer.Option(min=0, help="Random seed.")] = 0,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an existing evaluation.")] = False,
    trust_pickle: TrustPickle = False,
    quiet: Quiet = False,
) -> None:
    """Measure how good a model is: scores with intervals, charts and a page."""
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
        names_of(only) if only else None,
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
