"""A result as a notebook shows it: the counts, the class mix, and the first rows with their faces."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from batch_emotion.options.images import Limits
from batch_emotion.reporting.samples import Sample
from batch_emotion.reporting.thumbnails import SampleImages
from batch_emotion.results.summary import Summary
from batch_emotion.visualization.html import render, thumbnail_uri
from batch_emotion.visualization.palette import class_colours

MOST_ROWS = 8
_UNCERTAIN = "#bbbbbb"
_BOX = ("box_x", "box_y", "box_w", "box_h")


def result_html(
    summary: Summary, rows: Sequence[Mapping[str, Any]], locations: Sequence[str], limits: Limits, out: str | None
) -> str:
    """A piece of HTML that needs nothing else.

    Args:
        summary: the counts.
        rows: the first rows.
        locations: of the first images, at least of those that the rows are of.
        limits: what is refused when images are read.
        out: where the result is; None where it is in memory only.
    """
    samples = [_sample(number, row) for number, row in enumerate(rows)]
    located = {number: locations[image] for number, image in enumerate(_images(rows)) if image < len(locations)}
    pictures = SampleImages(Path(), limits, located=located).thumbnails(
        sample for sample in samples if sample.row in located and sample.status == "ok"
    )
    shown = [
        (row, thumbnail_uri(pictures.get(number)) if number in pictures else None) for number, row in enumerate(rows)
    ]
    names = [name.removeprefix("p_") for name in rows[0] if name.startswith("p_")] if rows else []
    return render(
        "batch_emotion.reporting",
        "notebook.html.j2",
        summary=summary,
        most=max(summary.emotions.values(), default=1),
        colours=dict.fromkeys(summary.emotions, _UNCERTAIN) | class_colours(names),
        rows=shown,
        out=out,
    )


def _images(rows: Sequence[Mapping[str, Any]]) -> Iterator[int]:
    """Which image each row is of, from 0: each but the largest face's row belongs to the image before it."""
    image = -1
    for row in rows:
        image += not row.get("face_index")
        yield image


def _sample(number: int, row: Mapping[str, Any]) -> Sample:
    size, box = (row["width"], row["height"]), tuple(row.get(name) for name in _BOX)
    return Sample(
        number,
        row["path"] or "",
        row["status"],
        size=None if None in size else size,
        box=None if None in box else box,  # type: ignore[arg-type]
    )
