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

PLAN_SCHEMA = pa.schema(
    [
        pa.field("index", pa.int64(), nullable=False),
        pa.field("path", pa.string(), nullable=False),
        pa.field("location", pa.string(), nullable=False),
        pa.field("size", pa.int64()),
        pa.field("mtime_ns", pa.int64()),
    ]
)


@dataclass(frozen=True)
class Plan:
    """Every image of a run, in the order of the source.

    Attributes:
        images: one row per image, with the columns of ``PLAN_SCHEMA``.
        attributes: the manifest's own columns, verbatim, of the same length; no columns where there is no manifest.
        left_out: how many files a walk passed over for their extension.
    """

    images: pa.Table
    attributes: pa.Table
    left_out: int = 0

    def __len__(self) -> int:
        return int(self.images.num_rows)

    @property
    def total_bytes(self) -> int:
        """Bytes of all files whose size is known."""
        return int(pc.sum(self.images["size"]).as_py() or 0)

    def slice(self, offset: int, length: int) -> Plan:
        """The contiguous part of the plan that starts at row ``offset``; it copies nothing."""
        return Plan(self.images.slice(offset, length), self.attributes.slice(offset, length))

    def take(self, rows: NDArray[np.int64]) -> Plan:
        """The plan of these rows alone, numbered anew from 0."""
        images, attributes = self.images.take(rows), self.attributes.take(rows)
        return Plan(images.set_column(0, PLAN_SCHEMA.field("index"), [_numbers(len(rows))]), attributes, self.left_out)

    def repeat(self, rows: NDArray[np.int64]) -> Plan:
        """The plan with these of its rows, each with the number it has here."""
        return Plan(self.images.take(rows), self.attributes.take(rows))

    @cached_property
    def digest(self) -> str:
        """Hex sha256 of all that the plan says, whatever the chunks it is held in."""
        sha = hashlib.sha256()
        for table in (self.images, self.attributes):
            sha.update(str(table.schema.remove_metadata()).encode())
            for batch in _even_batches(table):
                sha.update(batch.serialize())
        return sha.hexdigest()


def task_rows(images: int, index: int, count: int) -> range:
    """The rows of a plan of so many images that are task ``index`` of ``count``'s."""
    return range(images * index // count, images * (index + 1) // count)


def _numbers(count: int) -> pa.Array:
    import numpy as np

    return pa.Array.from_buffers(pa.int64(), count, [None, pa.py_buffer(np.arange(count, dtype=np.int64))])


def _even_batches(table: pa.Table, rows: int = 65_536) -> Iterator[pa.RecordBatch]:
    for start in range(0, table.num_rows, rows):
        yield from table.slice(start, rows).combine_chunks().to_batches()
