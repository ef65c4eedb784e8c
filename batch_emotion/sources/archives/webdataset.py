"""WebDataset's samples: files of one key, their name up to its first dot; those beside an image become columns."""

from __future__ import annotations

import pyarrow as pa

from batch_emotion.sources.archives.listing import FileListing

NEIGHBOURS = (".json", ".cls", ".txt")
"""The extensions of what is carried, as the text it is."""

COLUMNS = tuple(suffix[1:] for suffix in NEIGHBOURS)
"""The columns that it is carried in."""


def neighbours(listing: FileListing) -> pa.Table:
    """What lies beside each image of a tar, a row for each, null where there is nothing."""
    keys = [_key(listing.name(number)) for number in listing.images()]
    by_key = {(_key(name), name[name.rfind(".") :]): text for name, text in listing.texts.items()}
    columns = [pa.array([by_key.get((key, suffix)) for key in keys], pa.string()) for suffix in NEIGHBOURS]
    return pa.table(columns, list(COLUMNS))


def _key(name: str) -> str:
    folder, slash, file = name.rpartition("/")
    return f"{folder}{slash}{file.partition('.')[0]}"
