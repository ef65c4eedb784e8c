"""``merge``: the results of tasks to one result."""

from __future__ import annotations

import sys
from dataclasses import replace

import typer

from batch_emotion.cli.app import Quiet, RecordedCommand, command
from batch_emotion.cli.logs import run_id
from batch_emotion.cli.options import takes
from batch_emotion.options.merge import MergeOptions
from batch_emotion.options.runs import Caller


@command(cls=RecordedCommand)
@takes(MergeOptions)
def merge(options: MergeOptions, quiet: Quiet = False) -> None:
    """Join the results of --task-index and --task-count to the one that a single run would make."""
    from batch_emotion.commands.merge import merge as run_merge

    summary = run_merge(replace(options, caller=Caller(tuple(sys.argv), run_id())))
    if not quiet:
        typer.echo(f"{summary.rows} rows of {len(options.parts)} parts written to {options.out}", err=True)
