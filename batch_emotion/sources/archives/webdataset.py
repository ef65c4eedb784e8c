"""WebDataset's samples: files of one key, their name up to its first dot; those beside an image become columns."""

from __future__ import annotations

import pyarrow as pa

from batch_emotion.sources.archives.listing import FileListing

NEIGHBOURS = (".json", ".cls", ".txt")
"""The extensions of what is carried, each in a column of that name, as the text it is."""


def neighbours(listing: FileListing) -> pa.Table | None:
    """What lies beside each image of a tar, a row for each; None where there is nothing."""
    keys = [_key(listing.name(number)) for number in listing.images()]
    by_key = {(_key(name), name[name.rfind(".") :]): text for name, text in listing.texts.items()}
    columns = {}
    for suffix in NEIGHBOURS:
        column = pa.array([by_key.get((key, suffix)) for key in keys], pa.string())
        if column.null_count < len(column):
            columns[suffix[1:]] = column
    return pa.table(columns) if columns else None


def _key(name: str) -> str:
    folder, slash, file = name.rpartition("/")
    return f"{folder}{slash}{file.partition('.')[0]}"
