"""The command ``report``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from batch_emotion.cli.app import Delimiter, Encoding, Quiet, command, root_of


@command()
def report(
    result: Annotated[
        str,
        typer.Argument(metavar="RESULT", help="A result of predict: .parquet, .csv or a directory, a path or URI."),
    ],
    out: Annotated[Path, typer.Option(help="The page: .html. An existing page is replaced.")],
    labels: Annotated[
        str | None,
        typer.Option(
            help="A manifest with path and label, 'folders' or 'none'. Default: the column label, else the folders in the paths where most are named like classes."
        ),
    ] = None,
    root: Annotated[
        str | None,
        typer.Option(help="The folder that relative paths start in. Default: the working directory."),
    ] = None,
    encoding: Encoding = None,
    delimiter: Delimiter = None,
    compare: Annotated[
        str | None,
        typer.Option(metavar="PATH|URI", help="Another result of the same images, to show the differences."),
    ] = None,
    group_by: Annotated[
        str | None,
        typer.Option(
            help="Show the class mix for each value of a column, such as camera or day; dates become a time line."
        ),
    ] = None,
    figures: Annotated[Path | None, typer.Option(help="Also write the charts to this folder.")] = None,
    figure_format: Annotated[Literal["png", "svg"], typer.Option(help="The format of these charts.")] = "png",
    json: Annotated[Path | None, typer.Option(help="Also write the numbers to this file.")] = None,
    model: Annotated[
        str | None,
        typer.Option(
            help="The model that made the result, to show where it looks. Default: the bundled model that it names."
        ),
    ] = None,
    explain: Annotated[
        bool, typer.Option("--explain/--no-explain", help="Show where the model looks (Grad-CAM).")
    ] = True,
    quiet: Quiet = False,
) -> None:
    """Make a page about a result: class mix, confidence, faces, failures, and scores where there are labels."""
    from batch_emotion.commands.report import ReportOptions
    from batch_emotion.commands.report import report as run_report
    from batch_emotion.storage.places import output_place

    options = ReportOptions(
        output_place(result),
        out,
        labels,
        root_of(root),
        None if compare is None else output_place(compare),
        group_by,
        figures,
        figure_format,
        json,
        model,
        explain,
        encoding=encoding,
        delimiter=delimiter,
    )
    run_report(options, (lambda line: None) if quiet else (lambda line: typer.echo(line, err=True)))
    if not quiet:
        typer.echo(f"Written to {out}", err=True)
