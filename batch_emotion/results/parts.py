"""The files of an unfinished run, read where they may be damaged."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from batch_emotion.errors import one_line
from batch_emotion.records import FACE_SCHEMA
from batch_emotion.results.schema import with_rolls
from batch_emotion.storage.places import Place, readable

_LOG = logging.getLogger("batch_emotion")


def read_whole(part: Place) -> pa.Table | None:
    """The rows of a part; None where it is damaged.

    Raises:
        OSError: it cannot be read now, and may well be whole.
    """
    try:
        table = pq.read_table(readable(part), partitioning=None)
    except (OSError, pa.ArrowException) as error:
        if isinstance(error, OSError) and (error.errno is not None or not isinstance(part, Path)):
            raise
        _LOG.warning(f"{part} is damaged ({one_line(error)}); its images are scored again")
        return None
    return with_rolls(table) if FACE_SCHEMA.names[0] in table.column_names else table


def covers(part: pa.Table, first: int, count: int) -> bool:
    """Whether a part has rows of each of ``count`` images from ``first``, and of no others."""
    found = pc.unique(part["index"]).to_numpy()
    return len(found) == count and found.min() == first and found.max() == first + count - 1


def read_json(file: Place) -> dict[str, Any] | None:
    """The object in a JSON file; None where there is none, or it is damaged."""
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    return document if isinstance(document, dict) else None
