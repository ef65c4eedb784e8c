import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from batch_emotion.storage import spool
from batch_emotion.storage.spool import RowTaker, SpooledTable, disk_array, spooled, unnamed_file

SCHEMA = pa.schema([("number", pa.int64()), ("name", pa.string())])


@pytest.fixture(params=["in memory", "on disk", "on disk without O_TMPFILE"])
def folder(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    if request.param != "in memory":
        monkeypatch.setattr(spool, "_IN_MEMORY", 0)
    if request.param.endswith("O_TMPFILE"):
        monkeypatch.setattr(os, "O_TMPFILE", 0, raising=False)
        monkeypatch.setattr(tempfile, "_O_TMPFILE_WORKS", False, raising=False)
    return tmp_path


def _batches(*counts: int) -> Iterator[pa.RecordBatch]:
    first = 0
    for count in counts:
        numbers = range(first, first + count)
        yield pa.record_batch([list(numbers), [f"n{number}" for number in numbers]], schema=SCHEMA)
        first += count


def _spooled(folder: Path) -> SpooledTable:
    return spooled(_batches(3, 0, 4, 1), SCHEMA, folder)


def test_a_table_is_what_was_written_and_no_file_can_be_seen(folder: Path) -> None:
    found = _spooled(folder)
    assert found.table.equals(pa.Table.from_batches(_batches(8), SCHEMA))
    assert found.is_on_disk == (spool._IN_MEMORY == 0)
    assert list(folder.iterdir()) == []
    found.release()
    assert found.table["name"].to_pylist() == [f"n{number}" for number in range(8)]
    assert spooled([], SCHEMA, folder).table.equals(SCHEMA.empty_table())


def test_a_file_without_a_name_can_be_given_one(folder: Path) -> None:
    found, path = _spooled(folder), folder / "kept.arrow"
    path.touch()
    if found.link(path):
        with pa.ipc.open_file(path) as file:
            assert file.read_all().equals(found.table)
    else:
        assert not (found.is_on_disk and getattr(os, "O_TMPFILE", 0) and Path("/proc/self/fd").is_dir())


@pytest.mark.parametrize("rows", [[], [2], [2, 3, 4], [7, 0, 7, 3, 2], [0, 1, 2, 3, 4, 5, 6, 7], [6, 4]])
def test_rows_are_taken_by_number_across_batches(rows: list[int], folder: Path) -> None:
    table = RowTaker(_spooled(folder).table).take(np.array(rows, np.int64))
    assert table["number"].to_pylist() == rows
    assert table["name"].to_pylist() == [f"n{row}" for row in rows]


def test_an_array_begins_with_zeros(folder: Path) -> None:
    for count in (0, 5):
        numbers = disk_array(count, np.int32, folder)
        assert numbers.tolist() == [0] * count
        numbers[1:3] = 7
        assert numbers.tolist() == [0, 7, 7, 0, 0][:count]
    assert list(folder.iterdir()) == []


def test_a_file_in_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        unnamed_file(tmp_path / "gone")
