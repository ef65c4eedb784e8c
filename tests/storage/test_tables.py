from pathlib import Path

import pyarrow as pa
import pytest

from batch_emotion.storage.tables import open_table


def _stream(path: Path, rows: int) -> Path:
    table = pa.table({"image": [bytes([row]) for row in range(rows)], "n": list(range(rows))})
    with pa.ipc.new_stream(str(path), table.schema) as stream:
        stream.write_table(table, max_chunksize=2)
    return path


def test_a_stream_is_gone_through_once_by_who_asks_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = open_table(str(_stream(tmp_path / "a.arrow", 20)))
    assert table.group_rows() == [2] * 10
    opened = []
    real = pa.ipc.open_stream
    monkeypatch.setattr(pa.ipc, "open_stream", lambda *how, **more: opened.append(1) or real(*how, **more))
    for group in [1, 0, 2, 3, 5, 4, 9]:
        (array,) = table.batches(group, "image")
        assert array.to_pylist() == [bytes([2 * group]), bytes([2 * group + 1])]
    assert len(opened) == 1
    with pytest.raises(pa.ArrowInvalid, match="there is no record batch 10"):
        list(table.batches(10, "image"))


def test_some_columns_are_read(tmp_path: Path) -> None:
    table = open_table(str(_stream(tmp_path / "a.arrow", 5)))
    assert table.read(["n"]).to_pydict() == {"n": [0, 1, 2, 3, 4]}


@pytest.mark.parametrize("name", ["a.arrow", "a.parquet"])
def test_what_is_no_table_says_so(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"nothing of the kind")
    with pytest.raises(pa.ArrowInvalid):
        open_table(str(tmp_path / name))
