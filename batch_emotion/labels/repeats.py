"""Images that are listed more than once: told where their labels are the same, refused where they are not."""

from __future__ import annotations

import os
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from batch_emotion.errors import UsageError
from batch_emotion.storage.places import Place, is_uri


def check_repeats(origin: str, paths: pa.Array, locations: pa.Array, labels: pa.Array) -> int:
    """How many rows list an image again, each image with one label alone.

    Args:
        origin: what lists them.
        paths: of N rows, as they are written.
        locations: of N rows, what these point at, equal where the image is.
        labels: of N rows, null where there is none; such rows are passed over.

    Raises:
        UsageError: images have different labels; with how many there are, and one of them.
    """
    labelled = pa.table({"location": locations, "label": labels}).drop_null()
    found = labelled.group_by("location", use_threads=False).aggregate([("label", "distinct")])
    several = found.filter(pc.greater(pc.list_value_length(found["label_distinct"]), 1))
    if len(several):
        path = paths[pc.index(locations, several["location"][0]).as_py()].as_py()
        chosen = " and ".join(several["label_distinct"][0].as_py())
        raise UsageError(
            f"{origin} has different labels for the same image in {len(several):,} "
            f"case{'' if len(several) == 1 else 's'}, such as {chosen} for {path}; leave one label for each image"
        )
    return len(labelled) - len(found)


def repeats_remark(rows: int) -> str:
    """What to know of rows that list an image again; empty without such."""
    if not rows:
        return ""
    lists = "1 row lists" if rows == 1 else f"{rows:,} rows list"
    return f"{lists} an image again; every row counts"


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
