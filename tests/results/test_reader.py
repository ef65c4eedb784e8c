from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

import batch_emotion.results.reader as reader
from batch_emotion.errors import SourceError
from batch_emotion.results.reader import open_result, read_result, result_probabilities
from tests.support.made_results import CLASSES, random_table, write

OWN = {"id": pa.array(["007", "", None, "NA", "a\nb"] * 40), "p_value": pa.array(["1", "2"] * 100)}


@pytest.mark.parametrize("name", ["r.parquet", "r.csv", "r"])
@pytest.mark.parametrize("rows", [200, 0])
def test_a_result_reads_back_as_it_was_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, rows: int
) -> None:
    monkeypatch.setattr(reader, "_BATCH", 64)
    monkeypatch.setattr(reader, "_CSV_BLOCK", 4096)
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
