"""The commands on models, ``export`` and ``models``, and ``sample``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from batch_emotion.cli.app import command


@command()
def export(
    model: Annotated[str, typer.Argument(help="A bundled model's name, or a bundle's folder.")],
    out: Annotated[Path, typer.Option(help="The file, or the folder of a SavedModel.")],
    format: Annotated[Literal["h5", "joblib", "keras", "savedmodel", "onnx"], typer.Option(help="What to write.")],
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace what is there.")] = False,
) -> None:
    """Write a model's network in another format."""
    from batch_emotion.commands.export import ExportOptions
    from batch_emotion.commands.export import export as run_export

    run_export(ExportOptions(model, format, out, overwrite))
    typer.echo(f"Written to {out}", err=True)
