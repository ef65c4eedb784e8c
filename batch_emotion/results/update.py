"""An update: which images of a plan have rows already, and the rows that are carried over.

All of it works on whole columns; an image may have any number of rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from batch_emotion.columns import plain_field
from batch_emotion.errors import BatchEmotionError, OutputMismatch, PruneRefused
from batch_emotion.options.runs import UpdateOptions
from batch_emotion.plan import Plan
from batch_emotion.records import CHECKSUM, FACE_ROLL, Status
from batch_emotion.results.image_rows import ImageRows, Numbers
from batch_emotion.results.schema import name_emotions, whole_column, with_rolls


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
        vanished: no longer there, rows kept.
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
        carried: rows taken over, without the manifest's own columns; ``index`` is the plan's.
        vanished: rows of images that are no longer there, to be kept, in the columns of the new result.
        counts: how many of each.
    """

    todo: Numbers
    suspects: pa.Array
    carried: pa.Table
    vanished: pa.Table
    counts: UpdateCounts


def compare(
    plan: Plan,
    schema: pa.Schema,
    result: pa.Table,
    leftovers: Iterable[pa.Table],
    suspects: pa.Array,
    options: UpdateOptions,
    same_model: bool,
) -> Comparison:
    """Find the rows that can stay.

    Args:
        plan: the images as they are now.
        schema: the result's columns.
        result: the earlier result; no rows where there is none.
        leftovers: parts of an unfinished run, scored by the same model.
        suspects: paths that may kill the process.
        options: what may stay.
        same_model: whether the earlier result was scored by the model of this run, in the same way.

    Raises:
        PruneRefused: too many images vanished.
        OutputMismatch: rows of vanished images were scored by another model, or do not fit the columns.
    """
    gone, vanished_images = _vanished(plan, result, options, same_model)
    vanished = _cast(gone, schema) if len(gone) and not options.prune else schema.empty_table()
    schema = pa.schema(field for field in schema if field.name not in plan.attributes.column_names)
    before = ImageRows(_in_columns(result, schema) if same_model else _only_files(result))
    between = ImageRows(pa.concat_tables([schema.empty_table(), *(_in_columns(part, schema) for part in leftovers)]))
    known = pc.is_in(plan.images["path"], value_set=whole_column(result["path"])).to_numpy()
    told_by_time = options.checksum and CHECKSUM not in result.column_names
    of_before = before.find(plan, options.checksum and not told_by_time)
    of_between = between.find(plan, options.checksum)
    retry = options.retry_failures & before.failed(of_before)
    as_before = (of_before >= 0) & ~retry
    kept = as_before & same_model
    if told_by_time and same_model:  # what has no checksum is not known to be the same
        kept &= before.find(plan, checksum=True) >= 0
    reused = ~kept & (of_between >= 0) & ~(options.retry_failures & between.failed(of_between))
    todo = np.flatnonzero(~kept & ~reused)
    crashed = (before.crashed(of_before) | between.crashed(of_between))[todo]
    crashed |= pc.is_in(plan.images["path"].take(todo), value_set=suspects).to_numpy()
    carried = pa.concat_tables(
        [
            *([before.rows(plan, np.flatnonzero(kept), of_before[kept])] if same_model else []),
            between.rows(plan, np.flatnonzero(reused), of_between[reused]),
        ]
    )
    counts = UpdateCounts(
        unchanged=int(kept.sum()),
        new=int((~known).sum()),
        changed=int((known & ~as_before & ~retry).sum()),
        rescored=int((as_before & ~kept).sum()),
        retried=int(retry.sum()),
        reused=int(reused.sum()),
        vanished=0 if options.prune else vanished_images,
        pruned=vanished_images if options.prune else 0,
    )
    return Comparison(
        np.concatenate([todo[~crashed], todo[crashed]]),
        whole_column(plan.images["path"].take(todo[crashed])),
        carried,
        vanished,
        counts,
    )


