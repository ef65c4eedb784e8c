"""The names in one folder, sorted, however many they are."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow.lib import StringBuilder

from batch_emotion.storage.spool import Spool

_SORTED = 65_536
_AT_A_TIME = 512
_SCHEMA = pa.schema([pa.field("name", pa.string())])


class Names:
    """Names to be sorted: some ten thousand in memory, more in sorted runs on disk."""

    def __init__(self) -> None:
        self._last, self._count = StringBuilder(), 0
        self._runs: Spool | None = None

    def append(self, name: str) -> None:
        """Add a name."""
        self._last.append(name)
        self._count += 1
        if self._count == _SORTED:
            self._runs = self._runs or Spool(_SCHEMA)
            self._runs.write(self._sorted())

    def in_order(self) -> Iterator[str]:
        """All names, by their code points; only some of them are Python objects at a time."""
        last = _names(self._sorted())
        if self._runs is None:
            return last
        runs = self._runs.finish()
        return heapq.merge(last, *(_names(run, runs.release) for run in runs.table.to_batches()))

    def _sorted(self) -> pa.RecordBatch:
        names, self._last, self._count = self._last.finish(), StringBuilder(), 0
        return pa.record_batch([names.take(pc.sort_indices(names))], schema=_SCHEMA)


def _names(batch: pa.RecordBatch, release: Callable[[], None] = lambda: None) -> Iterator[str]:
    for start in range(0, len(batch), _AT_A_TIME):
        names = batch["name"].slice(start, _AT_A_TIME).to_pylist()
        release()
        yield from names
