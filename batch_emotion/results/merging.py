"""The rows of an updated result: those that stay, those that were scored and those of vanished images, put in order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from batch_emotion.errors import BatchEmotionError
from batch_emotion.plan import Plan
from batch_emotion.records import Status
from batch_emotion.results.schema import name_emotions
from batch_emotion.results.update import Comparison
from batch_emotion.results.workspace import shards

Parts = Callable[[int], Iterable[pa.Table]]
"""Gives the committed rows of a run in order, from those of the shard with that image on."""


def merged(
    plan: Plan,
    comparison: Comparison,
    scored: Parts,
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
    columns = ["index", *(name for name in schema.names if name not in plan.attributes.column_names)]
    carried = (_renamed(rows, class_names, min_confidence) for rows in comparison.carried.batches())
    last = len(comparison.todo) - len(comparison.suspects)
    streams = [
        _Stream(carried, columns),
        _Stream(_of_plan(scored(0), comparison, 0, last), columns),
        _Stream(_of_plan(scored(last), comparison, last, len(comparison.todo)), columns),
    ]
    for _, first, count in shards(len(plan), shard_size):
        rows = pa.concat_tables(piece for stream in streams for piece in stream.below(first + count))
        index = rows["index"].to_numpy()
        if np.any(index[1:] < index[:-1]):
            order = np.argsort(index, kind="stable")
            rows, index = rows.take(pa.array(order)), index[order]
        if len(np.unique(index)) != count:
            raise BatchEmotionError("images have no row; give `overwrite` to make the result anew")
        attributes = plan.attributes.slice(first, count)
        for name in attributes.column_names:
            rows = rows.append_column(attributes.schema.field(name), attributes[name].take(pa.array(index - first)))
        yield rows.select(schema.names)
    for rows in comparison.vanished.batches():
        yield _renamed(rows, class_names, min_confidence).select(schema.names)


class _Stream:
    """Rows in the order of their ``index``, taken as far as they are wanted."""

    def __init__(self, tables: Iterable[pa.Table], columns: Sequence[str]) -> None:
        self._tables = (table.select(columns) for table in tables)
        self._rest: pa.Table | None = None

    def below(self, index: int) -> Iterator[pa.Table]:
        """The next rows whose ``index`` is smaller."""
        while (table := self._rest if self._rest is not None else next(self._tables, None)) is not None:
            cut = int(np.searchsorted(table["index"].to_numpy(), index))
            yield table.slice(0, cut)
            self._rest = table.slice(cut) if cut < len(table) else None
            if self._rest is not None:
                return


def _of_plan(parts: Iterable[pa.Table], comparison: Comparison, first: int, end: int) -> Iterator[pa.Table]:
    """The rows of the images from ``first`` to ``end`` of those to be scored, with the plan's ``index``."""
    if first == end:
        return
    for part in parts:
        done = part["index"].to_numpy()
        rows = part.filter(pa.array((done >= first) & (done < end)))
        if len(rows):
            index = comparison.todo[rows["index"].to_numpy()]
            yield rows.set_column(rows.column_names.index("index"), "index", [pa.array(index)])
        if len(done) and done[-1] >= end:
            return


def _renamed(rows: pa.Table, class_names: Sequence[str], min_confidence: float) -> pa.Table:
    """The rows with the emotion that their probabilities have under ``min_confidence``."""
    bad = pc.not_equal(rows["status"], Status.OK.value).to_numpy()
    probabilities = np.stack([rows[f"p_{name}"].to_numpy() for name in class_names], axis=1)
    emotion, _ = name_emotions(np.nan_to_num(probabilities), class_names, min_confidence, bad)
    return rows.set_column(rows.column_names.index("emotion"), rows.schema.field("emotion"), emotion)
