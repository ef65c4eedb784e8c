"""A result as a stream of batches: a Parquet file, a CSV file or a directory of parts, never whole in memory."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq
from numpy.typing import NDArray

from batch_emotion.errors import SourceError, UsageError, one_line
from batch_emotion.records import Status
from batch_emotion.results.reading import result_classes
from batch_emotion.results.schema import result_schema
from batch_emotion.results.sinks import output_kind
from batch_emotion.results.stored import result_files
from batch_emotion.storage.remote import Place, readable

_BATCH = 131_072
_CSV_BLOCK = 8 * 2**20
_NEEDED = ("path", "status", "emotion", "confidence")
_WANTED = (*_NEEDED, "error", "width", "height", "face_index", "box_x", "box_y", "box_w", "box_h")


@dataclass(frozen=True)
class StoredResult:
    """A result on disk.

    Attributes:
        path: the file or directory.
        schema: its columns.
        class_names: the K classes, in the order of the probabilities.
        footer: what its Parquet footer says of it; empty for CSV.
    """

    path: Place
    schema: pa.Schema
    class_names: tuple[str, ...]
    footer: dict[str, str]

    @property
    def has_faces(self) -> bool:
        """Whether an image may have several rows, one for each face."""
        return "face_index" in self.schema.names

    def check_column(self, name: str) -> None:
        """Refuse a column that is not there.

        Raises:
            UsageError: naming those that are.
        """
        if name not in self.schema.names:
            raise UsageError(f"{self.path} has no column {name!r}; it has: {', '.join(self.schema.names)}")

    def batches(self, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """These columns of all rows, some hundred thousand rows at a time.

        Raises:
            SourceError: a file is damaged, or a cell is not what its column should hold.
        """
        try:
            if output_kind(self.path) == "csv":
                yield from _csv_reader(self.path, self.schema, columns)
                return
            for file in result_files(self.path):
                with pq.ParquetFile(readable(file)) as opened:
                    yield from opened.iter_batches(_BATCH, columns=list(columns))
        except (OSError, pa.ArrowException) as error:
            raise SourceError(f"{self.path} cannot be read: {one_line(error)}") from None

    def rows(self, extra: Sequence[str] = ()) -> Iterator[Rows]:
        """All rows with what was said of them; ``extra`` names columns beside those that every report needs."""
        wanted = [name for name in self.schema.names if name in _WANTED or name in extra]
        probabilities = [f"p_{name}" for name in self.class_names]
        first = 0
        for batch in self.batches(list(dict.fromkeys([*wanted, *probabilities]))):
            yield Rows.of(batch, self.class_names, first)
            first += len(batch)


@dataclass(frozen=True)
class Rows:
    """N rows of a result.

    Attributes:
        first: the number of the first one in the result.
        table: their columns.
        scored: bool (N,), whether the status is ok.
        said: intp (N,), the class of the highest probability, -1 where there is none.
        confidence: float32 (N,), that probability, NaN where there is none.
    """

    first: int
    table: pa.RecordBatch
    scored: NDArray[np.bool_]
    said: NDArray[np.intp]
    confidence: NDArray[np.float32]

    def __len__(self) -> int:
        return int(self.table.num_rows)

    @classmethod
    def of(cls, table: pa.RecordBatch, class_names: Sequence[str], first: int) -> Rows:
        """Find the class of each row's highest probability; without regard to ``uncertain``."""
        columns = [pc.fill_null(table[f"p_{name}"], float("nan")) for name in class_names]
        probabilities = np.column_stack([column.to_numpy(zero_copy_only=False) for column in columns])
        known = pc.fill_null(pc.equal(table["status"], Status.OK.value), False).to_numpy(zero_copy_only=False)
        scored = known & np.isfinite(probabilities).all(axis=1)
        said = probabilities.argmax(axis=1)
        confidence = probabilities[np.arange(len(said)), said].astype(np.float32)
        return cls(first, table, scored, np.where(scored, said, -1), np.where(scored, confidence, np.float32("nan")))


def open_result(path: Place) -> StoredResult:
    """Look at a result's columns and at what it says of itself; reads no rows.

    Raises:
        SourceError: it is not there, or not a result.
    """
    try:
        if not path.exists():
            raise SourceError(f"no such file or directory: {path}")
        if output_kind(path) == "csv":
            schema = _csv_schema(path)
        else:
            files = result_files(path)
            if not files:
                raise SourceError(f"the directory {path} holds no part-*.parquet; give a result of predict")
            schema = pq.read_schema(readable(files[0]))
    except (OSError, ValueError, pa.ArrowException) as error:
        raise SourceError(f"{path} cannot be read: {one_line(error)}") from None
    class_names = result_classes(schema.empty_table())
    lacking = [name for name in _NEEDED if name not in schema.names]
    if lacking or len(class_names) < 2:
        what = f"no column {', '.join(lacking)}" if lacking else "no probabilities p_<class>"
        raise SourceError(f"{path} has {what}; give a result of predict")
    prefix = b"batch_emotion."
    footer = {
        key.removeprefix(prefix).decode(): value.decode("utf-8", "replace")
        for key, value in (schema.metadata or {}).items()
        if key.startswith(prefix)
    }
    return StoredResult(path, schema, class_names, footer)


def _csv_schema(path: Place) -> pa.Schema:
    """The columns of a CSV result by its header: those before ``path`` are the manifest's, and strings."""
    with path.open(encoding="utf-8", newline="") as file:
        names = next(csv.reader(file), [])
    own = names.index("path") if "path" in names else len(names)
    probabilities = [name.removeprefix("p_") for name in names[own:] if name.startswith("p_")]
    kinds = {field.name: field.type for field in result_schema(probabilities)}
    kinds |= dict.fromkeys(("face_index", "box_x", "box_y", "box_w", "box_h"), pa.int32())
    return pa.schema(
        [(name, pa.string() if at < own else kinds.get(name, pa.string())) for at, name in enumerate(names)]
    )


def _csv_reader(path: Place, schema: pa.Schema, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
    convert = pyarrow.csv.ConvertOptions(
        column_types=schema, include_columns=list(columns), strings_can_be_null=True, null_values=[""]
    )
    with pyarrow.csv.open_csv(
        readable(path),
        pyarrow.csv.ReadOptions(block_size=_CSV_BLOCK),
        pyarrow.csv.ParseOptions(newlines_in_values=True),
        convert,
    ) as reader:
        yield from (batch for batch in reader if len(batch))
