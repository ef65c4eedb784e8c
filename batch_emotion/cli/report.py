"""The commands on results: ``merge``, ``report``, and ``explain``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from batch_emotion.cli.app import Delimiter, Encoding, Quiet, command, root_of


@command()
def report(
    result: Annotated[
        str,
        typer.Argument(metavar="RESULT", help="A result of predict, a path or URI: .parquet, .csv, or a directory."),
    ],
    out: Annotated[Path, typer.Option(help="The page: .html. A page that is there is replaced.")],
    labels: Annotated[
        str | None,
        typer.Option(
            help="A manifest with path and label, 'folders' or 'none'. Default: the column label, or the folders in the paths where most are named like classes."
        ),
    ] = None,
    root: Annotated[
        str | None,
        typer.Option(help="Where the result's relative paths start; default: the working directory."),
    ] = None,
    encoding: Encoding = None,
    delimiter: Delimiter = None,
    compare: Annotated[
        str | None,
        typer.Option(metavar="PATH|URI", help="Another result of the same images, to show what differs."),
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
