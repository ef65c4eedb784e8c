"""``export``: a model's network to a file."""

from __future__ import annotations

import typer

from batch_emotion.cli.app import command
from batch_emotion.cli.options import takes
from batch_emotion.options.export import ExportOptions


@command()
@takes(ExportOptions)
def export(options: ExportOptions) -> None:
    """Write a model's network in another format."""
    from batch_emotion.commands.export import export as run_export

    run_export(options)
    typer.echo(f"Written to {options.out}", err=True)
