"""Tables and numbers that may be larger than memory: small ones stay in it, others are mapped from disk.

Their files have no name, so nothing of them is left when the process ends, however it ends.
"""

from __future__ import annotations

import mmap
import os
import shutil
import tempfile
import weakref
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import IO, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from batch_emotion.storage.places import Place

_IN_MEMORY = 8 * 2**20


class SpooledTable:
    """A table that is in memory or mapped from an unnamed file.

    Attributes:
        table: its rows.
    """

    def __init__(self, table: pa.Table, file: IO[bytes] | None = None, mapped: mmap.mmap | None = None) -> None:
        self.table = table
        self._file, self._mapped = file, mapped
        if file is not None:
            weakref.finalize(self, file.close)

    @property
    def is_on_disk(self) -> bool:
        """Whether it is mapped from a file."""
        return self._file is not None

    def batches(self) -> Iterator[pa.Table]:
        """Its rows, some at a time, which are given back to the disk once they are dealt with."""
        for batch in self.table.to_batches():
            yield pa.Table.from_batches([batch])
            self.release()

    def link(self, path: Path) -> bool:
        """Give the file the name ``path`` in its file system, in place of what has it; False where that cannot be."""
        if self._file is None or not os.path.isdir("/proc/self/fd"):
            return False
        path.unlink(missing_ok=True)
        try:
            os.link(f"/proc/self/fd/{self._file.fileno()}", path, src_dir_fd=0)  # with it Python follows the link
        except OSError:
            return False
        return True

    def release(self) -> None:
        """Give back the memory of what was read; it is read again from the file where it is needed."""
        if self._mapped is not None and hasattr(mmap, "MADV_DONTNEED"):
            self._mapped.madvise(mmap.MADV_DONTNEED)


class Spool:
    """A table that is being written."""

    def __init__(self, schema: pa.Schema, folder: Path | None = None) -> None:
        """Begin a table.

        Args:
            schema: its columns.
            folder: where its file is, once it is too large for memory; that for temporary files where None.
        """
        self._schema, self._folder = schema, folder
        self._waiting: list[pa.RecordBatch] = []
        self._bytes = 0
        self._file: IO[bytes] | None = None
        self._writer: Any = None

    def write(self, rows: pa.Table | pa.RecordBatch) -> None:
        """Add rows.

        Raises:
            OSError: the disk is full.
        """
        batches = [rows] if isinstance(rows, pa.RecordBatch) else rows.to_batches()
        if self._writer is None:
            self._waiting += batches
            self._bytes += sum(batch.nbytes for batch in batches)
            if self._bytes <= _IN_MEMORY:
                return
            self._file = unnamed_file(self._folder)
            self._closing = weakref.finalize(self, self._file.close)
            self._writer = pa.ipc.new_file(self._file, self._schema)
            batches, self._waiting = self._waiting, []
        for batch in batches:
            self._writer.write_batch(batch)

    def finish(self) -> SpooledTable:
        """All that was written."""
        if self._file is None:
            return SpooledTable(pa.Table.from_batches(self._waiting, self._schema))
        self._writer.close()
        self._file.flush()
        self._closing.detach()
        return _mapped(self._file)


def open_table(path: Place) -> SpooledTable:
    """The table in an Arrow file; one that is on a store is copied to an unnamed file here first.

    Raises:
        OSError: there is none, or it cannot be read.
        ValueError: it is damaged.
    """
    if isinstance(path, Path):
        return _mapped(path.open("rb"))
    copy = unnamed_file(None)
    with path.open("rb") as file:
        shutil.copyfileobj(file, copy, _IN_MEMORY)
    copy.flush()
    return _mapped(copy)


def _mapped(file: IO[bytes]) -> SpooledTable:
    try:
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        return SpooledTable(pa.ipc.open_file(pa.py_buffer(mapped)).read_all(), file, mapped)
    except (OSError, ValueError, pa.ArrowException):
        file.close()
        raise


def spooled(rows: Iterable[pa.Table | pa.RecordBatch], schema: pa.Schema, folder: Path | None = None) -> SpooledTable:
    """The rows as one table; only some of them are in memory at a time."""
    spool = Spool(schema, folder)
    for each in rows:
        spool.write(each)
    return spool.finish()


class RowTaker:
    """Takes rows of a table by their numbers; ``Table.take`` would join its chunks in memory first."""

    def __init__(self, table: pa.Table) -> None:
        self._schema, self._batches = table.schema, table.to_batches()
        self._starts = np.cumsum([0, *(len(batch) for batch in self._batches)])

    def take(self, rows: NDArray[np.int64]) -> pa.Table:
        """The rows of these numbers, in their order."""
        batch = np.searchsorted(self._starts, rows, side="right") - 1
        order = None
        if np.any(batch[1:] < batch[:-1]):
            order = np.argsort(batch, kind="stable")
            rows, batch = rows[order], batch[order]
        edges = np.flatnonzero(np.diff(batch, prepend=-1, append=-1))
        pieces = [
            _take(self._batches[batch[first]], rows[first:last] - self._starts[batch[first]])
            for first, last in pairwise(edges)
        ]
        table = pa.Table.from_batches(pieces, self._schema)
        return table if order is None else table.take(pa.array(np.argsort(order)))


def _take(batch: pa.RecordBatch, rows: NDArray[np.int64]) -> pa.RecordBatch:
    if rows[-1] - rows[0] == len(rows) - 1 and np.all(np.diff(rows) == 1):
        return batch.slice(rows[0], len(rows))
    return batch.take(pa.array(rows))


def disk_array(count: int, dtype: Any, folder: Path | None = None) -> NDArray[Any]:
    """An array of ``count`` zeros, mapped from disk unless it is small.

    Raises:
        OSError: the disk is full.
    """
    size = count * np.dtype(dtype).itemsize
    if size <= _IN_MEMORY:
        return np.zeros(count, dtype)
    with unnamed_file(folder) as file:
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(file.fileno(), 0, size)  # a full disk must be an error now, not a crash later
        return np.memmap(file, dtype, "w+", shape=(count,))


def folder_beside(out: Place | None) -> Path | None:
    """Where the files of a run belong: on the disk that has room for its output, if that is here."""
    return out.absolute().parent if isinstance(out, Path) else None


def unnamed_file(folder: Path | None) -> IO[bytes]:
    """A new file in a folder that nobody else finds and that is gone when it is closed."""
    flag = getattr(os, "O_TMPFILE", 0)
    if flag:
        with suppress(OSError):  # not every file system has them
            descriptor = os.open(folder or tempfile.gettempdir(), flag | os.O_RDWR, 0o666)
            return os.fdopen(descriptor, "w+b")
    return tempfile.TemporaryFile(dir=folder)
