"""Text that a spreadsheet would run as a formula, found, made harmless, and read back as it was."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import pyarrow as pa
import pyarrow.compute as pc

_FORMULA = r"^'*[=+\-@\t\r]"
_NUMBER = r"^[+-]?(?:\d+\.?\d*|\.\d+)?(?:[eE][+-]?\d+)?%?$"
_ESCAPED = r"^'+[=+\-@\t\r]"


class FormulaCounter:
    """Counts the cells and names of columns that begin like a formula, as tables go by."""

    def __init__(self) -> None:
        self.count = 0
        self.example = ""

    def counting(self, tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
        """Pass tables through."""
        for number, table in enumerate(tables):
            if not number:
                self._add(pa.chunked_array([pa.array(table.column_names, pa.string())]))
            for column in table.columns:
                if _is_text(column.type):
                    self._add(column)
            yield table

    def _add(self, texts: pa.ChunkedArray) -> None:
        found = texts.filter(pc.and_(pc.fill_null(_is_formula(texts), False), _is_not_escaped(texts)))
        self.count += len(found)
        if len(found) and not self.example:
            self.example = found[0].as_py()


def escape_formulas(table: pa.Table) -> pa.Table:
    """The table with a ``'`` before every text and name of a column that a spreadsheet would run.

    One goes before text that begins with ``'`` and such a sign too, so that it can be taken away again.
    """
    return _changed(table, lambda texts: pc.if_else(_is_formula(texts), _joined(texts), texts))


def unescape_formulas(table: pa.Table) -> pa.Table:
    """What ``escape_formulas`` was given."""
    return _changed(table, unescape_texts)


def unescape_texts(texts: pa.Array | pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    """Texts without the ``'`` that ``escape_formulas`` puts before them."""
    return pc.if_else(pc.match_substring_regex(texts, _ESCAPED), pc.utf8_slice_codeunits(texts, 1), texts)


def _changed(table: pa.Table, change: Callable[[pa.ChunkedArray], pa.ChunkedArray]) -> pa.Table:
    columns = [change(column) if _is_text(column.type) else column for column in table.columns]
    names = change(pa.array(table.column_names, pa.string())).to_pylist()
    return pa.table(columns, schema=pa.schema([f.with_name(n) for f, n in zip(table.schema, names, strict=True)]))


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _is_formula(texts: pa.Array | pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    return pc.and_not(pc.match_substring_regex(texts, _FORMULA), pc.match_substring_regex(texts, _NUMBER))


def _is_not_escaped(texts: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.fill_null(pc.invert(pc.match_substring_regex(texts, _ESCAPED)), False)


def _joined(texts: pa.Array | pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    return pc.binary_join_element_wise(pa.scalar("'", texts.type), texts, pa.scalar("", texts.type))
