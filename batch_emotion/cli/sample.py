"""The commands on models, ``export`` and ``models``, and ``sample``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from batch_emotion.cli.app import command


@command()
def sample(
    folder: Annotated[Path, typer.Argument(help="The folder to make, or an empty one.")],
    count: Annotated[int, typer.Option(help="Faces of each expression.")] = 20,
    seed: Annotated[int, typer.Option(help="Of every random choice.")] = 0,
) -> None:
    """Draw a small labelled set of synthetic faces, to try things out."""
    from batch_emotion.commands.sample import SampleOptions
    from batch_emotion.commands.sample import sample as run_sample

    drawn = run_sample(SampleOptions(folder, count, seed))
    typer.echo(f"{drawn} faces drawn in {folder}, one folder per expression", err=True)
