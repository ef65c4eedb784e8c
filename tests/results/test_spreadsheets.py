import pyarrow as pa
import pytest

from batch_emotion.results.spreadsheets import FormulaCounter, escape_formulas, unescape_formulas

FORMULAS = ["=1", "+cmd|' /C calc'!A0", "-x", "@SUM(A1)", "\tx", "\rx", '=HYPERLINK("http://x").jpg']
HARMLESS = ["a=1", "", None, "-3", "+1.5", "-2e-3", ".5", "'quoted'", "ok", "-", "12 %"]


def _table(cells: list[str | None]) -> pa.Table:
    return pa.table({"note": pa.array(cells, pa.string()), "number": pa.array([-1.0] * len(cells))})


def test_text_that_a_spreadsheet_would_run_gets_an_apostrophe_and_numbers_and_nulls_do_not() -> None:
    escaped = escape_formulas(_table(FORMULAS + HARMLESS))
    assert escaped["note"].to_pylist() == ["'" + text for text in FORMULAS] + HARMLESS
    assert escaped["number"].to_pylist() == [-1.0] * len(escaped)


@pytest.mark.parametrize("times", [1, 2, 3])
def test_what_was_escaped_is_read_back_as_it_was(times: int) -> None:
    cells = FORMULAS + HARMLESS + ["'=1", "''@x", "'ok"]
    table = _table(cells).rename_columns(["=note", "number"])
    changed = table
    for _ in range(times):
        changed = escape_formulas(changed)
    assert changed.column_names == ["'" * times + "=note", "number"]
    for _ in range(times):
        changed = unescape_formulas(changed)
    assert changed.equals(table)


def test_cells_and_names_that_look_like_formulas_are_counted_once_each() -> None:
    counter = FormulaCounter()
    tables = [_table([*FORMULAS, "'=harmless"]), _table(HARMLESS)]
    assert list(counter.counting(tables)) == tables
    assert (counter.count, counter.example) == (len(FORMULAS), "=1")
    named = FormulaCounter()
    list(named.counting([_table(["a"]).rename_columns(["@x", "number"])] * 2))
    assert (named.count, named.example) == (1, "@x")
