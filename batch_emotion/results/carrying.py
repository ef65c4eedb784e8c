"""Earlier rows that a new result takes over, in its columns and order."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from batch_emotion.errors import OutputMismatch
from batch_emotion.plan import Plan
from batch_emotion.records import CHECKSUM, FACE_ROLL
from batch_emotion.results.choices import AT_A_TIME, Choices, places
from batch_emotion.results.schema import with_rolls
from batch_emotion.storage.spool import RowTaker, SpooledTable


def carried_rows(
    plan: Plan, schema: pa.Schema, choices: Choices, before: SpooledTable, between: SpooledTable
) -> Iterator[pa.Table]:
    """The rows that stay, with the plan's index, size and time, in its order."""
    sources = ((choices.KEPT, before, RowTaker(before.table)), (choices.REUSED, between, RowTaker(between.table)))
    for first in range(0, len(plan), AT_A_TIME):
        chosen, images = choices.chosen[first : first + AT_A_TIME], plan.images.slice(first, AT_A_TIME)
        pieces = []
        for kind, source, taker in sources:
            here = np.flatnonzero(chosen == kind)
            if not len(here):
                continue
            numbers, count = choices.rows_of(first + here)
            rows = in_columns(taker.take(numbers), schema)
            here = np.repeat(here, count)
            for name in ("size", "mtime_ns"):
                now = pc.coalesce(images[name].take(pa.array(here)), rows[name])
                rows = rows.set_column(rows.column_names.index(name), rows.schema.field(name), now)
            pieces.append(rows.add_column(0, "index", [pa.array(first + here)]))
            source.release()
        plan.release()
        if pieces:
            rows = pa.concat_tables(pieces)
            if len(pieces) > 1:
                rows = rows.take(pa.array(np.argsort(rows["index"].to_numpy(), kind="stable")))
            yield rows.combine_chunks()


def vanished_rows(before: SpooledTable, gone: NDArray[np.bool_], schema: pa.Schema) -> Iterator[pa.Table]:
    """The rows of images that are no longer there, in the columns of the new result."""
    taker = RowTaker(before.table)
    for rows in places(gone, True):
        if len(rows):
            yield _cast(taker.take(rows), schema)
            before.release()


def in_columns(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """The rows in these columns; of a run without checksums they are null."""
    if CHECKSUM in schema.names and CHECKSUM not in table.column_names:
        table = table.append_column(CHECKSUM, pa.nulls(len(table), pa.string()))
    if FACE_ROLL in schema.names:
        table = with_rolls(table)
    return table.select(schema.names).cast(schema)


def _cast(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """The rows in these columns and types; columns they do not have are null."""
    columns = {}
    for field in schema:
        try:
            columns[field.name] = (
                table[field.name].cast(field.type)
                if field.name in table.column_names
                else pa.nulls(len(table), field.type)
            )
        except pa.ArrowException:
            raise OutputMismatch(
                f"the manifest's column {field.name} is now {field.type}, and rows of images that are no longer there "
                f"hold {table.schema.field(field.name).type}; give `prune` to drop them"
            ) from None
    return pa.table(columns, schema=schema)
