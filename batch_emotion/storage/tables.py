"""Parquet and Arrow files of which some columns are read: by row group or record batch, here and on stores."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa

from batch_emotion.storage.escaping import unescape_name
from batch_emotion.storage.places import Place, place, readable
from batch_emotion.storage.remote import RemotePath

TABLE_SUFFIXES = (".parquet", ".arrow")

_REMOTE_BUFFER, _LOCAL_BUFFER = 8 * 2**20, 2**20
_BATCH_BYTES, _MOST_ROWS = 2 * 2**20, 64
_RECENT_BYTES = 64 * 2**20


class TableFile(Protocol):
    """A table that lies in groups of rows.

    Attributes:
        schema: its columns.
    """

    schema: pa.Schema

    def group_rows(self) -> Sequence[int]:
        """How many rows each group has."""
        ...

    def read(self, columns: Sequence[str]) -> pa.Table:
        """All rows of some columns."""
        ...

    def read_field(self, column: str, field: str) -> pa.ChunkedArray:
        """All rows of one field of a column of structs."""
        ...

    def batches(self, group: int, column: str) -> Iterator[pa.Array]:
        """One column of a group, a few megabytes at a time.

        Of a struct's field, ``column.field``, they are the structs.
        """
        ...


def open_table(location: str) -> TableFile:
    """Open a ``.parquet`` or ``.arrow`` file, the latter as a file or as a stream.

    Args:
        location: a path or a URI, escaped.

    Raises:
        OSError: it is not there or cannot be read.
        pyarrow.ArrowException: it is damaged, or something else.
    """
    there = place(unescape_name(location))
    return _Parquet(there) if there.suffix.lower() == ".parquet" else _Arrow(there)


class _Parquet:
    def __init__(self, there: Place) -> None:
        import pyarrow.parquet as pq

        buffer = _REMOTE_BUFFER if isinstance(there, RemotePath) else _LOCAL_BUFFER
        self._file = pq.ParquetFile(readable(there), buffer_size=buffer, pre_buffer=False)
        self.schema = self._file.schema_arrow

    def group_rows(self) -> Sequence[int]:
        facts = self._file.metadata
        return [facts.row_group(number).num_rows for number in range(facts.num_row_groups)]

    def read(self, columns: Sequence[str]) -> pa.Table:
        return self._file.read(columns=list(columns)).select(list(columns))  # of ``a`` pyarrow reads ``a.b`` too

    def read_field(self, column: str, field: str) -> pa.ChunkedArray:
        return pa.compute.struct_field(self._file.read(columns=[f"{column}.{field}"])[column], field)

    def batches(self, group: int, column: str) -> Iterator[pa.Array]:
        facts = self._file.metadata.row_group(group)
        chunks = (facts.column(number) for number in range(facts.num_columns))
        size = sum(chunk.total_uncompressed_size for chunk in chunks if chunk.path_in_schema.startswith(column))
        rows = max(1, min(_MOST_ROWS, _BATCH_BYTES * facts.num_rows // max(1, size)))
        for batch in self._file.iter_batches(rows, row_groups=[group], columns=[column]):
            yield batch.column(0)


class _Arrow:
    def __init__(self, there: Place) -> None:
        self._there = there
        try:
            self.schema, self._is_stream = pa.ipc.open_file(self._source()).schema, False
        except pa.ArrowInvalid:
            self.schema, self._is_stream = pa.ipc.open_stream(self._source()).schema, True
        self._readers: dict[int, Any] = {}
        self._streams: dict[int, _Stream] = {}

    def _source(self) -> Any:
        return pa.memory_map(str(self._there)) if isinstance(self._there, Path) else readable(self._there)

    def group_rows(self) -> Sequence[int]:
        lightest = min(range(len(self.schema)), key=lambda number: _weight(self.schema.field(number).type))
        return [batch.num_rows for batch in self._groups(lightest)]

    def read(self, columns: Sequence[str]) -> pa.Table:
        return pa.table([self._column(name) for name in columns], list(columns))

    def read_field(self, column: str, field: str) -> pa.ChunkedArray:
        return pa.compute.struct_field(self._column(column), field)

    def batches(self, group: int, column: str) -> Iterator[pa.Array]:
        name = column if column in self.schema.names else column.rpartition(".")[0]
        number = self.schema.get_field_index(name)
        if self._is_stream:
            if number not in self._streams:
                self._streams[number] = _Stream(lambda: self._groups(number))
            batch = self._streams[number].get(group)
        else:
            batch = self._reader(number).get_batch(group)
        yield batch.column(name)

    def _column(self, name: str) -> pa.ChunkedArray:
        chunks = [batch.column(name) for batch in self._groups(self.schema.get_field_index(name))]
        return pa.chunked_array(chunks, self.schema.field(name).type)

    def _groups(self, field: int) -> Iterator[pa.RecordBatch]:
        if self._is_stream:
            yield from pa.ipc.open_stream(self._source(), options=pa.ipc.IpcReadOptions(included_fields=[field]))
            return
        reader = self._reader(field)
        for number in range(reader.num_record_batches):
            yield reader.get_batch(number)

    def _reader(self, field: int) -> Any:
        if field not in self._readers:
            options = pa.ipc.IpcReadOptions(included_fields=[field])
            self._readers[field] = pa.ipc.open_file(self._source(), options=options)
        return self._readers[field]


class _Stream:
    """Record batches that come one after the other; the last of them are kept, for who asks a little late."""

    def __init__(self, begin: Callable[[], Iterator[pa.RecordBatch]]) -> None:
        self._begin = begin
        self._batches: Iterator[pa.RecordBatch] = iter(())
        self._next: int | None = None
        self._recent: OrderedDict[int, pa.RecordBatch] = OrderedDict()

    def get(self, number: int) -> pa.RecordBatch:
        """One of them; the stream is read from its beginning where it is no longer kept."""
        if number in self._recent:
            return self._recent[number]
        if self._next is None or number < self._next:
            self._batches, self._next = self._begin(), 0
        while self._next <= number:
            batch = next(self._batches, None)
            if batch is None:
                raise pa.ArrowInvalid(f"there is no record batch {number}")
            self._recent[self._next] = batch
            self._next += 1
            while len(self._recent) > 2 and sum(each.nbytes for each in self._recent.values()) > _RECENT_BYTES:
                self._recent.popitem(last=False)
        return self._recent[number]


def _weight(kind: pa.DataType) -> int:
    try:
        return int(kind.bit_width)
    except ValueError:
        return 10**6 if pa.types.is_string(kind) else 10**9
