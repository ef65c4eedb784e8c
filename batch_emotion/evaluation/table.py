"""An evaluation on the terminal: a table of at most 80 columns."""

from __future__ import annotations

import textwrap

from batch_emotion.evaluation.document import Evaluation, left_out_alarm
from batch_emotion.evaluation.page import score_rows
from batch_emotion.visualization.html import percent, shorten

_WIDTH = 80
_HEADS = ("all images", "without duplicates")


def evaluation_table(evaluation: Evaluation) -> str:
    """What was left out for its label, loudly; the scores with their intervals, with and without training images."""
    rows = score_rows(evaluation)
    sides = max(len(cells) for _, cells in rows)
    heading = f"{evaluation['model']['name']} on {evaluation['data']['name']}"
    alarm = textwrap.wrap(left_out_alarm(evaluation), _WIDTH)
    lines = [*alarm, ""] if alarm else []
    heads = "".join(f"{head:>27}" for head in _HEADS[:sides])
    lines += [shorten(heading, _WIDTH), "", f"{'':<24}{heads}"]
    for name, cells in rows:
        texts = [f"{value} ({interval})" if interval else value for value, interval in cells]
        lines.append(f"{name:<24}" + "".join(f"{text:>27}" for text in texts))
    duplicates = evaluation["in_training"]["images"]
    if duplicates is not None:
        lines += ["", f"{duplicates:,} of the images are in the training data too."]
    for label, each in evaluation["left_out"].items():
        most = max(each["predicted"], key=lambda name: each["predicted"][name])
        share = each["predicted"][most] / each["images"]
        text = (
            f"{label} ({each['images']:,}): mostly predicted as {most} ({percent(share, 0)}), "
            f"mean confidence {percent(each['mean_confidence'], 0)}"
        )
        lines += textwrap.wrap(text, _WIDTH, subsequent_indent="  ")
    return "\n".join(lines)
