"""A table of text with separators to columns of strings, whatever its encoding and separator."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TextIO

import pyarrow as pa

from batch_emotion.errors import SourceError, UsageError, one_line
from batch_emotion.sources.workbooks import refuse_workbook
from batch_emotion.storage.escaping import escape_name
from batch_emotion.storage.places import Place
from batch_emotion.storage.remote import RemotePath
from batch_emotion.storage.spool import Spool

SEPARATORS = {".csv": ",", ".tsv": "\t"}
_NAMES = {",": "commas", ";": "semicolons", "\t": "tabs"}
_SAMPLE = 65_536
_EXCELS_LINE = re.compile(r'"?sep=([^"\r\n])"?\1*(?:[\r\n]|$)', re.IGNORECASE)
_FOREIGN = re.compile("[\udc80-\udcff]")
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def read_delimited(
    file: Place,
    wanted: str,
    encoding: str | None = None,
    delimiter: str | None = None,
    folder: Path | None = None,
) -> pa.Table:
    """Read a table with a header; cells stay the strings they are, ``007`` and ``NA`` and empty ones included.

    Args:
        file: the table.
        wanted: a column it should have, by which its separator is found.
        encoding: of the text; what its byte order mark says, else UTF-8, where None. Bytes that are not UTF-8 are kept,
            escaped, only where ``utf-8`` is given.
        delimiter: what separates the cells; where None, what a first line such as ``sep=;`` says, which is none of the
            rows, else that of the file's extension, or comma, semicolon or tab, if the header has the wanted column
            only so.
        folder: where a long table is kept on disk; that for temporary files where None.

    Raises:
        UsageError: there is no such encoding, or the delimiter is not one character.
        SourceError: the text is of another encoding, or its rows are not of one length.
    """
    with _open(file) as stream:
        sample = stream.read(_SAMPLE)
    refuse_workbook(str(file), sample)
    encoding = _known_encoding(encoding) if encoding else _detected_encoding(file, sample)
    strict = encoding != "utf-8"
    if not strict:
        encoding = "utf-8-sig"
    if delimiter is not None:
        delimiter = _one_character(delimiter)
    try:
        header = codecs.getincrementaldecoder(encoding)("replace").decode(sample)
        named = _EXCELS_LINE.match(header)
        if delimiter is None and named:
            delimiter = named[1]
        elif delimiter is None:
            delimiter = find_delimiter(header, wanted, SEPARATORS.get(file.suffix.lower(), ","))
        with io.TextIOWrapper(_open(file), encoding, "strict" if strict else "surrogateescape", newline="") as opened:
            if named:
                opened.readline()
            return _read(opened, delimiter, folder)
    except UnicodeError as error:
        raise SourceError(_not_of_encoding(file, encoding, error)) from None
    except ValueError as error:
        raise SourceError(_not_read(file, delimiter, error)) from None


def _open(file: Place) -> Any:
    return file.filesystem.open_input_stream(file.path) if isinstance(file, RemotePath) else file.open("rb")


def _read(file: TextIO, delimiter: str, folder: Path | None) -> pa.Table:
    import pandas as pd

    rows = pd.read_csv(
        file,
        sep=delimiter,
        header=None,
        dtype=object,
        keep_default_na=False,
        na_filter=False,
        index_col=False,
        skip_blank_lines=True,
        encoding_errors="surrogateescape",
        chunksize=65_536,
    )
    names: list[str] = []
    spool: Spool | None = None
    for chunk in rows:
        cells = [[_text(cell) for cell in chunk[column]] for column in chunk.columns]
        if not names:
            names = [column.pop(0) for column in cells]
        table = pa.table([pa.array(column, pa.string()) for column in cells], names)
        spool = spool or Spool(table.schema, folder)
        spool.write(table)
    return spool.finish().table if spool else pa.table({})


def _text(cell: object) -> str:
    """A cell as the text that it is, which may have escapes already; one with bytes that are no text is escaped."""
    if not isinstance(cell, str):
        return ""
    return cell if cell.isascii() or not _FOREIGN.search(cell) else escape_name(cell)


def _known_encoding(name: str) -> str:
    try:
        info = codecs.lookup(name)
        "".encode(info.name)
    except (LookupError, ValueError):
        raise UsageError(f"`encoding`: there is no encoding {name!r}; try utf-8, utf-16 or cp1252") from None
    return info.name


def _detected_encoding(file: Place, sample: bytes) -> str:
    for mark, encoding in _MARKS:
        if sample.startswith(mark):
            return encoding
    if b"\0" in sample:
        likely = "utf-16-be" if sample.startswith(b"\0") else "utf-16-le"
        raise SourceError(
            f"the manifest {escape_name(str(file))} holds NUL bytes: it is UTF-16 without a byte order mark, "
            f"to be read with `encoding` {likely}, or no text at all"
        )
    return "utf-8-sig"


def _not_read(file: Place, delimiter: str | None, error: ValueError) -> str:
    from pandas.errors import EmptyDataError

    shown = escape_name(str(file))
    if isinstance(error, EmptyDataError):
        return f"the manifest {shown} is empty; its first line should name its columns"
    named = _NAMES.get(delimiter or "", repr(delimiter))
    return (
        f"the manifest {shown} cannot be read: {one_line(error)} (its cells are taken to be separated by {named}; "
        "`delimiter` names something else)"
    )


def _not_of_encoding(file: Place, encoding: str, error: UnicodeError) -> str:
    shown = escape_name(str(file))
    if encoding != "utf-8-sig":
        return f"the manifest {shown} is not {encoding}: {error}; `encoding` names its encoding"
    with io.TextIOWrapper(_open(file), encoding, "surrogateescape", newline="\n") as opened:
        number, foreign = next(
            (number, found) for number, line in enumerate(opened, 1) if (found := _FOREIGN.search(line))
        )
    return (
        f"the manifest {shown} is not UTF-8: line {number} holds the byte 0x{ord(foreign[0]) - 0xDC00:02x}; name its "
        "encoding, such as `encoding` cp1252 (Windows), or give `encoding` utf-8 to take such bytes as they are"
    )


def _one_character(delimiter: str) -> str:
    character = {"\\t": "\t", "tab": "\t"}.get(delimiter, delimiter)
    if len(character) != 1 or character in '"\r\n\0':
        raise UsageError(f"`delimiter` must be one character, such as ; or tab, not {delimiter!r}")
    return character


def find_delimiter(text: str, wanted: str, usual: str) -> str:
    """The usual separator unless another one gives the header the wanted column, or more columns at least."""
    candidates = [usual, *(each for each in _NAMES if each != usual)]
    headers = {each: _header(text, each) for each in candidates}
    named = [each for each in candidates if wanted in headers[each]]
    return named[0] if named else max(candidates, key=lambda each: len(headers[each]))


def _header(text: str, delimiter: str) -> Sequence[str]:
    try:
        return next(filter(None, csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)), [])
    except csv.Error:
        return []
