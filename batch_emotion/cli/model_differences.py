"""``models --diff``: what sets two models apart, as a table on the terminal."""

from __future__ import annotations

import shutil
import textwrap

from batch_emotion.model.differences import Difference, Differences

_GAP = 2
_WIDEST = 120


def difference_lines(found: Differences, names: tuple[str, str]) -> list[str]:
    """The table, two columns for the two models, and below it what is said in sentences.

    Args:
        found: what differs.
        names: the heading of each column.
    """
    width = min(shutil.get_terminal_size().columns, _WIDEST)
    facts = max((len(each.fact) for each in found.facts), default=0)
    first = min(facts, width // 3)
    widths = [first, *[(width - first - 2 * _GAP) // 2] * 2]
    lines = _row(["", *names], widths) if found.facts else []
    heading = ""
    for each in found.facts:
        if each.heading != heading:
            heading = each.heading
            lines += ["", heading]
        lines += _row(_cells(each), widths)
    closing = [found.weights]
    if found.same:
        closing.append(f"The same: {', '.join(found.same)}.")
    for sentence in closing:
        lines += ["", *textwrap.wrap(sentence, width)]
    return lines if found.facts else lines[1:]


def _cells(difference: Difference) -> list[str]:
    return [difference.fact, difference.first or "-", difference.second or "-"]


def _row(cells: list[str], widths: list[int]) -> list[str]:
    wrapped = [textwrap.wrap(cell, width) or [""] for cell, width in zip(cells, widths, strict=True)]
    height = max(map(len, wrapped))
    columns = [lines + [""] * (height - len(lines)) for lines in wrapped]
    gap = " " * _GAP
    return [
        gap.join(f"{text:<{width}}" for text, width in zip(line, widths, strict=True)).rstrip()
        for line in zip(*columns, strict=True)
    ]
