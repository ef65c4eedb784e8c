"""A result read back, a Parquet file, a CSV file or a directory of parts: batch by batch, or whole."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from batch_emotion.columns import check_once, lacks_column, plain_columns
from batch_emotion.errors import SourceError, UsageError, one_line
from batch_emotion.frames import GivenTable
from batch_emotion.records import FACE_SCHEMA
from batch_emotion.results.csv_rows import classes_by_columns, csv_batches, csv_schema, is_csv
from batch_emotion.results.run_document import ClassPriorRecord, RunDocument, read_run
from batch_emotion.results.schema import result_schema
from batch_emotion.storage.part_folders import part_files
from batch_emotion.storage.places import Place, readable

_BATCH = 131_072
_NEEDED = ("path", "status", "emotion", "confidence")


@dataclass(frozen=True)
class Maker:
    """The model that made a result, as far as its footer, or where it has none its ``run.json``, names it.

    Attributes:
        name: of the model, None where that is not known.
        sha256: of the model, None where that is not known.
        runtime: what ran the network, None where that is not known.
    """

    name: str | None = None
    sha256: str | None = None
    runtime: str | None = None


@dataclass(frozen=True)
class StoredResult:
    """A result on disk or on a store.

    Attributes:
        path: the file or directory.
        files: the file, or the parts in the order of their rows.
        schema: its columns, of the types they were written with; a manifest's own are strings in CSV.
        class_names: the K classes, in the order of the probabilities.
        footer: the facts in its Parquet footer; empty for CSV and for another tool's file.
        escaped: whether text that looks like a formula has a ``'`` before it in the file.
    """

    path: Place
    files: tuple[Place, ...]
    schema: pa.Schema
    class_names: tuple[str, ...]
    footer: dict[str, str]
    escaped: bool = False

    @property
    def has_faces(self) -> bool:
        """Whether an image may have several rows, one for each face."""
        return FACE_SCHEMA.names[0] in self.schema.names

    @cached_property
    def run(self) -> RunDocument:
        """What its ``run.json`` holds; empty where there is none."""
        return read_run(self.path)

    @property
    def facts(self) -> dict[str, str]:
        """The facts of its footer, or where it has none those that its ``run.json`` holds, by the same names."""
        record = self.run.get("result") if not self.footer else None
        if not record:
            return self.footer
        fingerprint = record.get("fingerprint") or {}
        named = fingerprint | {"model_sha256": fingerprint.get("model"), "model": fingerprint.get("model_name")}
        version = {"version": str(record.get("tool", "")).rpartition(" ")[2]}
        return version | {key: str(value) for key, value in named.items() if value is not None}

    @property
    def maker(self) -> Maker:
        """The model that made it."""
        if "model_sha256" in self.footer:
            return Maker(self.footer.get("model"), self.footer["model_sha256"], self.footer.get("runtime"))
        record = self.run.get("result")
        fingerprint: dict[str, object] = (record.get("fingerprint") if record else None) or {}
        name, sha256, runtime = (fingerprint.get(key) for key in ("model_name", "model", "runtime"))
        return Maker(*(None if each is None else str(each) for each in (name, sha256, runtime)))

    @property
    def class_prior(self) -> ClassPriorRecord | None:
        """The mix of classes that its probabilities assume; None where neither footer nor ``run.json`` says."""
        if "class_prior" in self.footer:
            written: ClassPriorRecord = json.loads(self.footer["class_prior"])
            return written
        record = self.run.get("result")
        return (record.get("counts") or {}).get("class_prior") if record else None

    def check_column(self, name: str, more: Sequence[str] = (), origin: str = "") -> None:
        """Refuse a column that is not there.

        Args:
            name: of the column.
            more: columns that come from elsewhere.
            origin: where these come from.

        Raises:
            UsageError: naming those that are.
        """
        names = list(dict.fromkeys([*self.schema.names, *more]))
        if name not in names:
            raise UsageError(lacks_column([str(self.path), *([origin] if more else [])], name, names))

    def batches(self, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """These columns of all rows, some hundred thousand rows at a time.

        Raises:
            SourceError: a file is damaged, a part has other columns than the first, or a cell is not what its column
                should hold.
        """
        try:
            if is_csv(self.path):
                yield from csv_batches(self.path, self.schema, columns, self.escaped)
                return
            for file in self.files:
                with pq.ParquetFile(readable(file)) as opened:
                    if opened.schema_arrow != self.schema:
                        raise SourceError(f"{file} has other columns than {self.files[0]}; give parts of one result")
                    yield from opened.iter_batches(_BATCH, columns=list(columns))
        except (OSError, pa.ArrowException) as error:
            raise _unreadable(self.path, error) from None

    def read(self) -> pa.Table:
        """All columns of all rows.

        Raises:
            SourceError: as ``batches``.
        """
        return pa.Table.from_batches(self.batches(self.schema.names), self.schema)


@dataclass(frozen=True)
class HeldResult(StoredResult):
    """A result in memory, of which nothing is recorded but in the metadata of its table.

    Attributes:
        table: its rows.
    """

    table: pa.Table = field(kw_only=True)

    @cached_property
    def run(self) -> RunDocument:
        """Empty, as there is no ``run.json``."""
        return {}

    def batches(self, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """These columns of all rows, some hundred thousand rows at a time."""
        yield from self.table.select(columns).combine_chunks().to_batches(_BATCH)


def open_result(path: Place | GivenTable) -> StoredResult:
    """Read a result's columns and footer, but no rows.

    Args:
        path: the file or directory, or its rows as a table.

    Raises:
        SourceError: it is not there, or not a result.
    """
    if isinstance(path, GivenTable):
        return _held_result(path)
    try:
        if not path.exists():
            raise SourceError(f"no such file or directory: {path}")
        files = tuple(part_files(path)) if path.is_dir() else (path,)
        if not files:
            raise SourceError(f"the directory {path} holds no part-*.parquet; give a result of predict")
        escaped = is_csv(path) and _is_escaped(read_run(path))
        schema = csv_schema(path, escaped) if is_csv(path) else pq.read_schema(readable(files[0]))
    except pa.ArrowInvalid as error:
        if is_csv(path) or _begins_as_parquet(files[0]):
            raise _unreadable(path, error) from None
        raise SourceError(f"{path} is no result of predict; give its .parquet or .csv file, or its directory") from None
    except (OSError, ValueError, csv.Error, pa.ArrowException) as error:
        raise _unreadable(path, error) from None
    return StoredResult(
        path, files, schema.remove_metadata(), _classes_of_result(schema, str(path)), _footer(schema), escaped
    )


def _classes_of_result(schema: pa.Schema, named: str) -> tuple[str, ...]:
    """The classes of a result by its columns.

    Raises:
        SourceError: these are not the columns of a result.
    """
    class_names = classes_by_columns(schema.names)
    lacking = [name for name in _NEEDED if name not in schema.names]
    if lacking or len(class_names) < 2:
        what = f"no column {', '.join(lacking)}" if lacking else "no probabilities p_<class>"
        raise SourceError(f"{named} has {what}; give a result of predict")
    for name in class_names:
        if not pa.types.is_floating(schema.field(f"p_{name}").type):
            raise SourceError(f"{named}: the column p_{name} holds no numbers; give a result of predict")
    return class_names


def _footer(schema: pa.Schema) -> dict[str, str]:
    prefix = b"batch_emotion."
    return {
        key.removeprefix(prefix).decode(): value.decode("utf-8", "replace")
        for key, value in (schema.metadata or {}).items()
        if key.startswith(prefix)
    }


def _held_result(given: GivenTable) -> HeldResult:
    table = plain_columns(given.table.replace_schema_metadata(None))
    check_once(table.column_names, str(given))
    class_names = _classes_of_result(table.schema, str(given))
    for wanted in result_schema(class_names, checksum=True, faces=True):
        if wanted.name not in table.column_names:
            continue
        try:  # pandas makes floats of whole numbers with gaps
            column = table[wanted.name].cast(wanted.type)
        except pa.ArrowException as error:
            raise SourceError(f"{given} cannot be read: the column {wanted.name}: {one_line(error)}") from None
        table = table.set_column(table.column_names.index(wanted.name), wanted, column)
    return HeldResult(Path(given.name), (), table.schema, class_names, _footer(given.table.schema), table=table)


def read_result(path: Place) -> pa.Table:
    """All rows of a result.

    Raises:
        SourceError: as ``open_result`` and ``StoredResult.read``.
    """
    return open_result(path).read()


def result_probabilities(rows: pa.Table | pa.RecordBatch, class_names: Sequence[str]) -> NDArray[np.float32]:
    """The probabilities of N rows of a result, float32 (N, K), NaN in rows that have none."""
    return np.column_stack(
        [
            pc.fill_null(rows[f"p_{name}"].cast(pa.float32()), float("nan")).to_numpy(zero_copy_only=False)
            for name in class_names
        ]
    )


def _begins_as_parquet(file: Place) -> bool:
    if not isinstance(file, Path):
        return file.suffix.lower() == ".parquet"
    with file.open("rb") as opened:
        return opened.read(4) == b"PAR1"


def _unreadable(path: Place, error: Exception) -> SourceError:
    return SourceError(f"{path} cannot be read: {one_line(error)}")


def _is_escaped(run: RunDocument) -> bool:
    record = run.get("result")
    return bool(record and (record.get("fingerprint") or {}).get("csv_escape_formulas"))
