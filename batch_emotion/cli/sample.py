"""``sample``: synthetic faces to try things out with."""

from __future__ import annotations

import typer

from batch_emotion.cli.app import command
from batch_emotion.cli.options import takes
from batch_emotion.options.sample import SampleOptions


@command()
@takes(SampleOptions)
def sample(options: SampleOptions) -> None:
    """Draw a small labelled set of synthetic faces, to try things out."""
    from batch_emotion.commands.sample import sample as run_sample

    drawn = run_sample(options)
    typer.echo(f"{drawn} faces drawn in {options.out}, one folder per expression", err=True)
