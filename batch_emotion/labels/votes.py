"""The votes of several people on each image, and what their clear majority saw in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from batch_emotion.errors import SourceError
from batch_emotion.frames import GivenTable
from batch_emotion.labels.reading import LabelReader
from batch_emotion.sources.manifest import read_manifest


@dataclass(frozen=True)
class Votes:
    """How many people chose what, one row per image.

    Attributes:
        files: R paths.
        folder: where relative ones start.
        choices: C names of what could be chosen: the classes, and others such as ``unknown``, lower case.
        counts: float64 (R, C).
    """

    files: list[str]
    folder: Path
    choices: tuple[str, ...]
    counts: NDArray[np.float64]

    def clear_majorities(self) -> list[str]:
        """What more than half of all votes of a row chose, others than the classes included; empty where none did."""
        best = self.counts.argmax(axis=1)
        clear = self.counts.max(axis=1) * 2 > self.counts.sum(axis=1)
        return [self.choices[choice] if is_clear else "" for choice, is_clear in zip(best, clear, strict=True)]


def read_votes(
    path: Path | GivenTable,
    class_names: Sequence[str],
    encoding: str | None = None,
    delimiter: str | None = None,
    map_labels: Mapping[str | int, str] | None = None,
) -> Votes:
    """Read a CSV or Parquet table with the column ``file`` and one column of counts for each choice.

    Columns that mean the same class, such as ``joy`` and ``happiness``, are added up.

    Args:
        path: the table.
        class_names: the classes that need a column.
        encoding: of CSV; found from its bytes where None.
        delimiter: of CSV; found from its header where None.
        map_labels: classes by the names of columns that mean them, beside the usual ones.

    Raises:
        SourceError: it cannot be read, a class has no column, or a count is not a number.
    """
    if isinstance(path, Path) and not path.is_file():
        raise SourceError(f"no such file: {path}; `votes` wants a table with a file and the votes for each class")
    files, columns = read_manifest(path, "file", encoding, delimiter, kind="table of votes")
    names = LabelReader(class_names, map_labels).read_names(columns.column_names)
    choices = tuple(dict.fromkeys(names))
    lacking = [name for name in class_names if name not in choices]
    if lacking:
        raise SourceError(
            f"{path} has no column of votes for: {', '.join(lacking)}; it has: {', '.join(choices)}; `map_labels` says "
            "which class a column means, `only` leaves classes out"
        )
    counts = np.zeros((len(files), len(choices)))
    for name, written, column in zip(names, columns.column_names, columns.columns, strict=True):
        counts[:, choices.index(name)] += _numbers(column, written, path)
    return Votes([name or "" for name in files.to_pylist()], path.parent, choices, counts)


def _numbers(column: pa.ChunkedArray, name: str, path: Path | GivenTable) -> NDArray[np.float64]:
    try:
        numbers: NDArray[np.float64] = pc.cast(column, pa.float64()).to_numpy()
    except pa.ArrowException:
        numbers = np.array([np.nan])
    if not (np.isfinite(numbers) & (numbers >= 0)).all():
        raise SourceError(f"the column {name!r} of {path} holds something that is not a count of votes")
    return numbers
