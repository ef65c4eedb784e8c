"""A result that was written earlier, read back: probabilities by class, and labels from the folders in its paths."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from batch_emotion.errors import SourceError

_DEEPEST = 8


def is_result(table: pa.Table) -> bool:
    """Whether a table, apart from its paths, has the columns that ``predict`` writes."""
    return {"status", "emotion", "confidence"} <= set(table.column_names) and len(result_classes(table)) > 1


def result_classes(table: pa.Table) -> tuple[str, ...]:
    """The classes of a result, by its columns ``p_<class>`` between ``confidence`` and ``width``, in their order."""
    names = table.column_names
    ours = names[names.index("confidence") :] if "confidence" in names else []
    return tuple(name.removeprefix("p_") for name in ours if name.startswith("p_"))


def result_probabilities(table: pa.Table, class_names: Sequence[str]) -> NDArray[np.float32]:
    """The probabilities of a result, float32 (N, K), NaN in rows that have none.

    Raises:
        SourceError: a cell holds no number.
    """
    return np.column_stack([_floats(table[f"p_{name}"], f"p_{name}") for name in class_names])


def folder_labels(paths: Sequence[str], class_names: Sequence[str]) -> list[str]:
    """The label of each path by one of its folders, lower case; empty where it has no such folder.

    The level, counted from the file, is the one at which the most paths have a folder named like a class.
    """
    parts = [PurePosixPath(path.replace("\\", "/").lower()).parts for path in paths]
    known = set(class_names)
    hits = [sum(_folder(each, level) in known for each in parts) for level in range(1, _DEEPEST + 1)]
    level = 1 + int(np.argmax(hits))
    return [_folder(each, level) for each in parts] if max(hits) else ["" for _ in parts]


def _folder(parts: Sequence[str], level: int) -> str:
    return parts[-1 - level] if len(parts) > level else ""


def _floats(column: pa.ChunkedArray, name: str) -> NDArray[np.float32]:
    if pa.types.is_string(column.type):
        column = pc.if_else(pc.equal(column, ""), None, column)
    try:
        numbers: NDArray[np.float32] = pc.fill_null(pc.cast(column, pa.float32()), float("nan")).to_numpy()
    except pa.ArrowException:
        raise SourceError(f"the column {name} of the result holds something that is not a number") from None
    return numbers
