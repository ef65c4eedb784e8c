"""A CSV or Parquet manifest to a column of paths and a table of everything else, verbatim."""

from __future__ import annotations

import difflib
import shlex
from pathlib import Path

import pyarrow as pa

from batch_emotion.columns import check_once, find_column, plain_columns, repacked
from batch_emotion.errors import SourceError, one_line
from batch_emotion.frames import GivenTable
from batch_emotion.sources.delimited import SEPARATORS, read_delimited
from batch_emotion.sources.folder import is_image
from batch_emotion.sources.workbooks import refuse_workbook
from batch_emotion.storage.escaping import escape_name
from batch_emotion.storage.places import Place, readable
from batch_emotion.storage.tables import TABLE_SUFFIXES, open_table

MANIFEST_SUFFIXES = frozenset({*SEPARATORS, *TABLE_SUFFIXES})


_CHOOSABLE = ("manifest", "table")


def read_manifest(
    manifest: Place | GivenTable,
    path_column: str,
    encoding: str | None = None,
    delimiter: str | None = None,
    folder: Path | None = None,
    kind: str = "manifest",
) -> tuple[pa.ChunkedArray, pa.Table]:
    """Read a manifest; CSV cells stay the strings they are, ``007`` and ``NA`` and empty ones included.

    Args:
        manifest: ``.csv``, ``.tsv``, ``.parquet`` or ``.arrow``, or a table that is at hand.
        path_column: the column that holds the paths.
        encoding: of text; found from its bytes where None.
        delimiter: of text; found from its header where None.
        folder: where a long one of text is kept on disk; that for temporary files where None.
        kind: what it is, for messages; the path column of what is no manifest cannot be chosen.

    Returns:
        the paths as written, and the other columns in their order, in types that every stage can carry.

    Raises:
        SourceError: it cannot be read, a column is there twice, the path column is not there, or a column holds what a
            result cannot.
    """
    if isinstance(manifest, GivenTable):
        plain = repacked(plain_columns(manifest.table.replace_schema_metadata(None)))
        return path_and_others(plain, path_column, manifest.kind)
    refuse_workbook(str(manifest))
    try:
        if manifest.suffix.lower() in SEPARATORS:
            table = read_delimited(manifest, path_column, encoding, delimiter, folder)
        elif manifest.suffix.lower() == ".parquet":
            table = _read_parquet(manifest)
        else:
            arrow = open_table(escape_name(str(manifest)))
            check_once(arrow.schema.names, f"the {kind}")
            table = plain_columns(arrow.read(arrow.schema.names))
    except (ValueError, OSError, pa.ArrowException) as error:
        raise SourceError(f"the {kind} {escape_name(str(manifest))} cannot be read: {one_line(error)}") from None
    return path_and_others(table, path_column, kind, is_text=manifest.suffix.lower() in SEPARATORS)


def path_and_others(
    table: pa.Table, path_column: str, kind: str, is_text: bool = False
) -> tuple[pa.ChunkedArray, pa.Table]:
    """The column of paths of a table and its other columns.

    Args:
        table: of plain columns.
        path_column: the column that holds the paths.
        kind: what the table is, for messages.
        is_text: it was read from CSV.

    Raises:
        SourceError: a column is there twice, or the path column is not there or holds no paths.
    """
    names = table.column_names
    check_once(names, f"the {kind}")
    found = find_column(names, path_column)
    if found is None:
        near = _columns_of_images(table) or difflib.get_close_matches(path_column, names, 1, 0.3)
        hint = f"; did you mean `path_column` {shlex.quote(near[0])}?" if near and kind in _CHOOSABLE else ""
        if len(names) == 1 and is_text and kind in _CHOOSABLE:
            hint = "; `delimiter` says what separates its columns, `path_column` which one holds the paths"
        raise SourceError(f"the {kind} has no column {path_column!r}, only: {', '.join(names) or 'none'}{hint}")
    return _paths(table[found], found, kind), table.drop_columns([found])


def _columns_of_images(table: pa.Table) -> list[str]:
    """The columns of text whose first values all end like images."""
    types = pa.types
    texts = [field.name for field in table.schema if types.is_string(field.type) or types.is_large_string(field.type)]
    found = []
    for name in texts:
        values = [value for value in table[name].slice(0, 100).to_pylist() if value]
        if values and all(is_image(value.strip()) for value in values):
            found.append(name)
    return found


def _paths(column: pa.ChunkedArray, name: str, kind: str) -> pa.ChunkedArray:
    try:
        paths = column.cast(pa.string())
        paths.validate(full=True)
    except pa.ArrowException:
        held = "text that is not UTF-8" if pa.types.is_string(column.type) else str(column.type)
        raise SourceError(f"the {kind}'s column {name!r} holds {held}, not paths") from None
    return paths


def _read_parquet(manifest: Place) -> pa.Table:
    import pyarrow.parquet as pq

    with pq.ParquetFile(readable(manifest)) as file:
        try:
            table = file.read()  # in one piece, as the digest of its plan depends on it
        except pa.ArrowNotImplementedError:  # categories within lists, for one, are not joined across row groups
            groups = range(file.num_row_groups)
            table = pa.concat_tables(plain_columns(file.read_row_group(number)) for number in groups)
        return plain_columns(table.replace_schema_metadata(None))
