"""WebDataset's samples: files of one key, their name up to its first dot; those beside an image become columns."""

from __future__ import annotations

import pyarrow as pa

from batch_emotion.sources.archives.listing import FileListing, split_key

NEIGHBOURS = (".json", ".cls", ".txt")
"""All after the first dot of what is carried, as the text it is."""

COLUMNS = tuple(suffix[1:] for suffix in NEIGHBOURS)
"""The columns that it is carried in."""


def neighbours(listing: FileListing) -> pa.Table:
    """What lies beside each image of a tar, a row for each, null where there is nothing."""
    keys = [split_key(listing.name(number))[0] for number in listing.images()]
    by_key = {split_key(name): text for name, text in listing.texts.items()}
    columns = [pa.array([by_key.get((key, suffix)) for key in keys], pa.string()) for suffix in NEIGHBOURS]
    return pa.table(columns, list(COLUMNS))
