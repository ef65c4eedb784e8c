"""``train``: a bundle from labelled images, an epoch a line."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import typer

from batch_emotion.cli.app import Quiet, command, command_again, line_printer
from batch_emotion.cli.options import given_keys, takes
from batch_emotion.options.declared import values
from batch_emotion.options.train import TrainOptions


@command()
@takes(TrainOptions)
def train(
    options: TrainOptions,
    context: typer.Context,
    find_batch_size: Annotated[
        bool,
        typer.Option(
            "--find-batch-size",
            help="Time some steps with batches of different sizes, say which to take, and stop.",
            rich_help_panel="Run",
        ),
    ] = False,
    quiet: Quiet = False,
) -> None:
    """Train a network on labelled images and write it as a bundle."""
    from batch_emotion.commands.batch_size import find_batch_size as run_trial
    from batch_emotion.commands.train import train as run_train

    again = command_again("--resume", "--overwrite", "--quiet", "-q")
    options = replace(options, command=again, given=given_keys(context, values(options)))
    if find_batch_size:
        run_trial(options, typer.echo)
        return
    result = run_train(options, line_printer(quiet))
    if not quiet:
        found = result.bundle.card.metrics["validation"]
        typer.echo(
            f"Written to {options.out}: {found['accuracy']:.1%} of the validation images right, "
            f"mean recall {found['balanced_accuracy']:.1%}",
            err=True,
        )
