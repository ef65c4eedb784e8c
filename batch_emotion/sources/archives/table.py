"""A Parquet or Arrow file with a column of images to what it holds: a row for each, and the other columns."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from itertools import accumulate

import pyarrow as pa

from batch_emotion.columns import check_once, plain_columns
from batch_emotion.errors import one_line
from batch_emotion.records import Status
from batch_emotion.sources.archives.image_columns import find_image_column, has_paths, leaf, name_classes
from batch_emotion.storage.escaping import escape_name
from batch_emotion.storage.members import Member, Refused
from batch_emotion.storage.ranges import Ranges, version_of
from batch_emotion.storage.tables import open_table

_PATH = "path"
_LONGEST_NUMBER = 18


class TableListing:
    """The rows of a table of images; ``Listing`` has what it gives.

    A row is called as the path beside its image, or as the column ``path`` has it, where these tell all rows apart, and
    else by its number, from 0. A table without images counts as left out, and so does one with a column
    ``path_column``, which is a manifest, unless ``image_column`` is given.
    """

    def __init__(
        self, location: str, file: Ranges, image_column: str | None = None, path_column: str | None = None
    ) -> None:
        self.archive = location
        self.trouble: Refused | None = None
        self.left_out = 0
        self.attributes: pa.Table | None = None
        self._mtime_ns, self._check = file.mtime_ns, version_of(file)
        self._column = ""
        self._starts, self._rows = [0], 0
        self._names: list[str] | None = None
        self._by_name: dict[str, int] | None = None
        try:
            self._read(location, image_column, path_column)
        except pa.ArrowException as error:
            self.trouble = Refused(Status.CORRUPT, f"the table cannot be read: {one_line(error)[:200]}")

    def __len__(self) -> int:
        return self._rows

    def images(self) -> Iterator[int]:
        """All rows."""
        return iter(range(self._rows))

    def name(self, row: int) -> str:
        """What a row is called, escaped."""
        return str(row) if self._names is None else self._names[row]

    def facts(self, row: int) -> tuple[int, int]:
        """Size and time of a row: its size is not known, and its time is the table's."""
        del row
        return -1, self._mtime_ns

    def location(self, row: int) -> str:
        """What opens the image of a row."""
        group = self._group(row)
        within = row - self._starts[group]
        return Member("row", group, within, -1, self._check, self.archive, self._column).location

    def find(self, name: str) -> int | None:
        """The row of that name, or of that number."""
        if self._names is not None:
            if self._by_name is None:
                self._by_name = {each: row for row, each in enumerate(self._names)}
            return self._by_name.get(name)
        is_number = name.isascii() and name.isdigit() and len(name) <= _LONGEST_NUMBER
        return int(name) if is_number and int(name) < self._rows else None

    def _read(self, location: str, image_column: str | None, path_column: str | None) -> None:
        table = open_table(location)
        column = find_image_column(table.schema, image_column, location)
        if column is None or (image_column is None and path_column in table.schema.names):
            self.left_out = 1
            return
        check_once(table.schema.names, f"the table {location}")
        self._column = leaf(table.schema, column)
        self._starts = [0, *accumulate(table.group_rows())]
        self._rows = self._starts.pop()
        others = [name for name in table.schema.names if name != column]
        columns = plain_columns(name_classes(table.read(others).replace_schema_metadata(None), table.schema))
        if has_paths(table.schema, column):
            self._names = _telling(table.read_field(column, _PATH))
        elif _PATH in others:
            self._names = _telling(columns[_PATH])
        self.attributes = columns.drop_columns([_PATH]) if _PATH in others else columns

    def _group(self, row: int) -> int:
        return bisect_right(self._starts, row) - 1


def holds_images(location: str, image_column: str | None, path_column: str) -> bool:
    """Whether a ``.parquet`` or ``.arrow`` file is a table of images, not a manifest; of one that is damaged False.

    Raises:
        SourceError: it has several columns that may be the images.
    """
    if image_column is not None:
        return True
    try:
        schema = open_table(location).schema
    except (OSError, pa.ArrowException):
        return False
    return path_column not in schema.names and find_image_column(schema, None, location) is not None


def _telling(paths: pa.ChunkedArray) -> list[str] | None:
    """The paths, escaped, where each row has one of its own, and all are text."""
    if not pa.types.is_string(paths.type) and not pa.types.is_large_string(paths.type):
        return None
    if paths.null_count or pa.compute.count_distinct(paths).as_py() < len(paths):
        return None
    try:
        return [escape_name(path) for path in paths.to_pylist()]
    except UnicodeDecodeError:  # a writer's fault that pyarrow lets pass
        return None