def keep_types(attributes: pa.Table, before: pa.Schema) -> pa.Table:
    """The manifest's columns; one that holds nothing now is of the type that it had in the earlier result."""
    for number, field in enumerate(attributes.schema):
        column = attributes.column(number)
        if column.null_count == len(column) and field.name in before.names:
            earlier = plain_field(before.field(field.name))
            attributes = attributes.set_column(number, earlier, pa.nulls(len(column), earlier.type))
    return attributes


def merged(
    plan: Plan,
    comparison: Comparison,
    scored: Iterable[pa.Table],
    schema: pa.Schema,
    class_names: Sequence[str],
    min_confidence: float,
    shard_size: int,
) -> Iterator[pa.Table]:
    """The rows of the new result, a shard of the plan at a time, those of vanished images last.

    Args:
        plan: the images as they are now.
        comparison: what is carried over.
        scored: the parts; their ``index`` counts along ``comparison.todo``.
        schema: the new result's columns.
        class_names: the model's classes.
        min_confidence: below it the emotion is ``uncertain``, of carried rows too.
        shard_size: images in a shard.

    Raises:
        BatchEmotionError: an image has no row.
    """
    own = [name for name in schema.names if name not in plan.attributes.column_names]
    tables = [_renamed(comparison.carried, class_names, min_confidence)]
    for part in scored:
        index = comparison.todo[part["index"].to_numpy()]
        tables.append(part.select(own).add_column(0, "index", [pa.array(index)]))
    rows = pa.concat_tables(table.select(["index", *own]) for table in tables)
    order = np.argsort(rows["index"].to_numpy(), kind="stable")
    rows = rows.take(order)
    index = rows["index"].to_numpy()
    if len(np.unique(index)) != len(plan):
        raise BatchEmotionError("images have no row; give `overwrite` to make the result anew")
    edges = np.searchsorted(index, [*range(0, len(plan), shard_size), len(plan)])
    for first, last in pairwise(edges):
        attributes = plan.attributes.take(index[first:last])
        shard = rows.slice(first, last - first)
        for name in attributes.column_names:
            shard = shard.append_column(attributes.schema.field(name), attributes[name])
        yield shard.select(schema.names)
    if comparison.vanished.num_rows:
        yield _renamed(comparison.vanished, class_names, min_confidence).select(schema.names)


def _vanished(plan: Plan, result: pa.Table, options: UpdateOptions, same_model: bool) -> tuple[pa.Table, int]:
    gone = result.filter(pc.invert(pc.is_in(result["path"], value_set=whole_column(plan.images["path"]))))
    count, before = (len(pc.unique(table["path"])) for table in (gone, result))
    if options.prune and count and (count == before or count > options.max_prune * before):
        raise PruneRefused(
            f"{count} of {before} images are no longer there, too many to believe it (a disk that is not mounted?); "
            + ("give `overwrite` to start over" if count == before else "raise `max_prune` if it is right")
        )
    if count and not options.prune and not same_model:
        raise OutputMismatch(
            f"{count} images are no longer there, and their rows were scored by another model or with other options; "
            "give `prune` to drop them or `overwrite` to start over"
        )
    return gone, count


def _in_columns(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """The rows in these columns; of a run without checksums they are null."""
    if CHECKSUM in schema.names and CHECKSUM not in table.column_names:
        table = table.append_column(CHECKSUM, pa.nulls(len(table), pa.string()))
    if FACE_ROLL in schema.names:
        table = with_rolls(table)
    return table.select(schema.names).cast(schema)


def _only_files(table: pa.Table) -> pa.Table:
    """The columns that tell whether a file is the one that was scored, and whether it could be."""
    return table.select(name for name in table.column_names if name in ("path", "status", "size", "mtime_ns", CHECKSUM))


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


def _renamed(rows: pa.Table, class_names: Sequence[str], min_confidence: float) -> pa.Table:
    """The rows with the emotion that their probabilities have under ``min_confidence``."""
    bad = pc.not_equal(rows["status"], Status.OK.value).to_numpy()
    probabilities = np.stack([rows[f"p_{name}"].to_numpy() for name in class_names], axis=1)
    emotion, _ = name_emotions(np.nan_to_num(probabilities), class_names, min_confidence, bad)
    return rows.set_column(rows.column_names.index("emotion"), rows.schema.field("emotion"), emotion)
