"""``train``: a bundle from labelled images, an epoch a line."""

from __future__ import annotations

from dataclasses import replace

import typer

from batch_emotion.cli.app import Quiet, command, command_again, line_printer
from batch_emotion.cli.options import takes
from batch_emotion.options.train import TrainOptions


@command()
@takes(TrainOptions)
def train(options: TrainOptions, quiet: Quiet = False) -> None:
    """Train a network on labelled images and write it as a bundle."""
    from batch_emotion.commands.train import train as run_train

    again = command_again("--resume", "--overwrite", "--quiet", "-q")
    result = run_train(replace(options, command=again), line_printer(quiet))
    if not quiet:
        accuracy = result.bundle.card.metrics["validation"]["accuracy"]
        typer.echo(f"Written to {options.out}: {accuracy:.1%} of the validation images right", err=True)
