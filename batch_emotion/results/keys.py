"""What tells whether an image has a row already, of any number of images: cut by their paths into parts of some rows.

All that has the same path is in the same part, so each part of a plan needs to be held only against the same part of a
result, and one of them is in memory at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa

from batch_emotion.records import CHECKSUM
from batch_emotion.storage.spool import spooled

KEYS = pa.schema(
    [
        pa.field("row", pa.int64()),
        pa.field("path", pa.string()),
        pa.field("size", pa.int64()),
        pa.field("mtime_ns", pa.int64()),
        pa.field("status", pa.string()),
        pa.field("face_index", pa.int32()),
        pa.field(CHECKSUM, pa.string()),
    ]
)
"""``row`` is the number of a row in its table; what a table has no column for is null."""

_TOGETHER = 131_072


class KeyParts:
    """The keys of a table, cut by their paths.

    Attributes:
        count: of parts.
    """

    def __init__(self, table: pa.Table, release: Callable[[], None], count: int, folder: Path | None = None) -> None:
        """Cut a table.

        Args:
            table: a plan's images or the rows of a result.
            release: gives back the memory of what was read of it.
            count: of parts.
            folder: where the keys are kept on disk, if they are many.
        """
        self.count = count
        self._edges: list[list[int]] = []
        self._kept = spooled(self._cut(table, release), KEYS, folder)
        self._batches = self._kept.table.to_batches()

    def part(self, number: int) -> pa.Table:
        """The keys of a part, in the order of their rows."""
        self._kept.release()
        pairs = zip(self._batches, self._edges, strict=True)
        return pa.Table.from_batches(
            [batch.slice(edges[number], edges[number + 1] - edges[number]) for batch, edges in pairs], KEYS
        )

    def _cut(self, table: pa.Table, release: Callable[[], None]) -> Iterator[pa.RecordBatch]:
        for first in range(0, len(table), _TOGETHER):
            (batch,) = _keys(table.slice(first, _TOGETHER), first).combine_chunks().to_batches()
            part = np.zeros(len(batch), np.int64)
            if self.count > 1:
                part = np.fromiter(map(hash, batch["path"].to_pylist()), np.int64, len(batch)) % self.count
                order = np.argsort(part, kind="stable")
                batch, part = batch.take(pa.array(order)), part[order]
            self._edges.append(np.searchsorted(part, np.arange(self.count + 1)).tolist())
            yield batch
            release()


def _keys(table: pa.Table, first: int) -> pa.Table:
    columns = {field.name: table[field.name] for field in KEYS if field.name in table.column_names}
    columns |= {field.name: pa.nulls(len(table), field.type) for field in KEYS if field.name not in columns}
    columns["row"] = pa.array(np.arange(first, first + len(table)))
    return pa.table({name: columns[name] for name in KEYS.names}).cast(KEYS)
