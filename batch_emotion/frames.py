"""DataFrames and Arrow tables that a Python program gives in the place of a file: a manifest, labels, or a result."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from batch_emotion.errors import SourceError, one_line

if TYPE_CHECKING:
    import pyarrow as pa


class Frame(Protocol):
    """A pandas or polars DataFrame, an Arrow table or a batch of rows."""

    def __arrow_c_stream__(self, requested_schema: Any = None) -> object:
        """Its rows, for Arrow."""
        ...


@dataclass(frozen=True, eq=False)
class GivenTable:
    """A table that is at hand, with what is asked of a file beside its content.

    Attributes:
        table: what it holds; its text may have any type.
        kind: what it is, in a word.
    """

    table: pa.Table
    kind: str

    @property
    def name(self) -> str:
        """What records, pages and messages call it."""
        return f"the {self.kind}"

    @property
    def parent(self) -> Path:
        """Where its relative paths start: the working directory."""
        return Path()

    def __str__(self) -> str:
        return self.name


def given_table(value: object) -> GivenTable | None:
    """A pandas or polars DataFrame, an Arrow table or a batch of rows; None where it is something else.

    Raises:
        SourceError: it has a column that Arrow cannot hold.
    """
    if value is None or isinstance(value, str | bytes | os.PathLike | GivenTable):
        return value if isinstance(value, GivenTable) else None
    table, is_arrow = arrow_table(value), type(value).__module__.startswith("pyarrow")
    return None if table is None else GivenTable(table, "table" if is_arrow else "DataFrame")


def arrow_table(value: object) -> pa.Table | None:
    """The same as an Arrow table, in which objects such as ``Path`` are strings.

    Raises:
        SourceError: it has a column that Arrow cannot hold.
    """
    import pyarrow as pa

    if isinstance(value, pa.Table):
        return value
    if isinstance(value, pa.RecordBatch):
        return pa.Table.from_batches([value])
    pandas = sys.modules.get("pandas")
    try:
        if pandas is not None and isinstance(value, pandas.DataFrame):
            return pa.Table.from_pandas(_with_texts(value), preserve_index=False)
        if hasattr(value, "__arrow_c_stream__") and hasattr(value, "columns"):
            return pa.table(value)
    except (pa.ArrowException, TypeError, ValueError) as error:
        raise SourceError(f"the table has a column that a result cannot hold: {one_line(error)}") from None
    return None


def _with_texts(frame: Any) -> Any:
    """A pandas DataFrame whose columns of ``Path`` and the like hold strings."""
    for at, name in enumerate(frame.columns):
        column = frame.iloc[:, at]
        if column.dtype == object and any(isinstance(cell, os.PathLike) for cell in column):
            frame = frame.assign(
                **{name: [os.fspath(cell) if isinstance(cell, os.PathLike) else cell for cell in column]}
            )
    return frame
