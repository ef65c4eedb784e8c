"""Images that are listed more than once: told where their labels are the same, left out where they are not."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from batch_emotion.storage.places import Place, is_uri


@dataclass(frozen=True)
class Repeats:
    """Which of N rows list an image again.

    Attributes:
        rows: how many do with the label that it has already.
        disputed: bool (N,), the rows of images with different labels.
        images: how many images these are.
        example: one of them with its labels; empty without such.
    """

    rows: int = 0
    disputed: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, bool))
    images: int = 0
    example: str = ""

    def remarks(self) -> list[str]:
        """What to know of them, a line each."""
        return [*disputed_remarks(self.images, self.example), *repeats_remarks(self.rows)]


def find_repeats(paths: pa.Array, locations: pa.Array, labels: pa.Array) -> Repeats:
    """Find the images that are listed more than once.

    Args:
        paths: of N rows, as they are written.
        locations: of N rows, what these point at, equal where the image is.
        labels: of N rows, null where there is none; such rows are passed over.
    """
    labelled = pa.table({"location": locations, "label": labels}).drop_null()
    found = labelled.group_by("location", use_threads=False).aggregate([("label", "distinct"), ("label", "count")])
    several = pc.greater(pc.list_value_length(found["label_distinct"]), 1)
    disputed, agreed = found.filter(several), found.filter(pc.invert(several))
    rows = (pc.sum(agreed["label_count"]).as_py() or 0) - len(agreed)
    if not len(disputed):
        return Repeats(rows, np.zeros(len(paths), bool))
    path = paths[pc.index(locations, disputed["location"][0]).as_py()].as_py()
    example = f"{' and '.join(disputed['label_distinct'][0].as_py())} for {path}"
    among = pc.is_in(locations, value_set=disputed["location"].combine_chunks())
    return Repeats(rows, among.to_numpy(zero_copy_only=False), len(disputed), example)


def disputed_remarks(images: int, example: str) -> list[str]:
    """A line on images that are left out for their different labels; none without such.

    Args:
        images: how many there are.
        example: one of them with its labels.
    """
    if not images:
        return []
    return [f"left out: {images:,} image{'' if images == 1 else 's'} with different labels, such as {example}"]


def repeats_remarks(rows: int) -> list[str]:
    """A line on rows that list an image again; none without such."""
    if not rows:
        return []
    lists = "1 row lists" if rows == 1 else f"{rows:,} rows list"
    return [f"{lists} an image again; every row counts"]


def absolute_locations(paths: pa.Array, root: Place) -> pa.Array:
    """Absolute paths and URIs; only paths with parts such as ``..`` are put in order one by one."""
    start = os.path.abspath(root) if isinstance(root, Path) else str(root)
    absolute = pc.if_else(
        pc.match_substring_regex(paths, r"^(?:/|[A-Za-z][A-Za-z0-9+.-]+://)"),
        paths,
        pc.binary_join_element_wise(start, paths, os.sep),
    )
    crooked = pc.match_substring_regex(absolute, r"/\.|//")
    odd = absolute.filter(crooked).to_pylist()
    straight = pa.array([path if is_uri(path) else os.path.abspath(path) for path in odd], pa.string())
    return pc.replace_with_mask(absolute, pc.fill_null(crooked, False), straight)
