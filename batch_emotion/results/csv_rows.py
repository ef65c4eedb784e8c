"""A result as text: its columns by the header and its rows, as written or as a spreadsheet saved them again."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence

import pyarrow as pa
import pyarrow.csv

from batch_emotion.results.schema import result_schema
from batch_emotion.results.spreadsheets import escape_formulas, unescape_formulas, unescape_texts
from batch_emotion.sources.delimited import SEPARATORS, find_delimiter
from batch_emotion.storage.places import Place, readable

_CSV_BLOCK = 8 * 2**20
_SAMPLE = 65_536


def is_csv(path: Place) -> bool:
    """Whether a result is text, by its name."""
    return path.suffix.lower() in SEPARATORS


def classes_by_columns(names: Sequence[str]) -> tuple[str, ...]:
    """The classes by the columns ``p_<class>`` after ``confidence``, where no column is a manifest's own."""
    ours = names[names.index("confidence") :] if "confidence" in names else []
    return tuple(name.removeprefix("p_") for name in ours if name.startswith("p_"))


def csv_schema(path: Place, escaped: bool) -> pa.Schema:
    """The columns of a CSV result by its header: those before ``path`` are the manifest's, and strings."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        names = next(csv.reader(file, delimiter=_separator(path)), [])
    if escaped:
        names = unescape_texts(pa.array(names, pa.string())).to_pylist()
    own = names.index("path") if "path" in names else len(names)
    known = result_schema(classes_by_columns(names[own:]), checksum=True, faces=True)
    kinds = {field.name: field.type for field in known}
    return pa.schema(
        [(name, pa.string() if at < own else kinds.get(name, pa.string())) for at, name in enumerate(names)]
    )


def csv_batches(path: Place, schema: pa.Schema, columns: Sequence[str], escaped: bool) -> Iterator[pa.RecordBatch]:
    """These columns of all rows of a CSV result."""
    wanted = pa.schema([schema.field(name) for name in columns])
    written = escape_formulas(wanted.empty_table()).schema if escaped else wanted
    separator = _separator(path)
    convert = pyarrow.csv.ConvertOptions(
        column_types=written,
        include_columns=written.names,
        strings_can_be_null=True,
        quoted_strings_can_be_null=False,
        null_values=[""],
        decimal_point=_decimal_point(path, separator),
    )
    with pyarrow.csv.open_csv(
        readable(path),
        pyarrow.csv.ReadOptions(block_size=_CSV_BLOCK),
        pyarrow.csv.ParseOptions(newlines_in_values=True, delimiter=separator),
        convert,
    ) as reader:
        for batch in reader:
            if len(batch) and escaped:
                yield from unescape_formulas(pa.Table.from_batches([batch])).to_batches()
            elif len(batch):
                yield batch


def _separator(path: Place) -> str:
    """What separates the cells: that of the file's extension, unless a spreadsheet saved it again with another."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        return find_delimiter(file.read(_SAMPLE), "path", SEPARATORS[path.suffix.lower()])


def _decimal_point(path: Place, separator: str) -> str:
    """A comma where a spreadsheet wrote numbers so, by the first confidence, else a point."""
    if separator != ";":
        return "."
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = csv.DictReader(file, delimiter=separator)
        confidence = next(filter(None, (row.get("confidence") for row in rows)), "")
    return "," if "," in confidence else "."
