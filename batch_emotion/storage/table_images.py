"""The images in a table's rows: their bytes, read in order, with the last of them kept."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterator
from dataclasses import dataclass
from threading import Lock

import pyarrow as pa
import pyarrow.compute as pc

from batch_emotion.errors import one_line
from batch_emotion.records import Status
from batch_emotion.storage.archived import CHANGED
from batch_emotion.storage.local import FileBytes
from batch_emotion.storage.members import Member
from batch_emotion.storage.ranges import open_ranges, version_of
from batch_emotion.storage.tables import open_table

_KEPT_BYTES = 64 * 2**20
_READERS, _OPEN = 8, 4


def read_row(member: Member, max_bytes: int) -> FileBytes:
    """The image in one row of a table, of at most ``max_bytes``.

    Raises:
        OSError: it cannot be read.
    """
    try:
        images = _open_column(member)
        if images is None:
            return CHANGED
        data = images.value(member.offset, member.length)
    except pa.ArrowException as error:
        return FileBytes(b"", Status.CORRUPT, f"the table is damaged: {one_line(error)[:200]}")
    if data is None:
        return FileBytes(b"", Status.MISSING, "the row holds no image")
    size = len(data)
    if size > max_bytes:
        return FileBytes(b"", Status.TOO_LARGE, f"{size} bytes, more than the limit of {max_bytes}", size)
    if not size:
        return FileBytes(b"", Status.EMPTY, "the row's image has no content", 0)
    return FileBytes(data, Status.OK, None, size)


@dataclass
class _Reader:
    """Goes through one group of rows; ``next`` is the row that comes next."""

    group: int
    arrays: Iterator[pa.Array]
    next: int = 0


class _Column:
    """The images of one table, for any thread."""

    def __init__(self, location: str, column: str) -> None:
        self._table, self._column = open_table(location), column
        self._readers: deque[_Reader] = deque(maxlen=_READERS)
        self._kept: deque[tuple[int, int, pa.Array]] = deque()
        self._bytes = 0
        self._lock = Lock()

    def value(self, group: int, row: int) -> bytes | None:
        """The bytes in a row of a group."""
        with self._lock:
            first, array = self._array(group, row)
        value: bytes | None = array[row - first].as_py()
        return value

    def _array(self, group: int, row: int) -> tuple[int, pa.Array]:
        for kept_group, first, array in reversed(self._kept):
            if kept_group == group and first <= row < first + len(array):
                return first, array
        reader = next((each for each in self._readers if each.group == group and each.next <= row), None)
        if reader is None:
            reader = _Reader(group, self._table.batches(group, self._column))
            self._readers.append(reader)
        while True:
            array = next(reader.arrays, None)
            if array is None:
                self._readers.remove(reader)
                raise pa.ArrowInvalid(f"there is no row {row} in group {group}")
            if pa.types.is_struct(array.type):
                array = pc.struct_field(array, "bytes")
            first, reader.next = reader.next, reader.next + len(array)
            self._keep(group, first, array)
            if row < reader.next:
                return first, array

    def _keep(self, group: int, first: int, array: pa.Array) -> None:
        self._kept.append((group, first, array))
        self._bytes += array.nbytes
        while len(self._kept) > 1 and self._bytes > _KEPT_BYTES:
            self._bytes -= self._kept.popleft()[2].nbytes


_COLUMNS: OrderedDict[tuple[str, str, int], _Column] = OrderedDict()
_OPENING = Lock()


def forget_table(location: str) -> None:
    """Open a table again the next time, as it may have been replaced."""
    with _OPENING:
        for key in [key for key in _COLUMNS if key[0] == location]:
            del _COLUMNS[key]


def _open_column(member: Member) -> _Column | None:
    """The images of the table; None where it is not the one that was listed."""
    key = member.archive, member.column, member.check
    with _OPENING:
        if key not in _COLUMNS:
            if version_of(open_ranges(member.archive, anew=True)) != member.check:
                return None
            _COLUMNS[key] = _Column(member.archive, member.column)
        _COLUMNS.move_to_end(key)
        while len(_COLUMNS) > _OPEN:
            _COLUMNS.popitem(last=False)
        return _COLUMNS[key]
