"""The final output, by its extension: one Parquet file, one CSV file, or a directory of Parquet parts."""

from __future__ import annotations

import codecs
import logging
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Literal

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from batch_emotion.errors import BatchEmotionError, OutputMismatch, UsageError, one_line, spelled
from batch_emotion.options.tables import CsvOptions
from batch_emotion.results.spreadsheets import FormulaCounter, escape_formulas
from batch_emotion.sources.delimited import SEPARATORS
from batch_emotion.storage.commits import committing, file_sha256, read_advice
from batch_emotion.storage.part_folders import committing_parts, folder_digest, is_part
from batch_emotion.storage.places import Place

OutputKind = Literal["parquet", "csv", "directory"]
_ROW_GROUP = 65_536
_LOG = logging.getLogger("batch_emotion")


def output_kind(out: Place) -> OutputKind:
    """What an output's name asks for; ``csv`` stands for text with commas or tabs.

    Raises:
        UsageError: its extension is none of those that are written.
    """
    kinds: dict[str, OutputKind] = {".parquet": "parquet", ".csv": "csv", ".tsv": "csv", "": "directory"}
    if out.name in ("", ".."):
        raise UsageError(f"`out` must name a new file or directory, such as results.parquet, not {str(out)!r}")
    suffix = out.suffix.lower()
    if suffix not in kinds:
        raise UsageError(
            f"cannot write {suffix} files: `out` must end in .parquet, .csv or .tsv, or have no extension (a directory)"
        )
    return kinds[suffix]


def check_target(out: Place) -> None:
    """Refuse to replace what is not a result of this tool's kind.

    Raises:
        OutputMismatch: a file where a directory is to be, or a directory of other things.
    """
    if output_kind(out) != "directory":
        if out.is_dir():
            raise OutputMismatch(f"{out} is a directory; name a file in it, such as {out / 'results.parquet'}")
    elif out.is_dir():
        foreign = [child.name for child in out.iterdir() if not is_part(child)]
        if foreign:
            raise OutputMismatch(f"the directory {out} holds other things ({foreign[0]}, …); name a new one")
    elif out.exists():
        raise OutputMismatch(f"{out} is a file, but a name without extension means a directory")


def write_result(
    out: Place,
    shards: Iterable[pa.Table],
    schema: pa.Schema,
    footer: dict[str, str],
    announce: Callable[[str], None] = lambda sha256: None,
    csv: CsvOptions | None = None,
) -> str:
    """Write the rows of all shards, in their order, and commit the whole; gives its ``output_digest``.

    Args:
        out: the file or directory.
        shards: the rows of each shard; columns outside ``schema`` are left out.
        schema: the result's columns.
        footer: facts for the footer of a Parquet file.
        announce: called with the digest when all is written, before the output gets its name.
        csv: how text is written, plainly where None; where formulas are not escaped, a warning tells of them.
    """
    rows = (shard.select(schema.names) for shard in shards)
    described = with_footer(schema, footer)
    match output_kind(out):
        case "parquet":
            with committing(out) as temporary:
                with _parquet_writer(temporary, described) as writer:
                    for table in _gathered(rows):
                        writer.write_table(table.cast(described))
                announce(digest := output_digest(temporary))
        case "csv":
            with committing(out) as temporary:
                _write_text(temporary, (table.cast(schema) for table in rows), schema, csv or CsvOptions(), out)
                announce(digest := output_digest(temporary))
        case "directory":
            with committing_parts(out) as parts:
                table = None
                for table in rows:
                    with parts.adding() as temporary, _parquet_writer(temporary, described) as writer:
                        writer.write_table(table.cast(described))
                if table is None:
                    with parts.adding() as temporary:
                        _parquet_writer(temporary, described).close()
                announce(digest := parts.digest())
    return digest


def with_footer(schema: pa.Schema, footer: dict[str, str]) -> pa.Schema:
    """The columns of a result with the facts that ``open_result`` finds again."""
    return schema.with_metadata({f"batch_emotion.{key}": value for key, value in footer.items()})


def _write_text(file: Path, rows: Iterable[pa.Table], schema: pa.Schema, csv: CsvOptions, out: Place) -> None:
    formulas = FormulaCounter()
    if csv.escape_formulas:
        rows, schema = map(escape_formulas, rows), escape_formulas(schema.empty_table()).schema
    else:
        rows = formulas.counting(rows)
    options = pyarrow.csv.WriteOptions(eol="\r\n", delimiter=SEPARATORS[out.suffix.lower()])
    with file.open("wb") as opened:
        opened.write(codecs.BOM_UTF8 if csv.bom else b"")
        with pyarrow.csv.CSVWriter(opened, schema, write_options=options) as writer:
            for table in rows:
                writer.write_table(table)
    if formulas.count:
        cells = "1 cell begins" if formulas.count == 1 else f"{formulas.count:,} cells begin"
        _LOG.warning(
            spelled(
                f"{cells} like a formula, which a spreadsheet would run ({one_line(formulas.example)[:60]}); "
                f"`csv.escape_formulas` makes them harmless in {out.name}"
            )
        )


def output_digest(out: Place) -> str:
    """Hex sha256 of an output: of the file, or of the names and contents of a directory's parts.

    Raises:
        BatchEmotionError: it cannot be read.
    """
    try:
        return folder_digest(out) if out.is_dir() else file_sha256(out)
    except OSError as error:
        raise BatchEmotionError(read_advice(error, out)) from error


def _parquet_writer(path: Path, schema: pa.Schema) -> pq.ParquetWriter:
    return pq.ParquetWriter(path, schema, compression="zstd")


def _gathered(tables: Iterator[pa.Table]) -> Iterator[pa.Table]:
    """Join small tables to row groups of some tens of thousands of rows."""
    waiting: list[pa.Table] = []
    for table in tables:
        waiting.append(table)
        if sum(map(len, waiting)) >= _ROW_GROUP:
            yield pa.concat_tables(waiting)
            waiting = []
    if waiting:
        yield pa.concat_tables(waiting)
