"""Results for people who work with tables: spreadsheets, R, pandas, DuckDB."""

import csv
import io
import shutil
from dataclasses import replace
from pathlib import Path

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pytest

from batch_emotion import EvaluateOptions, MergeOptions, PredictOptions, ReportOptions, evaluate, merge, predict, report
from batch_emotion.cli import main
from batch_emotion.errors import OutputMismatch, SourceError, UsageError
from batch_emotion.model.bundle import load_bundle
from batch_emotion.options.runs import Task, UpdateOptions
from batch_emotion.options.tables import ColumnOptions, CsvOptions
from batch_emotion.results.reader import open_result, read_result

ODD = '=HYPERLINK("x").png'


@pytest.fixture
def visits(faces: Path, tmp_path: Path) -> Path:
    """A manifest whose names, cells and one column look like formulas; the last image is not there."""
    shutil.copy(faces / "happy" / "happy-0001.png", tmp_path / ODD)
    shutil.copy(faces / "sad" / "sad-0001.png", tmp_path / "ä.png")
    frame = pd.DataFrame(
        {"path": [ODD, "ä.png", "-gone.png"], "=note": ["@SUM(1)", "'=a", "-3"], "label": ["Joy", "sadness", "sad"]}
    )
    frame.to_csv(tmp_path / "visits.csv", index=False)
    return tmp_path / "visits.csv"


