"""The columns of a result, and how the rows of a batch are put together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from batch_emotion.columns import check_writable
from batch_emotion.errors import SourceError
from batch_emotion.plan import Plan
from batch_emotion.records import CHECKSUM, FACE_ROLL, FACE_SCHEMA, UNCERTAIN, ImageBatch, Status


def result_schema(
    class_names: Sequence[str], attributes: pa.Schema | None = None, checksum: bool = False, *, faces: bool = False
) -> pa.Schema:
    """The columns of a result, in their order; ``attributes`` are the manifest's own."""
    return pa.schema(
        [
            *(attributes or ()),
            pa.field("path", pa.string()),
            pa.field("status", pa.string()),
            pa.field("emotion", pa.string()),
            pa.field("confidence", pa.float32()),
            *(pa.field(f"p_{name}", pa.float32()) for name in class_names),
            pa.field("width", pa.int32()),
            pa.field("height", pa.int32()),
            *(FACE_SCHEMA if faces else ()),
            pa.field("error", pa.string()),
            pa.field("size", pa.int64()),
            pa.field("mtime_ns", pa.int64()),
            *([pa.field(CHECKSUM, pa.string())] if checksum else []),
        ]
    )


def own_columns(schema: pa.Schema) -> list[str]:
    """The columns of a result that its manifest brought along, which stand before all others."""
    return list(schema.names[: schema.names.index("path")])


def predicted_columns(names: Sequence[str]) -> list[str]:
    """Those of a table's columns that ``predict`` made, ``path`` apart; none where the table is not its result."""
    classes = [name.removeprefix("p_") for name in names if name.startswith("p_")]
    if not classes or not {"status", "emotion", "confidence"} <= set(names):
        return []
    known = result_schema(classes, checksum=True, faces=True).names
    return [name for name in names[names.index("status") :] if name in known]


def part_schema(result: pa.Schema) -> pa.Schema:
    """A part has the result's columns and, before them, the plan's ``index``, by which completeness is counted."""
    return pa.schema([pa.field("index", pa.int64()), *result])


def check_attributes(
    attributes: pa.Schema, class_names: Sequence[str], flat: bool, *, faces: bool = False, added: Sequence[str] = ()
) -> None:
    """Refuse manifest columns that a result cannot carry.

    Args:
        attributes: the manifest's own columns, as they are to be written.
        class_names: the model's classes.
        flat: the output is CSV, which holds no nested or binary values.
        faces: the result has a row for each face, with its box.
        added: columns that are asked for beside the usual ones.

    Raises:
        SourceError: naming the columns.
    """
    reserved = {"index", *added, FACE_SCHEMA.names[0], *result_schema(class_names, checksum=True, faces=faces).names}
    clashing = [name for name in attributes.names if name in reserved]
    if clashing:
        advice = "rename it in the manifest" if len(clashing) == 1 else "rename them in the manifest"
        if "emotion" in clashing and "label" not in attributes.names:
            advice = f"`label_column` emotion carries the labels of that one as label, or {advice}"
        if {"status", "emotion", "confidence"} <= set(clashing):
            raise SourceError(
                "the manifest has the columns of a result of predict; give a list of the images instead, or drop these "
                f"columns: {', '.join(clashing)}"
            )
        names = ", ".join(clashing)
        if len(clashing) > 1:
            raise SourceError(f"the manifest's columns {names} have the names of result columns; {advice}")
        raise SourceError(f"the manifest's column {names} has the name of a result column; {advice}")
    check_writable(attributes, flat)


