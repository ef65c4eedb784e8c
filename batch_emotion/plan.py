"""The plan: every image of a run, one row each in the order of the source, and the part of it that is a task's."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from batch_emotion.storage.spool import SpooledTable

PLAN_SCHEMA = pa.schema(
    [
        pa.field("index", pa.int64(), nullable=False),
        pa.field("path", pa.string(), nullable=False),
        pa.field("location", pa.string(), nullable=False),
        pa.field("size", pa.int64()),
        pa.field("mtime_ns", pa.int64()),
    ]
)

PLAN_ROWS = 65_536
"""Images in each batch of a plan but the last, as its digest needs them."""


class TableHash:
    """The sha256 of tables, computed while their rows go by in even batches."""

    def __init__(self) -> None:
        self._sha = hashlib.sha256()

    def begin(self, schema: pa.Schema) -> None:
        """Begin a table of these columns."""
        self._sha.update(str(schema.remove_metadata()).encode())

    def add(self, rows: pa.Table | pa.RecordBatch) -> None:
        """Add the next ``PLAN_ROWS`` rows, or the last ones."""
        for batch in [rows] if isinstance(rows, pa.RecordBatch) else rows.combine_chunks().to_batches():
            if len(batch):
                self._sha.update(batch.serialize())

    def copy(self) -> TableHash:
        """One that has seen the same rows."""
        other = TableHash()
        other._sha = self._sha.copy()
        return other

    def hexdigest(self) -> str:
        """What it is by now."""
        return self._sha.hexdigest()


@dataclass(frozen=True)
class StoredImages:
    """Where the images of a plan are kept, and their hash, where it was computed when they were listed."""

    kept: SpooledTable
    sha: TableHash | None = None


@dataclass(frozen=True)
class Plan:
    """Every image of a run, in the order of the source.

    Attributes:
        images: one row per image, with the columns of ``PLAN_SCHEMA``; a long table is mapped from disk.
        attributes: the manifest's own columns, verbatim, of the same length; no columns where there is no manifest.
        left_out: how many files a walk passed over for their extension.
        stored: where ``images`` are kept, where that is known.
    """

    images: pa.Table
    attributes: pa.Table
    left_out: int = 0
    stored: StoredImages | None = None

    def __len__(self) -> int:
        return int(self.images.num_rows)

    @property
    def total_bytes(self) -> int:
        """Bytes of all files whose size is known."""
        return int(pc.sum(self.images["size"]).as_py() or 0)

    def slice(self, offset: int, length: int) -> Plan:
        """The contiguous part of the plan that starts at row ``offset``; it copies nothing."""
        return Plan(self.images.slice(offset, length), self.attributes.slice(offset, length))

    def repeat(self, rows: NDArray[np.int64]) -> Plan:
        """The plan with these of its rows, each with the number it has here."""
        return Plan(self.images.take(rows), self.attributes.take(rows))

    @cached_property
    def digest(self) -> str:
        """Hex sha256 of all that the plan says, whatever the chunks it is held in."""
        listed = self.stored.sha if self.stored else None
        sha = listed.copy() if listed else TableHash()
        for table in (self.attributes,) if listed else (self.images, self.attributes):
            sha.begin(table.schema)
            for rows in even_slices(table):
                sha.add(rows)
        return sha.hexdigest()

    def release(self) -> None:
        """Give back the memory of what was read of a plan on disk."""
        if self.stored:
            self.stored.kept.release()


def task_rows(images: int, index: int, count: int) -> range:
    """The rows of a plan of so many images that are task ``index`` of ``count``'s."""
    return range(images * index // count, images * (index + 1) // count)


def even_slices(table: pa.Table) -> Iterator[pa.Table]:
    """The rows of a table, ``PLAN_ROWS`` at a time, whatever the chunks it is held in."""
    for start in range(0, table.num_rows, PLAN_ROWS):
        yield table.slice(start, PLAN_ROWS)
