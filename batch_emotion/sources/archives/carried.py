"""What is carried beside the images of archives and tables, put together in the order of the images."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from batch_emotion.errors import SourceError, one_line
from batch_emotion.storage.spool import Spool

_ROWS = ""
"""A column without values, by which a table without others keeps its number of rows."""


class Carried:
    """Tables that stand beside some rows of a plan; long ones are on disk."""

    def __init__(self, folder: Path | None = None) -> None:
        """Begin with nothing.

        Args:
            folder: where long tables are kept on disk; that for temporary files where None.
        """
        self._folder = folder
        self._pieces: list[tuple[int, Spool, pa.Schema]] = []
        self._end = 0

    def add(self, first: int, table: pa.Table) -> None:
        """Take in what stands beside the rows from ``first`` on, which come after those of all tables before."""
        if not len(table):
            return
        if not self._pieces or first != self._end or not self._pieces[-1][2].equals(table.schema):
            self._pieces.append((first, Spool(table.schema, self._folder), table.schema))
        self._pieces[-1][1].write(table)
        self._end = first + len(table)

    def table(self, rows: int) -> pa.Table:
        """All of it, null where nothing stands beside a row.

        Raises:
            SourceError: a column is of different types in different tables.
        """
        pieces, filled = [], 0
        for first, spool, _ in self._pieces:
            table = spool.finish().table
            pieces += [_nothing(first - filled), table.append_column(_ROWS, pa.nulls(len(table)))]
            filled = first + len(table)
        pieces.append(_nothing(rows - filled))
        try:
            return pa.concat_tables(pieces, promote_options="permissive").drop_columns([_ROWS])
        except pa.ArrowException as error:
            raise SourceError(
                f"the tables' columns do not fit together: {one_line(error)}; score the tables apart"
            ) from None


def _nothing(rows: int) -> pa.Table:
    return pa.table({_ROWS: pa.nulls(rows)})
