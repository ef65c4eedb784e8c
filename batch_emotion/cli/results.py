"""The commands on results: ``merge``, ``report``, and ``explain``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from batch_emotion import DEFAULT_MODEL
from batch_emotion.cli.app import (
    Classes,
    Delimiter,
    Encoding,
    Model,
    Quiet,
    TrustPickle,
    class_names_of,
    command,
    root_of,
)
from batch_emotion.logs import run_id


@command()
def merge(
    parts: Annotated[list[str], typer.Argument(metavar="PART...", help="The Parquet results of all tasks.")],
    out: Annotated[
        str,
        typer.Option(
            metavar="PATH|URI",
            help="Where to: .parquet, .csv, or a directory (no extension), here or on s3:// or gs://.",
        ),
    ],
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace what is there.")] = False,
    quiet: Quiet = False,
) -> None:
    """Join the results of --task-index and --task-count to the one that a single run would make."""
    from batch_emotion.commands.merge import MergeOptions
    from batch_emotion.commands.merge import merge as run_merge
    from batch_emotion.commands.reporting import ReportingOptions
    from batch_emotion.storage.remote import output_place

    report = ReportingOptions(arguments=tuple(sys.argv), run_id=run_id())
    to = output_place(out)
    summary = run_merge(MergeOptions(tuple(map(output_place, parts)), to, overwrite, report))
    if not quiet:
        typer.echo(f"{summary.rows} rows of {len(parts)} parts written to {to}", err=True)


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
    from batch_emotion.storage.remote import output_place

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


@command()
def explain(
    images: Annotated[
        list[str],
        typer.Argument(metavar="IMAGE...", help="Image files, directories, globs, or one manifest."),
    ],
    out: Annotated[Path, typer.Option(help="A folder for the pictures, or for one image a .png.")],
    model: Model = DEFAULT_MODEL,
    classes: Classes = None,
    target: Annotated[str | None, typer.Option(help="Ask about this class; default: what the model says.")] = None,
    layer: Annotated[
        str | None, typer.Option(help="The layer whose maps are used; default: the last that keeps height and width.")
    ] = None,
    encoding: Encoding = None,
    delimiter: Delimiter = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace pictures that are there.")] = False,
    trust_pickle: TrustPickle = False,
) -> None:
    """Show where in an image the model looks (Grad-CAM): a picture for each image."""
    from batch_emotion.commands.explain import ExplainOptions
    from batch_emotion.commands.explain import explain as run_explain

    options = ExplainOptions(
        tuple(images),
        out,
        model,
        class_names_of(classes) if classes else None,
        trust_pickle,
        target.strip().lower() if target else None,
        layer,
        overwrite=overwrite,
        encoding=encoding,
        delimiter=delimiter,
    )
    for each in run_explain(options):
        if each.picture is None:
            typer.echo(f"{each.path} is {each.status}: {each.error}", err=True)
        else:
            typer.echo(f"{each.path}: {each.emotion} ({each.confidence:.1%}), {each.picture}")
