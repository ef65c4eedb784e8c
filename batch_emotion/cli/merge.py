"""The commands on results: ``merge``, ``report``, and ``explain``."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from batch_emotion.cli.app import Quiet, command
from batch_emotion.cli.logs import run_id


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
    from batch_emotion.runs.outcome import ReportingOptions
    from batch_emotion.storage.places import output_place

    report = ReportingOptions(arguments=tuple(sys.argv), run_id=run_id())
    to = output_place(out)
    summary = run_merge(MergeOptions(tuple(map(output_place, parts)), to, overwrite, report))
    if not quiet:
        typer.echo(f"{summary.rows} rows of {len(parts)} parts written to {to}", err=True)
