"""Results that are made up: any number of rows, with probabilities that a test can count itself."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from batch_emotion.results.schema import result_schema
from batch_emotion.results.writer import write_result

CLASSES = ("angry", "happy", "sad")


def result_table(
    paths: Sequence[str],
    probabilities: np.ndarray,
    statuses: Sequence[str] | None = None,
    columns: dict[str, pa.Array] | None = None,
    class_names: Sequence[str] = CLASSES,
) -> pa.Table:
    """A result of N rows; ``probabilities`` (N, K), ``statuses`` all ok where None, ``columns`` the manifest's own."""
    statuses = list(statuses or ["ok"] * len(paths))
    columns = columns or {}
    bad = np.array([status != "ok" for status in statuses], bool)
    values = np.asarray(probabilities, np.float32)
    schema = result_schema(class_names, pa.schema([(name, column.type) for name, column in columns.items()]))
    cells = {
        **columns,
        "path": pa.array(paths, pa.string()),
        "status": pa.array(statuses),
        "emotion": pa.array(np.array(class_names, object)[values.argmax(axis=1)], pa.string(), mask=bad),
        "confidence": pa.array(values.max(axis=1), mask=bad),
        **{f"p_{name}": pa.array(values[:, at].copy(), mask=bad) for at, name in enumerate(class_names)},
        "width": pa.array(np.full(len(paths), 48, np.int32), mask=bad),
        "height": pa.array(np.full(len(paths), 48, np.int32), mask=bad),
        "error": pa.array([None if status == "ok" else f"it is {status}" for status in statuses], pa.string()),
        "size": pa.array(np.ones(len(paths), np.int64)),
        "mtime_ns": pa.array(np.ones(len(paths), np.int64)),
    }
    return pa.table([cells[name] for name in schema.names], schema=schema)


def write(table: pa.Table, out: Path, row_group: int | None = None) -> Path:
    """Write a result as ``predict`` does, or as Parquet with row groups of a given size."""
    if row_group:
        pq.write_table(table, out, row_group_size=row_group)
    else:
        half = len(table) // 2
        write_result(out, [table.slice(0, half), table.slice(half)], table.schema, {"version": "0", "model": "made up"})
    return out


def random_table(rows: int, seed: int = 0, **more: object) -> pa.Table:
    """A result of paths ``<class>/<number>.jpg`` with random probabilities and every seventh image missing."""
    rng = np.random.default_rng(seed)
    paths = [f"photos/{CLASSES[at % 3]}/{at:06d}.jpg" for at in range(rows)]
    statuses = ["missing" if at % 7 == 3 else "ok" for at in range(rows)]
    return result_table(paths, rng.dirichlet(np.ones(3), rows), statuses, **more)  # type: ignore[arg-type]
