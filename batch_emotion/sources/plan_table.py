"""Entries to the table of a plan, and a plan to part of it, some rows at a time."""

from __future__ import annotations

import os
import stat
from array import array
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow.lib import StringBuilder

from batch_emotion.plan import PLAN_ROWS, PLAN_SCHEMA, Plan, StoredImages, TableHash
from batch_emotion.sources.folder import Entry
from batch_emotion.storage.escaping import unescape_name
from batch_emotion.storage.places import is_uri
from batch_emotion.storage.spool import RowTaker, Spool, spooled

_UNKNOWN = -1


def plan_table(entries: Iterable[Entry], folder: Path | None = None) -> StoredImages:
    """The images of a plan, in the order of the entries; ``PLAN_SCHEMA`` has its columns.

    Args:
        entries: the images; only some of them are in memory at a time.
        folder: where a long table is kept on disk; that for temporary files where None.
    """
    remaining = iter(entries)

    def batches() -> Iterator[pa.RecordBatch]:
        first = 0
        while len(batch := _plan_batch(first, islice(remaining, PLAN_ROWS))):
            yield batch
            first += len(batch)

    return stored_images(batches(), PLAN_SCHEMA, folder)


def part_of(plan: Plan, rows: NDArray[np.int64] | range, folder: Path | None = None) -> Plan:
    """The plan of these rows alone, numbered anew from 0.

    Args:
        plan: the whole one.
        rows: int64 (N,), the rows of it.
        folder: where a long plan is kept on disk; that for temporary files where None.
    """

    def taken(table: pa.Table) -> Iterator[pa.Table]:
        taker = RowTaker(table)
        for first in range(0, len(rows), PLAN_ROWS):
            yield taker.take(np.asarray(rows[first : first + PLAN_ROWS], np.int64))

    def numbered() -> Iterator[pa.Table]:
        first = 0
        for part in taken(plan.images):
            index = _integers(np.arange(first, first + len(part), dtype=np.int64))
            yield part.set_column(0, PLAN_SCHEMA.field("index"), [index])
            first += len(part)

    attributes = plan.attributes
    attributes = spooled(taken(attributes), attributes.schema, folder).table if attributes.column_names else attributes
    images = stored_images(numbered(), plan.images.schema, folder)
    if not plan.attributes.column_names:
        attributes = images.kept.table.select([])
    return Plan(images.kept.table, attributes, plan.left_out, images)


def stored_images(rows: Iterable[pa.Table | pa.RecordBatch], schema: pa.Schema, folder: Path | None) -> StoredImages:
    """Images kept and hashed on the way, given ``PLAN_ROWS`` at a time."""
    spool, sha = Spool(schema, folder), TableHash()
    sha.begin(schema)
    for each in rows:
        spool.write(each)
        sha.add(each)
    return StoredImages(spool.finish(), sha)


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
    has_size = np.array(sizes, np.int64) != _UNKNOWN
    has_time = has_size | (np.array(mtimes, np.int64) != 0)
    return pa.RecordBatch.from_arrays(
        [
            _integers(np.arange(first, first + count, dtype=np.int64)),
            path,
            path if path.equals(location) else location,  # one copy in memory where they are the same
            _integers(sizes, np.packbits(has_size, bitorder="little")),
            _integers(mtimes, np.packbits(has_time, bitorder="little")),
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
