"""A CSV or Parquet manifest to a column of paths and a table of everything else, verbatim."""

from __future__ import annotations

import difflib
import io
from typing import TextIO

import pyarrow as pa

from batch_emotion.errors import SourceError, one_line
from batch_emotion.storage.escaping import escape_name
from batch_emotion.storage.places import Place, RemotePath, readable

MANIFEST_SUFFIXES = frozenset({".csv", ".parquet"})


def read_manifest(manifest: Place, path_column: str) -> tuple[pa.ChunkedArray, pa.Table]:
    """Read a manifest; CSV cells stay the strings they are, ``007`` and ``NA`` and empty ones included.

    Returns:
        the paths as written, and the other columns in their order.

    Raises:
        SourceError: it cannot be read, a column is there twice, or the path column is not there.
    """
    try:
        table = _read_csv(manifest) if manifest.suffix.lower() == ".csv" else _read_parquet(manifest)
    except (ValueError, OSError, pa.ArrowException) as error:
        raise SourceError(f"the manifest {escape_name(str(manifest))} cannot be read: {one_line(error)}") from None
    names = table.column_names
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise SourceError(f"the manifest has a column more than once: {', '.join(twice)}")
    if path_column not in names:
        near = difflib.get_close_matches(path_column, names, 1, 0.3)
        hint = f"; did you mean --path-column {near[0]}?" if near else ""
        raise SourceError(f"the manifest has no column {path_column!r}, only: {', '.join(names) or 'none'}{hint}")
    try:
        paths = table[path_column].cast(pa.string())
    except pa.ArrowException:
        kind = table.schema.field(path_column).type
        raise SourceError(f"the manifest's column {path_column!r} holds {kind}, not paths") from None
    return paths, table.drop_columns([path_column])


def _read_csv(manifest: Place) -> pa.Table:
    import pandas as pd

    with _text_of(manifest) as file:
        rows = pd.read_csv(
            file,
            header=None,
            dtype=object,
            keep_default_na=False,
            na_filter=False,
            index_col=False,
            skip_blank_lines=True,
            chunksize=65_536,
        )
        names: list[str] = []
        tables = []
        for chunk in rows:
            cells = [[_text(cell) for cell in chunk[column]] for column in chunk.columns]
            if not names:
                names = [column.pop(0) for column in cells]
            tables.append(pa.table([pa.array(column, pa.string()) for column in cells], names))
    return pa.concat_tables(tables)


def _text_of(manifest: Place) -> TextIO:
    """The manifest as text, lossless whatever its bytes are."""
    stream = (
        manifest.filesystem.open_input_stream(manifest.path)
        if isinstance(manifest, RemotePath)
        else manifest.open("rb")
    )
    return io.TextIOWrapper(stream, "utf-8-sig", "surrogateescape", newline="")


def _text(cell: object) -> str:
    return escape_name(cell) if isinstance(cell, str) and not cell.isascii() else cell if isinstance(cell, str) else ""


def _read_parquet(manifest: Place) -> pa.Table:
    import pyarrow.parquet as pq

    with pq.ParquetFile(readable(manifest)) as file:
        return file.read().replace_schema_metadata(None)
