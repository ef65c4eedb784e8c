"""The course of a training as lines of at most 80 columns, one for each epoch."""

from __future__ import annotations

import textwrap

from batch_emotion.errors import spelled
from batch_emotion.training.checkpoints import Epoch
from batch_emotion.training.fit import Pace

HEAD = (
    "              training             validation",
    "  epoch     loss  accuracy    loss  accuracy  recall  images/s    time     left",
)
"""The two lines above those of the epochs; ``recall`` is the mean over the classes."""


def epoch_line(line: Epoch, pace: Pace, epochs: int) -> str:
    """The line of one epoch: both sides' figures, images a second, the time it took, and what is left at that pace."""
    number = f"{line['epoch']:.0f}/{epochs}"
    validation = " " * 26
    if "val_loss" in line:
        recall = _percent(line["val_mean_recall"], 6)
        validation = f"{line['val_loss']:>8.4f}  {_percent(line['val_accuracy'])}  {recall}"
    return (
        f"{number:>7}  {line['loss']:>7.4f}  {_percent(line['accuracy'])}{validation}  "
        f"{pace.images_per_second:>8,.0f} {clock(pace.seconds):>7} {clock(pace.seconds_left):>8}"
    )


def _percent(value: float, width: int = 8) -> str:
    return f"{value:>{width}.1%}"


def clock(seconds: float) -> str:
    """A time as ``0:07``, ``12:34`` or ``1:02:03``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def wrapped(text: str) -> str:
    """A text in lines of 79 columns, those after the first set in."""
    return "\n".join(
        textwrap.wrap(spelled(text), 79, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)
    )
