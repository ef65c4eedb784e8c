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

    exported = run_export(options)
    if exported.agreement is not None:
        typer.echo(
            f"In integers it predicts the same class for {exported.agreement:.1%} of {exported.compared} other faces",
            err=True,
        )
    typer.echo(f"Written to {exported.out}", err=True)
