from dataclasses import replace
from pathlib import Path

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch_emotion.errors import BatchEmotionError, OutputMismatch, SourceError, UsageError
from batch_emotion.plan import PLAN_SCHEMA, Plan
from batch_emotion.results.fingerprint import Fingerprint
from batch_emotion.results.schema import check_attributes, result_schema
from batch_emotion.results.workspace import Workspace, shards
from batch_emotion.results.writer import check_target, output_kind, write_result


def test_the_columns_are_the_documented_ones() -> None:
    names = result_schema(["a", "b"], pa.schema([("id", pa.string())])).names
    assert names == ["id", *"path status emotion confidence p_a p_b width height error size mtime_ns".split()]  # noqa: SIM905


def test_clashing_and_unwritable_manifest_columns_are_named() -> None:
    with pytest.raises(SourceError, match="columns status, p_a have"):
        check_attributes(pa.schema([("status", pa.string()), ("p_a", pa.int8())]), ["a"], flat=False)
    nested = pa.schema([("tags", pa.list_(pa.string())), ("raw", pa.binary())])
    check_attributes(nested, ["a"], flat=False)
    with pytest.raises(SourceError, match=r"tags \(list<.*raw \(binary\)"):
        check_attributes(nested, ["a"], flat=True)


@given(st.integers(0, 5000), st.integers(1, 700))
def test_shards_cover_the_plan_once_in_order(images: int, size: int) -> None:
    rows = [row for _, first, count in shards(images, size) for row in range(first, first + count)]
    assert rows == list(range(images))


def test_a_damaged_part_is_found(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "out.parquet")
    workspace.folder.mkdir()
    workspace.begin(0)
    assert workspace.was_begun(0)
    workspace.commit(0, pa.table({"index": pa.array([0, 1, 1])}))
    assert workspace.has(0)
    assert not workspace.was_begun(0)
    with pytest.raises(BatchEmotionError, match="is damaged"):
        workspace.read(0, 0, 3)


SCHEMA = result_schema(["a"], pa.schema([("note", pa.string())]))
AWKWARD = ['quote " and, comma', "two\nlines", "007", "NA", ""]


def _rows(first: int) -> pa.Table:
    columns = {field.name: pa.nulls(len(AWKWARD), field.type) for field in SCHEMA}
    columns |= {"note": pa.array(AWKWARD), "path": pa.array([f"{first + row}.jpg" for row in range(len(AWKWARD))])}
    columns |= {"p_a": pa.array([0.1, 0.123456789, 1e-9, 1.0, 0.3333333], pa.float32())}
    return pa.table(
        {"index": pa.array(range(first, first + len(AWKWARD))), **{name: columns[name] for name in SCHEMA.names}}
    )


@pytest.mark.parametrize("name", ["r.parquet", "r.csv", "r"])
def test_what_is_written_is_read_by_pandas_arrow_and_duckdb(tmp_path: Path, name: str) -> None:
    out = tmp_path / name
    write_result(out, iter([_rows(0), _rows(5)]), SCHEMA, {"model": "seed-cnn"})
    kind = output_kind(out)
    if kind == "csv":
        frame = pd.read_csv(out, keep_default_na=False, dtype={"note": str})
        found = duckdb.sql(f"from read_csv('{out}', all_varchar=true)").fetchall()
        raw = out.read_bytes()
        assert raw.count(b"\r\n") == 11
    else:
        frame = pd.read_parquet(out)
        files = f"{out}/*.parquet" if kind == "directory" else str(out)
        found = duckdb.sql(f"from '{files}'").fetchall()
        assert pq.read_table(out).schema.metadata[b"batch_emotion.model"] == b"seed-cnn"
    assert list(frame.columns) == SCHEMA.names
    assert frame["note"].tolist() == AWKWARD * 2
    assert frame["p_a"].astype("float32").tolist() == _rows(0)["p_a"].to_pylist() * 2
    assert len(found) == 10


def test_a_failure_while_writing_leaves_nothing(tmp_path: Path) -> None:
    def failing() -> object:
        yield _rows(0)
        raise RuntimeError

    for name in ("r.parquet", "r.csv", "r"):
        with pytest.raises(RuntimeError):
            write_result(tmp_path / name, failing(), SCHEMA, {})  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


def test_other_extensions_and_foreign_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"\.xlsx"):
        output_kind(tmp_path / "r.xlsx")
    (tmp_path / "notes.txt").touch()
    with pytest.raises(OutputMismatch, match=r"notes\.txt"):
        check_target(tmp_path)


def test_a_run_that_is_taken_up_has_its_own_plan_where_another_was_killed_as_it_began(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = (_plan(*names) for names in (("a", "b", "c"), ("x", "y")))
    made = Fingerprint(old.digest, 3, "m", "m", "onnx", "d")
    workspace = Workspace(tmp_path / "r.csv")
    workspace.open(made, old, overwrite=False)
    workspace.commit(0, pa.table({"index": [0, 1, 2]}))
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("batch_emotion.results.workspace.commit_text", _killed)
        workspace.restart(replace(made, plan=new.digest, images=2), new, pa.nulls(0, pa.string()))
    workspace.open(made, old, overwrite=False)
    assert workspace.plan().digest == old.digest
    assert len(list(workspace.leftovers(made).tables)) == 1, "what was scored can still be reused"


def _killed(*_: object) -> None:
    raise KeyboardInterrupt


def _plan(*names: str) -> Plan:
    ones = [1] * len(names)
    images = {"index": range(len(names)), "path": names, "location": names, "size": ones, "mtime_ns": ones}
    table = pa.table({name: pa.array(values) for name, values in images.items()}).cast(PLAN_SCHEMA)
    return Plan(table, table.select([]))
