"""An update: which images of a plan have rows already, and the rows that are carried over.

All of it works on whole columns of some rows at a time; an image may have any number of rows.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import pyarrow as pa

from batch_emotion.columns import plain_field
from batch_emotion.errors import OutputMismatch, PruneRefused
from batch_emotion.options.runs import UpdateOptions
from batch_emotion.plan import Plan
from batch_emotion.records import CHECKSUM
from batch_emotion.results.carrying import carried_rows, in_columns, vanished_rows
from batch_emotion.results.choices import Choices
from batch_emotion.results.image_rows import Numbers
from batch_emotion.results.keys import KeyParts
from batch_emotion.results.schema import part_schema, whole_column
from batch_emotion.storage.spool import RowTaker, SpooledTable, spooled

_IN_A_PART = 262_144


@dataclass(frozen=True)
class UpdateCounts:
    """Images by what was done about them; the first five add up to the plan.

    Attributes:
        unchanged: kept their rows.
        new: not in the earlier result.
        changed: in it, but different since.
        rescored: unchanged, but scored by another model or with other options then.
        retried: unchanged, but could not be scored then.
        reused: any of these but unchanged, and found among the parts of an unfinished run.
        vanished: no longer there, rows kept; without those that lie where nothing can be listed, whose rows are kept.
        pruned: no longer there, rows dropped.
    """

    unchanged: int = 0
    new: int = 0
    changed: int = 0
    rescored: int = 0
    retried: int = 0
    reused: int = 0
    vanished: int = 0
    pruned: int = 0


@dataclass(frozen=True)
class Comparison:
    """A plan held against earlier rows.

    Attributes:
        todo: int64, the rows of the plan that must be scored; those that may kill the process last.
        suspects: paths that may kill the process.
        carried: rows taken over, without the manifest's own columns, in the order of ``index``, which is the plan's.
        vanished: rows of images that are no longer there, or not known to be, to be kept, in the columns of the new
            result.
        counts: how many of each.
    """

    todo: Numbers
    suspects: pa.Array
    carried: SpooledTable
    vanished: SpooledTable
    counts: UpdateCounts


def compare(
    plan: Plan,
    schema: pa.Schema,
    result: Iterable[pa.Table],
    leftovers: Iterable[pa.Table],
    suspects: pa.Array,
    options: UpdateOptions,
    same_model: bool,
    folder: Path | None = None,
) -> Comparison:
    """Find the rows that can stay.

    Args:
        plan: the images as they are now.
        schema: the result's columns.
        result: the earlier result, some rows at a time; none where there is none.
        leftovers: parts of an unfinished run, scored by the same model.
        suspects: paths that may kill the process.
        options: what may stay.
        same_model: whether the earlier result was scored by the model of this run, in the same way.
        folder: where what is too large for memory is kept on disk; that for temporary files where None.

    Raises:
        PruneRefused: too many images vanished.
        OutputMismatch: rows of images that are not in the plan were scored by another model, or do not fit the columns.
    """
    own = pa.schema(field for field in schema if field.name not in plan.attributes.column_names)
    before = _kept(result if same_model else map(_only_files, result), schema, folder)
    between = _kept((in_columns(part, own) for part in leftovers), own, folder)
    told_by_time = options.checksum and CHECKSUM not in before.table.column_names
    choices = Choices(len(plan), len(before.table), len(between.table), folder)
    count = 1 + max(len(plan), len(before.table), len(between.table)) // _IN_A_PART
    planned = KeyParts(plan.images, plan.release, count, folder)
    old, left = (KeyParts(kept.table, kept.release, count, folder) for kept in (before, between))
    for part in range(count):
        choices.choose(planned.part(part), old.part(part), left.part(part), suspects, options, same_model, told_by_time)
    choices.keep_unlisted(plan.images["path"], old)
    _check_unlisted(choices.unlisted_images, same_model)
    _check_vanished(choices.gone_images, choices.earlier_images, options, same_model)
    todo, crashed = choices.todo(folder)
    return Comparison(
        todo,
        whole_column(RowTaker(plan.images.select(["path"])).take(todo[len(todo) - crashed :])["path"]),
        spooled(carried_rows(plan, own, choices, before, between), part_schema(own), folder),
        spooled(vanished_rows(before, choices.unlisted if options.prune else choices.gone, schema), schema, folder),
        UpdateCounts(**choices.counts, **{"pruned" if options.prune else "vanished": choices.gone_images}),
    )


def _kept(rows: Iterable[pa.Table], schema: pa.Schema, folder: Path | None) -> SpooledTable:
    """Rows in the columns that they have; in those of ``schema`` where there are none."""
    tables = iter(rows)
    first = next(tables, schema.empty_table())
    return spooled(chain([first], tables), first.schema, folder)


def _only_files(rows: pa.Table) -> pa.Table:
    """The columns that tell whether a file is the one that was scored, and whether it could be."""
    return rows.select(name for name in rows.column_names if name in ("path", "status", "size", "mtime_ns", CHECKSUM))


def _check_unlisted(count: int, same_model: bool) -> None:
    """Refuse to go on where rows must be kept that do not fit those of this run.

    Raises:
        OutputMismatch: they were scored by another model.
    """
    if count and not same_model:
        raise OutputMismatch(
            f"{count} {'image lies' if count == 1 else 'images lie'} where nothing can be listed, with rows of another "
            "model or other options; make the folders readable and run again"
        )


def _check_vanished(count: int, before: int, options: UpdateOptions, same_model: bool) -> None:
    """Refuse to go on where too many images vanished, or rows that are to be kept do not fit those of this run.

    Raises:
        PruneRefused: they are too many.
        OutputMismatch: they were scored by another model.
    """
    are = "is" if count == 1 else "are"
    if options.prune and count and (count == before or count > options.max_prune * before):
        raise PruneRefused(
            f"{count} of {before} images {are} no longer there, too many to believe it (a disk that is not mounted?); "
            + ("give `overwrite` to start over" if count == before else "raise `max_prune` if it is right")
        )
    if count and not options.prune and not same_model:
        raise OutputMismatch(
            f"{count} of {before} images {are} no longer there, with rows of another model or other options; "
            "give `prune` to drop them or `overwrite` to start over"
        )


def keep_types(attributes: pa.Table, before: pa.Schema) -> pa.Table:
    """The manifest's columns; one that holds nothing now is of the type that it had in the earlier result."""
    for number, field in enumerate(attributes.schema):
        column = attributes.column(number)
        if column.null_count == len(column) and field.name in before.names:
            earlier = plain_field(before.field(field.name))
            attributes = attributes.set_column(number, earlier, pa.nulls(len(column), earlier.type))
    return attributes