def assemble(
    plan: Plan,
    batch: ImageBatch,
    probabilities: NDArray[np.float32],
    class_names: Sequence[str],
    min_confidence: float,
) -> pa.RecordBatch:
    """Put the rows of one batch together, in the columns of ``part_schema``.

    Args:
        plan: the plan row of each of the B rows of the batch.
        batch: what was decoded.
        probabilities: float32 (B, K); rows of images that are not ok are ignored.
        class_names: the K classes.
        min_confidence: below it the emotion is ``uncertain``.
    """
    facts = batch.facts
    bad = pc.not_equal(facts["status"], Status.OK.value).to_numpy(zero_copy_only=False)
    emotion, confidence = name_emotions(probabilities, class_names, min_confidence, bad)
    columns: dict[str, pa.Array] = {
        "index": pa.array(batch.image_index),
        **{name: whole_column(plan.attributes[name]) for name in plan.attributes.column_names},
        "path": whole_column(plan.images["path"]),
        "status": facts["status"],
        "emotion": emotion,
        "confidence": confidence,
        **{
            f"p_{name}": pa.array(np.ascontiguousarray(probabilities[:, number]), pa.float32(), mask=bad)
            for number, name in enumerate(class_names)
        },
        "width": facts["width"],
        "height": facts["height"],
        **{name: facts[name] for name in FACE_SCHEMA.names if name in facts.schema.names},
        "error": facts["error"],
        "size": pc.coalesce(facts["size"], whole_column(plan.images["size"])),
        "mtime_ns": pc.coalesce(facts["mtime_ns"], whole_column(plan.images["mtime_ns"])),
    }
    checksum, faces = CHECKSUM in plan.images.column_names, FACE_SCHEMA.names[0] in facts.schema.names
    if checksum:
        columns[CHECKSUM] = _of_what_was_read(plan, columns)
    schema = part_schema(result_schema(class_names, plan.attributes.schema, checksum, faces=faces))
    return pa.record_batch([columns[name] for name in schema.names], schema=schema)


def name_emotions(
    probabilities: NDArray[np.float32], class_names: Sequence[str], min_confidence: float, bad: NDArray[np.bool_]
) -> tuple[pa.Array, pa.Array]:
    """The emotion and the confidence of each row.

    Args:
        probabilities: float32 (B, K).
        class_names: the K classes.
        min_confidence: below it the emotion is ``uncertain``.
        bad: bool (B,), the rows that have neither.
    """
    best = probabilities.argmax(axis=1)
    confidence = probabilities[np.arange(len(best)), best]
    names = np.array([*class_names, UNCERTAIN], object)
    emotion = names[np.where(confidence < min_confidence, len(class_names), best)]
    return pa.array(emotion, pa.string(), mask=bad), pa.array(confidence, pa.float32(), mask=bad)


def _of_what_was_read(plan: Plan, columns: dict[str, pa.Array]) -> pa.Array:
    """The planned checksums, null where the file was changed between the plan and the reading of it."""
    same = pc.and_(
        *(
            pc.equal(pc.fill_null(columns[name], -1), pc.fill_null(whole_column(plan.images[name]), -1))
            for name in ("size", "mtime_ns")
        )
    )
    return pc.if_else(same, whole_column(plan.images[CHECKSUM]), pa.scalar(None, pa.string()))


def whole_column(column: pa.ChunkedArray) -> pa.Array:
    """A column in one piece."""
    combined = column.combine_chunks()
    return combined if isinstance(combined, pa.Array) else pa.concat_arrays(combined.chunks)


def first_rows(rows: pa.Table | pa.RecordBatch) -> pa.Table | pa.RecordBatch:
    """One row for each image: all of them, or where there is one for each face, that of the largest."""
    if FACE_SCHEMA.names[0] not in rows.schema.names:
        return rows
    return rows.filter(pc.fill_null(pc.equal(rows[FACE_SCHEMA.names[0]], 0), True))


def count_values(column: Iterable[str | None] | pa.ChunkedArray) -> dict[str, int]:
    """How often each value occurs, nulls apart, the most frequent first."""
    counted = pc.value_counts(pc.drop_null(column))
    pairs = sorted(
        ((pair["values"], pair["counts"]) for pair in counted.to_pylist()),
        key=lambda pair: (-pair[1], pair[0]),
    )
    return dict(pairs)


def with_rolls(rows: pa.Table) -> pa.Table:
    """Rows of faces with the column that says how each is turned; null in what earlier versions wrote."""
    if FACE_ROLL in rows.column_names:
        return rows
    field = FACE_SCHEMA.field(FACE_ROLL)
    return rows.append_column(field, pa.nulls(len(rows), field.type))
