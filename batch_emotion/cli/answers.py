"""The rows of a few images as a table on a terminal."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from typing import Any, TextIO

from batch_emotion.cli.class_mix import bar_of
from batch_emotion.storage.escaping import printable

MOST_ANSWERED = 50
"""The most images that are answered on the terminal alone."""
MOST_SHOWN = 20
"""The most images whose rows are also shown where they were written to an output."""

_BAR = 10
_SHORTEST_PATH = 12


def answer_lines(rows: Sequence[dict[str, Any]], stream: TextIO) -> list[str]:
    """A heading and one line for each row: of images the surest first and what failed last, of faces as the result has them.

    Args:
        rows: of a result.
        stream: where the lines go; its encoding and width decide about the bars and how long a path may be.
    """
    rows = [row | {"path": printable(row["path"]), "error": printable(row["error"] or "")} for row in rows]
    with_faces = any("face_index" in row for row in rows)
    heading = ["file", *(["face"] if with_faces else []), "emotion", "confidence"]
    answered = [(row, _cells(row, with_faces)) for row in (rows if with_faces else sorted(rows, key=_rank))]
    scored = [heading, *(cells for row, cells in answered if row["status"] == "ok")]
    widths = [max(len(cells[at]) for cells in scored) for at in range(len(heading))]
    room = shutil.get_terminal_size().columns - sum(widths[1:]) - 2 * len(widths) - _BAR
    widths[0] = max(_SHORTEST_PATH, min(max(len(row["path"]) for row in rows), room))
    lines = [_line(heading, widths)]
    for row, cells in answered:
        bar = bar_of(row["confidence"], _BAR, stream) if row["status"] == "ok" else ""
        lines.append(_line([*cells, bar], widths))
    return lines


def face_in_words(row: dict[str, Any]) -> str:
    """Which face of its image a row is of: its number, and its box as width, height, left and top."""
    return "{face_index} {box_w}x{box_h}+{box_x}+{box_y}".format_map(row)


def _rank(row: dict[str, Any]) -> tuple[bool, float]:
    return row["status"] != "ok", -(row["confidence"] or 0.0)


def _cells(row: dict[str, Any], with_faces: bool) -> list[str]:
    if row["status"] != "ok":
        reason = "no face was found" if row["status"] == "no_face" else f"{row['status']}: {row['error']}"
        return [row["path"], reason]
    face = [face_in_words(row)] if with_faces else []
    return [row["path"], *face, row["emotion"], f"{row['confidence']:.1%}"]


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    path, *others = cells
    if len(path) > widths[0]:
        path = "..." + path[3 - widths[0] :]  # the end tells one from another
    padded = [f"{cell:<{width}}" for cell, width in zip([path, *others], [*widths, 0], strict=False)]
    return "  ".join(padded).rstrip()
