"""A result read back: the rows of a Parquet file, a CSV file or a directory of parts."""

from __future__ import annotations

import csv
import json
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from batch_emotion.errors import SourceError, one_line
from batch_emotion.results.schema import result_schema
from batch_emotion.results.sinks import output_kind
from batch_emotion.storage.folders import part_files
from batch_emotion.storage.remote import Place, readable


def read_result(out: Place) -> pa.Table:
    """All rows of a result, with the column types it was written with; a CSV's own columns are strings.

    Raises:
        SourceError: it is not there, or not a result.
    """
    try:
        match output_kind(out):
            case "csv":
                table = _read_csv(out)
            case "directory":
                table = pa.concat_tables(_read_parquet(part) for part in result_files(out))
            case "parquet":
                table = _read_parquet(out)
    except (OSError, pa.ArrowException) as error:
        raise SourceError(f"{out} cannot be read: {one_line(error)}") from None
    missing = [name for name in ("path", "status", "emotion") if name not in table.column_names]
    if missing:
        raise SourceError(f"{out} is not a result of this tool: it has no column {', '.join(missing)}")
    return table


def result_files(out: Place) -> list[Place]:
    """The Parquet files of a result, in the order of their rows."""
    return part_files(out) if out.is_dir() else [out]


def read_footer(out: Place) -> dict[str, Any]:
    """What a Parquet result says of itself; ``fingerprint`` is a dict there. Empty for another tool's file."""
    told = pq.read_schema(readable(result_files(out)[0])).metadata or {}
    prefix = b"batch_emotion."
    footer: dict[str, Any] = {
        key.removeprefix(prefix).decode(): value.decode() for key, value in told.items() if key.startswith(prefix)
    }
    return footer | {"fingerprint": json.loads(footer.get("fingerprint", "{}"))}


def _read_parquet(file: Place) -> pa.Table:
    with pq.ParquetFile(readable(file)) as opened:
        return opened.read().replace_schema_metadata(None)


def _read_csv(out: Place) -> pa.Table:
    with out.open(encoding="utf-8", newline="") as file:
        names = next(csv.reader(file), [])
    own = names.index("path") if "path" in names else len(names)
    classes = [name.removeprefix("p_") for name in names[own:] if name.startswith("p_")]
    known = result_schema(classes, checksum=True, faces=True)
    types = {field.name: field.type for field in known} | {name: pa.string() for name in names[:own]}
    convert = pyarrow.csv.ConvertOptions(
        column_types=types, strings_can_be_null=True, quoted_strings_can_be_null=False, null_values=[""]
    )
    parse = pyarrow.csv.ParseOptions(newlines_in_values=True)
    return pyarrow.csv.read_csv(readable(out), parse_options=parse, convert_options=convert)
