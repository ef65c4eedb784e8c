"""Columns that are made when a result is written, from what its rows hold and from what made them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from batch_emotion.options.tables import ColumnOptions

ISO_TIME = "mtime"
MODEL_COLUMNS = ("model", "model_version", "class_prior")
_SHOWN_DIGITS = 12


@dataclass(frozen=True)
class AddedColumns:
    """Which columns are added, and what every row holds in those of the model.

    Attributes:
        options: which are asked for.
        model: the model's name.
        sha256: of the model, whose first digits are its version.
        class_prior: the mix of classes that was asked for.
    """

    options: ColumnOptions
    model: str
    sha256: str
    class_prior: str

    @property
    def names(self) -> tuple[str, ...]:
        """Those that are added, in their order."""
        times = (ISO_TIME,) if self.options.iso_time else ()
        return (*times, *(MODEL_COLUMNS if self.options.model else ()))

    def schema(self, schema: pa.Schema) -> pa.Schema:
        """The columns of the result, from those without the added ones."""
        return pa.schema([*schema, *(pa.field(name, pa.string()) for name in self.names)])

    def added(self, tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
        """The tables with these columns."""
        values = dict(zip(MODEL_COLUMNS, (self.model, self.sha256[:_SHOWN_DIGITS], self.class_prior), strict=True))
        for table in tables:
            more = table
            for name in self.names:
                if name == ISO_TIME:
                    column: pa.Array | pa.ChunkedArray = iso_times(table["mtime_ns"])
                else:
                    column = pa.repeat(pa.scalar(values[name], pa.string()), len(table))
                more = more.append_column(pa.field(name, pa.string()), column)
            yield more


def iso_times(mtime_ns: pa.ChunkedArray) -> pa.ChunkedArray:
    """Nanoseconds since 1970, int64, as ``2026-11-25T18:47:12Z``."""
    seconds = pc.cast(pc.floor_temporal(mtime_ns.cast(pa.timestamp("ns")), unit="second"), pa.timestamp("s"))
    return pc.strftime(seconds, "%Y-%m-%dT%H:%M:%SZ")
