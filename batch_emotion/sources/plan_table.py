"""Entries to the table of a plan, a chunk at a time."""

from __future__ import annotations

import os
import stat
from array import array
from collections.abc import Iterable
from itertools import islice

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow.lib import StringBuilder

from batch_emotion.plan import PLAN_SCHEMA
from batch_emotion.sources.folder import CHUNK, Entry
from batch_emotion.storage.escaping import unescape_name
from batch_emotion.storage.places import is_uri

_UNKNOWN = -1


def plan_table(entries: Iterable[Entry]) -> pa.Table:
    """The images of a plan, in the order of the entries; ``PLAN_SCHEMA`` has its columns."""
    batches: list[pa.RecordBatch] = []
    first = 0
    remaining = iter(entries)
    while not batches or len(batches[-1]) == CHUNK:
        batches.append(_plan_batch(first, islice(remaining, CHUNK)))
        first += len(batches[-1])
    return pa.Table.from_batches(batches, PLAN_SCHEMA)


def _plan_batch(first: int, entries: Iterable[Entry]) -> pa.RecordBatch:
    paths, locations = StringBuilder(), StringBuilder()
    sizes, mtimes = array("q"), array("q")
    for path, location, facts in entries:
        paths.append(path)
        locations.append(location)
        size, mtime_ns = facts or _file_facts(location)
        sizes.append(size)
        mtimes.append(mtime_ns)
    count = len(paths)
    path, location = paths.finish(), locations.finish()
    known = np.packbits(np.array(sizes) != _UNKNOWN, bitorder="little")
    return pa.RecordBatch.from_arrays(
        [
            _integers(np.arange(first, first + count, dtype=np.int64)),
            path,
            path if path.equals(location) else location,  # one copy in memory where they are the same
            *(_integers(column, known) for column in (sizes, mtimes)),
        ],
        schema=PLAN_SCHEMA,
    )


def _integers(values: NDArray[np.int64] | array[int], known: NDArray[np.uint8] | None = None) -> pa.Array:
    """An Arrow view of the values, with a bitmap of those that are known; ``pa.array`` would import pandas."""
    bitmap = None if known is None else pa.py_buffer(known)
    return pa.Array.from_buffers(pa.int64(), len(values), [bitmap, pa.py_buffer(values)])


def _file_facts(location: str) -> tuple[int, int]:
    """Size and modification time of a regular file; the size is -1 where there is none, and unasked on a store."""
    if is_uri(location):
        return _UNKNOWN, 0
    try:
        facts = os.stat(unescape_name(location))
    except (OSError, ValueError):
        return _UNKNOWN, 0
    if not stat.S_ISREG(facts.st_mode):
        return _UNKNOWN, 0
    return facts.st_size, facts.st_mtime_ns
