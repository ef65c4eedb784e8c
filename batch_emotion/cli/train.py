"""``train``: a bundle from labelled images, an epoch a line."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from batch_emotion.cli.app import Quiet, command, command_again, line_printer
from batch_emotion.cli.options import given_keys, takes
from batch_emotion.options.declared import values
from batch_emotion.options.train import TrainOptions

if TYPE_CHECKING:
    from batch_emotion.model.card_metrics import CardMetrics


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
    from batch_emotion.training.progress import wrapped

    again = command_again("--resume", "--overwrite", "--quiet", "-q")
    options = replace(options, command=again, given=given_keys(context, values(options)))
    if find_batch_size:
        run_trial(options, typer.echo)
        return
    result = run_train(options, line_printer(quiet))
    if not quiet:
        card = result.bundle.card
        typer.echo(wrapped(f"Written to {options.out}: {worth(card.metrics, card.training['initial'])}"), err=True)


def worth(metrics: CardMetrics, initial: str | None) -> str:
    """How good a network is on its validation images, in words; on those alone that are not in the training data.

    Args:
        metrics: of its card.
        initial: the model it started from, whose training data count too.
    """
    found, fresh = metrics["validation"], metrics.get("validation_without_duplicates")
    judged, known = fresh or found, metrics["in_training"]
    right = f"{judged['accuracy']:.1%} of the validation images right, mean recall {judged['balanced_accuracy']:.1%}"
    if not known:
        return right
    data = f"in the training data{f', its own or that of {initial}' if initial else ''}"
    if fresh is None:
        return f"{right}; but all {known:,} are {data}, so this says nothing about new images"
    are = "is" if known == 1 else "are"
    return (
        f"{right}, without the {known:,} of {found['images']:,} that {are} {data} (with them {found['accuracy']:.1%})"
    )