def test_formulas_are_told_of_and_made_harmless_on_request(
    visits: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plain, safe = tmp_path / "plain.csv", tmp_path / "safe.csv"
    assert main(["predict", str(visits), "--out", str(plain), "--quiet"]) == 0
    told = capsys.readouterr().err
    assert "4 cells begin like a formula, which a spreadsheet would run (=note)" in told
    assert "--csv-escape-formulas makes them harmless in plain.csv" in told
    assert main(["predict", str(visits), "--out", str(safe), "--quiet", "--csv-escape-formulas"]) == 0
    assert "formula" not in capsys.readouterr().err
    cells = list(csv.reader(io.StringIO(safe.read_text(encoding="utf-8"), newline="")))
    assert cells[0][:3] == ["'=note", "label", "path"]
    assert [row[:3] for row in cells[1:]] == [
        ["'@SUM(1)", "Joy", f"'{ODD}"],
        ["''=a", "sadness", "ä.png"],
        ["-3", "sad", "'-gone.png"],
    ]
    assert open_result(safe).schema == open_result(plain).schema
    assert read_result(safe).equals(read_result(plain))


def test_a_safe_result_is_updated_evaluated_and_reported_like_any_other(visits: Path, tmp_path: Path) -> None:
    out, csv_options = tmp_path / "r.csv", CsvOptions(bom=True, escape_formulas=True)
    options = PredictOptions((str(visits),), out, csv=csv_options, update=UpdateOptions())
    predict(options)
    before = out.read_bytes()
    updated = predict(options)
    assert updated.outcome == "nothing to do"
    frame = pd.read_csv(visits).iloc[:2]
    frame.to_csv(visits, index=False)
    counts = predict(options).summary.update
    assert counts is not None
    assert (counts.unchanged, counts.vanished) == (2, 1)
    assert out.read_bytes() == before  # the row of the vanished image is kept, last
    evaluation = evaluate(EvaluateOptions(out, tmp_path / "e", root=tmp_path)).evaluation
    assert evaluation["all"]["images"] == 2
    assert report(ReportOptions(out, tmp_path / "r.html", root=tmp_path, explain=False))["labels"] is not None


def test_the_form_of_a_result_is_a_difference_that_an_update_brings_about(visits: Path, tmp_path: Path) -> None:
    out = tmp_path / "r.csv"
    predict(PredictOptions((str(visits),), out))
    options = PredictOptions((str(visits),), out, csv=CsvOptions(bom=True))
    with pytest.raises(OutputMismatch, match=r"csv-bom \(False then, True now\)"):
        predict(options)
    counts = predict(replace(options, update=UpdateOptions())).summary.update
    assert counts is not None
    assert counts.unchanged == 3
    assert out.read_bytes().startswith(b'\xef\xbb\xbf"=note"')


def test_tabs_and_a_byte_order_mark_are_read_back_and_by_others(visits: Path, tmp_path: Path) -> None:
    plain, tabs = tmp_path / "r.parquet", tmp_path / "r.tsv"
    predict(PredictOptions((str(visits),), plain))
    predict(PredictOptions((str(visits),), tabs, csv=CsvOptions(bom=True)))
    assert tabs.read_bytes().count(b"\t") == (len(open_result(tabs).schema) - 1) * 4
    assert read_result(tabs).equals(read_result(plain))
    exact = pd.read_parquet(plain, dtype_backend="numpy_nullable").mtime_ns[:2].tolist()
    text = pd.read_csv(tabs, sep="\t", dtype_backend="numpy_nullable")
    assert text.path.tolist() == [ODD, "ä.png", "-gone.png"]
    assert text.mtime_ns[:2].tolist() == exact
    rows = duckdb.sql(f"select path, mtime_ns from read_csv('{tabs}') where status = 'ok' order by mtime_ns").fetchall()
    assert [row[1] for row in rows] == sorted(exact)
    arrow = pyarrow.csv.read_csv(tabs, parse_options=pyarrow.csv.ParseOptions(delimiter="\t"))
    assert arrow["emotion"][0].as_py() == "happy"


@pytest.mark.parametrize("name", ["r.parquet", "r.csv", "r.tsv", "r"])
def test_rows_say_when_and_by_what_they_were_made_in_every_form_and_after_an_update(
    faces: Path, tmp_path: Path, name: str
) -> None:
    columns, out = ColumnOptions(iso_time=True, model=True), tmp_path / name
    shutil.copytree(faces / "happy", tmp_path / "f")
    options = PredictOptions(
        (str(tmp_path / "f"),), out, class_prior="uniform", columns=columns, update=UpdateOptions()
    )
    predict(options)
    shutil.copy(faces / "sad" / "sad-0001.png", tmp_path / "f")
    updated = predict(options)
    assert updated.summary.update is not None
    assert updated.summary.update.unchanged == 8
    table = read_result(out)
    assert table.column_names[-4:] == ["mtime", "model", "model_version", "class_prior"]
    card = load_bundle().card
    made_by = {tuple(row.values()) for row in table.select(["model", "model_version", "class_prior"]).to_pylist()}
    assert made_by == {(card.name, load_bundle().sha256[:12], "uniform")}
    times = pd.to_datetime(table["mtime"].to_pandas())
    assert (
        times.astype("datetime64[s, UTC]") == pd.to_datetime(table["mtime_ns"].to_pandas(), utc=True).dt.floor("s")
    ).all()
    memory = predict(PredictOptions((str(tmp_path / "f"),), class_prior="uniform", columns=columns)).table
    assert memory is not None
    assert memory.column_names == table.column_names
    assert memory["mtime"].to_pylist() == table["mtime"].to_pylist()


def test_a_manifest_with_a_column_of_such_a_name_is_refused_only_where_it_is_asked_for(
    faces: Path, tmp_path: Path
) -> None:
    (tmp_path / "m.csv").write_text("path,model\nhappy/happy-0001.png,camera-7\n")
    plain = predict(PredictOptions((str(tmp_path / "m.csv"),))).table
    assert plain is not None
    assert plain["model"].to_pylist() == ["camera-7"]
    with pytest.raises(SourceError, match="the manifest's column model has the name of a result column"):
        predict(PredictOptions((str(tmp_path / "m.csv"),), columns=ColumnOptions(model=True)))


def test_merge_keeps_the_columns_and_writes_for_spreadsheets(visits: Path, tmp_path: Path) -> None:
    columns = ColumnOptions(model=True)
    parts = []
    for task in range(2):
        parts.append(tmp_path / f"part-{task}.parquet")
        predict(PredictOptions((str(visits),), parts[-1], columns=columns, task=Task(task, 2)))
    merge(MergeOptions(tuple(parts), tmp_path / "m.csv", CsvOptions(escape_formulas=True)))
    options = CsvOptions(escape_formulas=True)
    predict(PredictOptions((str(visits),), tmp_path / "one.csv", columns=columns, csv=options))
    assert (tmp_path / "m.csv").read_bytes() == (tmp_path / "one.csv").read_bytes()
    assert "model" in read_result(tmp_path / "m.csv").column_names
    with pytest.raises(UsageError, match=r"`csv.bom` goes with an output that ends in .csv or .tsv"):
        merge(MergeOptions(tuple(parts), tmp_path / "m.parquet", CsvOptions(bom=True)))


def test_options_of_csv_need_csv(faces: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["predict", str(faces), "--out", str(tmp_path / "r.parquet"), "--csv-bom"]) == 2
    assert "--csv-bom goes with an output that ends in .csv or .tsv" in capsys.readouterr().err


def test_the_tables_of_an_evaluation_are_escaped_too(visits: Path, tmp_path: Path) -> None:
    options = EvaluateOptions(
        visits, tmp_path / "e", group_by=("=note",), csv=CsvOptions(bom=True, escape_formulas=True)
    )
    pd.read_csv(visits).assign(label="fear").to_csv(visits, index=False)
    evaluate(options)
    written = (tmp_path / "e" / "mistakes.csv").read_bytes()
    assert written.startswith(b"\xef\xbb\xbf")
    assert f"'{ODD}" in pd.read_csv(io.BytesIO(written)).path.tolist()
    assert pa.parquet.read_table(tmp_path / "e" / "mistakes.parquet")["path"].to_pylist().count(ODD) == 1
