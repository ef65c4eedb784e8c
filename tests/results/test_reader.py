import csv
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

import batch_emotion.results.csv_rows as csv_rows
import batch_emotion.results.reader as reader
from batch_emotion.errors import SourceError
from batch_emotion.results.reader import Maker, open_result, read_result, result_probabilities
from batch_emotion.results.writer import write_result
from tests.support.made_results import CLASSES, random_table, write

OWN = {"id": pa.array(["007", "", None, "NA", "a\nb"] * 40), "p_value": pa.array(["1", "2"] * 100)}


@pytest.mark.parametrize("name", ["r.parquet", "r.csv", "r"])
@pytest.mark.parametrize("rows", [200, 0])
def test_a_result_reads_back_as_it_was_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, rows: int
) -> None:
    monkeypatch.setattr(reader, "_BATCH", 64)
    monkeypatch.setattr(csv_rows, "_CSV_BLOCK", 4096)
    table = random_table(200, columns=OWN).slice(0, rows)
    result = open_result(write(table, tmp_path / name))
    assert result.class_names == CLASSES
    assert result.schema == table.schema
    assert result.read().equals(table)
    probabilities = result_probabilities(result.read(), CLASSES)
    assert (probabilities.shape, probabilities.dtype) == ((rows, 3), np.float32)
    bad = [status != "ok" for status in table["status"].to_pylist()]
    assert np.isnan(probabilities).any(axis=1).tolist() == bad
    batches = list(result.batches(["status", "id"]))
    assert len(batches) > 2 or not rows
    assert pa.Table.from_batches(batches, pa.schema([table.schema.field(name) for name in ("status", "id")])).equals(
        table.select(["status", "id"])
    )


def test_parts_of_different_results_are_refused(tmp_path: Path) -> None:
    write(random_table(10), tmp_path / "r")
    write(random_table(10, columns={"id": pa.array(["x"] * 10)}), tmp_path / "r" / "part-000002.parquet")
    with pytest.raises(SourceError, match=r"part-000002.parquet has other columns than .*part-000000.parquet"):
        read_result(tmp_path / "r")


def test_probabilities_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    table = random_table(4)
    words = table.set_column(table.column_names.index("p_sad"), "p_sad", pa.array(["much"] * 4))
    write(words, tmp_path / "r.parquet")
    with pytest.raises(SourceError, match="the column p_sad holds no numbers"):
        open_result(tmp_path / "r.parquet")
    write(words, tmp_path / "r.csv")
    with pytest.raises(SourceError, match=r"r.csv cannot be read: .*much"):
        read_result(tmp_path / "r.csv")


FINGERPRINT = {"model_name": "m", "model": "1234", "runtime": "onnx"}


def _run_document(out: Path, fingerprint: dict[str, object]) -> None:
    document = {"result": {"fingerprint": fingerprint}, "last_run": {}}
    out.with_name(f"{out.name}.run.json").write_text(json.dumps(document))


@pytest.mark.parametrize("name", ["r.parquet", "r"])
def test_the_footer_names_the_model_that_made_a_result(name: str, tmp_path: Path) -> None:
    footer = {"model": "m", "model_sha256": "1234", "runtime": "onnx"}
    table = random_table(4)
    write_result(tmp_path / name, [table], table.schema, footer)
    _run_document(tmp_path / name, FINGERPRINT | {"model_name": "of a result that was here before"})
    assert open_result(tmp_path / name).maker == Maker("m", "1234", "onnx")


def test_where_there_is_no_footer_run_json_names_it(tmp_path: Path) -> None:
    out = write(random_table(4), tmp_path / "r.csv")
    assert open_result(out).maker == Maker(None, None, None)
    _run_document(out, FINGERPRINT)
    assert open_result(out).maker == Maker("m", "1234", "onnx")
    _run_document(out, {})
    assert open_result(out).maker == Maker(None, None, None)
    for text in ("", "[]", "{}", '{"result": null}', '{"result": {"tool": "x"}}'):
        (tmp_path / "r.csv.run.json").write_text(text)
        assert open_result(out).maker == Maker(None, None, None)


@pytest.mark.parametrize(("separator", "point"), [(";", "."), (";", ","), ("\t", ".")])
def test_a_csv_result_that_a_spreadsheet_saved_again_reads_back(separator: str, point: str, tmp_path: Path) -> None:
    table = random_table(20, columns={"id": pa.array(["1,5"] * 20)})
    written = write(table, tmp_path / "r.csv")
    with written.open(newline="") as file:
        header, *rows = csv.reader(file)
    saved = tmp_path / "saved.csv"
    with saved.open("w", newline="", encoding="utf-8-sig") as file:
        out = csv.writer(file, delimiter=separator)
        out.writerow(header)
        numbers = [name == "confidence" or name.startswith("p_") for name in header]
        for row in rows:
            out.writerow([c.replace(".", point) if n else c for c, n in zip(row, numbers, strict=True)])
    assert open_result(saved).read().equals(table)


def test_a_header_that_goes_on_and_on_is_no_result(tmp_path: Path) -> None:
    (tmp_path / "r.csv").write_text('path,status,"' + "x" * 200_000)
    with pytest.raises(SourceError, match=r"r\.csv cannot be read: field larger than field limit"):
        open_result(tmp_path / "r.csv")


def test_another_file_is_told_from_a_damaged_result(tmp_path: Path) -> None:
    for name, content in (("m.html", b"<!doctype html>"), ("m.json", b"{}"), ("m.parquet", b"")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(SourceError, match=f"{name} is no result of predict; give its .parquet or .csv file"):
            open_result(tmp_path / name)
    (tmp_path / "cut.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(SourceError, match=r"cut\.parquet cannot be read: "):
        open_result(tmp_path / "cut.parquet")
