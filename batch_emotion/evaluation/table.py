"""An evaluation on the terminal: a table of at most 80 columns."""

from __future__ import annotations

from typing import Any

from batch_emotion.evaluation.page import score_rows
from batch_emotion.visualization.html import percent

_WIDTH = 80
_HEADS = ("all images", "without duplicates")


def evaluation_table(evaluation: dict[str, Any]) -> str:
    """The scores with their intervals, with and without images of the training data, and what was left out."""
    rows = score_rows(evaluation)
    sides = max(len(cells) for _, cells in rows)
    heading = f"{evaluation['model']['name']} on {evaluation['data']['name']}"
    lines = [heading, "", f"{'':<24}" + "".join(f"{head:>27}" for head in _HEADS[:sides])]
    for name, cells in rows:
        texts = [f"{value} ({interval})" if interval else value for value, interval in cells]
        lines.append(f"{name:<24}" + "".join(f"{text:>27}" for text in texts))
    found = evaluation["in_training"]["images"]
    if found is not None:
        lines += ["", f"{found:,} of the images stand in the training data too."]
    for label, told in evaluation["left_out"].items():
        most = max(told["said"], key=lambda name: told["said"][name])
        share = told["said"][most] / told["images"]
        lines.append(
            f"{label} ({told['images']:,}): mostly said to be {most} ({percent(share, 0)}), "
            f"mean confidence {percent(told['mean_confidence'], 0)}"
        )
    return "\n".join(line[:_WIDTH] for line in lines)
