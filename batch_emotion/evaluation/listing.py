"""The mistakes and doubts of an evaluation as its page lists them, with small pictures."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from batch_emotion.cores import available_cores
from batch_emotion.evaluation.rows import ListedRows
from batch_emotion.images.decode import load_image
from batch_emotion.options.images import Limits
from batch_emotion.plan import Plan
from batch_emotion.records import InputSpec
from batch_emotion.visualization.html import shorten, thumbnail_uri

MOST_LISTED = 100
"""So many of either are on the page; the tables beside it hold all."""

_LARGE, _SMALL = InputSpec((96, 96)), InputSpec((48, 48))


@dataclass(frozen=True)
class RowImages:
    """The images of a plan, to be shown small; those that are refused or gone are None."""

    plan: Plan
    limits: Limits

    def thumbnails(self, rows: Sequence[int], *, small: bool = False) -> list[NDArray[np.uint8] | None]:
        """The images of these rows, uint8 (96, 96, 3), or (48, 48, 3) where ``small``."""
        locations, spec = self.plan.images["location"], _SMALL if small else _LARGE
        with ThreadPoolExecutor(available_cores()) as pool:
            return list(pool.map(lambda row: load_image(locations[row].as_py(), spec, self.limits).pixels, rows))


@dataclass(frozen=True)
class ListedLine:
    """One image of the list: its picture as a data URI, what is known of it, and whether it is a mistake, a doubt."""

    uri: str | None
    path: str
    label: str
    predicted: str
    confidence: float
    second: str
    second_confidence: float
    values: tuple[str, ...]
    kinds: tuple[str, ...]
    text: str
    number: str


def listed_lines(rows: ListedRows, images: RowImages) -> list[ListedLine]:
    """The most confident mistakes and the closest doubts, each image once."""
    kinds: dict[int, list[str]] = {}
    for kind, found in (("mistake", rows.mistakes), ("doubt", rows.doubts)):
        for row in found[:MOST_LISTED]:
            kinds.setdefault(int(row), []).append(kind)
    numbers = {name: str(at) for at, name in enumerate(rows.gathered.class_names)}
    table = rows.table.take(pa.array(kinds, pa.int64())).to_pylist()
    pictures = map(thumbnail_uri, images.thumbnails(list(kinds), small=True))
    lines = []
    for each, uri, shown_as in zip(table, pictures, kinds.values(), strict=True):
        values = tuple(shorten("" if each[name] is None else str(each[name]), 60) for name in rows.columns)
        label = shorten(each["label"] or "", 40)
        lines.append(
            ListedLine(
                uri,
                each["path"],
                label,
                each["predicted"],
                each["confidence"],
                each["second"],
                each["second_confidence"],
                values,
                tuple(shown_as),
                " ".join((shorten(each["path"], 200), label, *values)),
                numbers[each["predicted"]],
            )
        )
    return lines
