"""Parquet and Arrow files with a column of images."""

import json
import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from batch_emotion.errors import SourceError
from batch_emotion.options.images import SourceOptions
from batch_emotion.sources.planning import is_manifest, make_plan
from batch_emotion.storage.reading import read_file
from tests.support.archives import table_of

_LIMIT = 1000
IMAGES = {f"{'happy' if n % 2 else 'sad'}/{n}.png": f"image {n}".encode() * (n + 1) for n in range(25)}


def _contents(path: Path, options: SourceOptions | None = None, limit: int = _LIMIT) -> list[bytes]:
    plan = make_plan([str(path)], options)
    return [read_file(location, limit).data for location in plan.images["location"].to_pylist()]


def _write(path: Path, table: pa.Table) -> Path:
    if path.suffix == ".parquet":
        pq.write_table(table, path, row_group_size=7)
    else:
        with pa.ipc.new_stream(str(path), table.schema) as stream:
            stream.write_table(table, max_chunksize=7)
    return path


@pytest.mark.parametrize("name", ["a.parquet", "a.arrow"])
def test_a_data_set_of_hugging_faces(tmp_path: Path, name: str) -> None:
    path = _write(tmp_path / name, table_of(IMAGES, ("sad", "happy")))
    plan = make_plan([str(path)])
    assert plan.images["path"].to_pylist() == [f"{path}!/{each}" for each in IMAGES]
    assert plan.attributes.to_pydict() == {"label": [name.split("/")[0] for name in IMAGES]}
    assert _contents(path) == list(IMAGES.values())
    assert plan.images["size"].null_count == len(plan)
    assert plan.images["mtime_ns"].null_count == 0


@pytest.mark.parametrize("name", ["a.parquet", "a.arrow"])
def test_plain_bytes_are_called_by_their_rows_and_other_columns_are_carried(tmp_path: Path, name: str) -> None:
    others = {"id": pa.array(range(25), pa.int16()), "tags": [["x"]] * 25}
    path = _write(tmp_path / name, pa.table({"photo": list(IMAGES.values()), **others}))
    plan = make_plan([str(path)])
    assert plan.images["path"].to_pylist() == [f"{path}!/{row}" for row in range(25)]
    assert plan.attributes.equals(pa.table(others))
    assert _contents(path) == list(IMAGES.values())


@pytest.mark.parametrize("name", ["a.parquet", "a.arrow"])
def test_columns_may_have_dots_in_their_names(tmp_path: Path, name: str) -> None:
    others = {"meta.id": ["1", "2"], "meta": [{"id": 3}] * 2, "my.photo.path": ["x", "y"]}
    photos = [{"bytes": each.encode(), "path": f"{each}.png"} for each in "ab"]
    path = _write(tmp_path / name, pa.table({**others, "my.photo": photos}))
    plan = make_plan([str(path)])
    assert plan.images["path"].to_pylist() == [f"{path}!/a.png", f"{path}!/b.png"]
    assert plan.attributes.to_pydict() == others
    assert _contents(path) == [b"a", b"b"]
    manifest = _write(tmp_path / f"m.{name}", pa.table({"path": ["c.png", "d.png"], **others}))
    assert make_plan([str(manifest)]).attributes.to_pydict() == others


@pytest.mark.parametrize("number", ["2", "-1", "²", "9" * 18, "9" * 5000])
def test_a_row_that_is_not_there_is_missing(tmp_path: Path, number: str) -> None:
    _write(tmp_path / "a.parquet", pa.table({"image": [b"x", b"y"]}))
    (tmp_path / "m.csv").write_text(f"path\na.parquet!/{number}\n")
    (location,) = make_plan([str(tmp_path / "m.csv")]).images["location"].to_pylist()
    assert str(read_file(location, _LIMIT).status) == "missing"


@pytest.mark.parametrize("name", ["a.parquet", "a.arrow"])
def test_paths_that_are_no_text_call_no_row(tmp_path: Path, name: str) -> None:
    offsets, foreign = pa.py_buffer(b"\0\0\0\0\2\0\0\0"), pa.py_buffer(b"\xff\xfe")
    paths = pa.Array.from_buffers(pa.string(), 1, [None, offsets, foreign])
    path = _write(tmp_path / name, pa.table({"image": [b"x"], "path": paths}))
    plan = make_plan([str(path)], SourceOptions(image_column="image"))
    assert plan.images["path"].to_pylist() == [f"{path}!/0"]
    assert _contents(path, SourceOptions(image_column="image")) == [b"x"]


def test_rows_are_read_in_any_order(tmp_path: Path) -> None:
    path = _write(tmp_path / "a.parquet", table_of(IMAGES))
    locations = make_plan([str(path)]).images["location"].to_pylist()
    for row in (24, 0, 13, 12, 12, 6, 7, 3):
        assert read_file(locations[row], _LIMIT).data == list(IMAGES.values())[row]


def test_rows_without_images_empty_and_too_large_ones(tmp_path: Path) -> None:
    images = [{"bytes": each, "path": "a"} for each in (b"x", None, b"", b"y" * 2000)]
    path = _write(tmp_path / "a.parquet", pa.table({"image": [*images, None]}))
    locations = make_plan([str(path)]).images["location"].to_pylist()
    read = [read_file(location, _LIMIT) for location in locations]
    assert [(str(file.status), file.size) for file in read] == [
        ("ok", 1),
        ("missing", None),
        ("empty", 0),
        ("too_large", 2000),
        ("missing", None),
    ]


def test_which_column_holds_the_images(tmp_path: Path) -> None:
    two = pa.table({"a": [b"1"], "b": [b"2"]})
    path = _write(tmp_path / "a.parquet", two)
    with pytest.raises(SourceError, match=r"several columns of bytes \(a, b\); `image_column` names the images"):
        make_plan([str(path)])
    assert _contents(path, SourceOptions(image_column="b")) == [b"2"]
    with pytest.raises(SourceError, match=r"no column 'c' of images \(bytes\); those of bytes: a, b"):
        make_plan([str(path)], SourceOptions(image_column="c"))
    _write(path, two.rename_columns(["a", "Image"]))
    assert _contents(path) == [b"2"]
    features = {"info": {"features": {"a": {"_type": "Image"}, "b": {"_type": "Value"}}}}
    _write(path, two.replace_schema_metadata({"huggingface": json.dumps(features)}))
    assert _contents(path) == [b"1"]
    _write(path, two.replace_schema_metadata({"huggingface": "[no object"}).drop_columns(["b"]))
    assert _contents(path) == [b"1"]


@pytest.mark.parametrize("name", ["a.parquet", "a.arrow"])
def test_a_table_with_paths_is_a_manifest_unless_a_column_of_images_is_named(tmp_path: Path, name: str) -> None:
    table = pa.table({"path": ["x.png", "y.png"], "picture": [b"1", b"2"]})
    path = _write(tmp_path / name, table)
    assert is_manifest(str(path))
    plan = make_plan([str(path)])
    assert plan.images["location"].to_pylist() == [str(tmp_path / "x.png"), str(tmp_path / "y.png")]
    named = SourceOptions(image_column="picture")
    assert not is_manifest(str(path), named)
    plan = make_plan([str(path)], named)
    assert plan.images["path"].to_pylist() == [f"{path}!/x.png", f"{path}!/y.png"]
    assert not plan.attributes.column_names


def test_a_walk_takes_tables_of_images_and_passes_over_others(tmp_path: Path) -> None:
    _write(tmp_path / "a.parquet", table_of({"a.png": b"a"}))
    _write(tmp_path / "manifest.parquet", pa.table({"path": ["a.png"], "image": [b"x"]}))
    _write(tmp_path / "numbers.parquet", pa.table({"n": [1]}))
    (tmp_path / "b.png").write_bytes(b"b")
    plan = make_plan([str(tmp_path)])
    assert plan.images["path"].to_pylist() == [f"{tmp_path}/a.parquet!/a.png", f"{tmp_path}/b.png"]
    assert plan.left_out == 2


def test_a_table_that_was_replaced_is_told(tmp_path: Path) -> None:
    path = _write(tmp_path / "a.parquet", table_of({"a.png": b"a"}))
    (location,) = make_plan([str(path)]).images["location"].to_pylist()
    _write(path, table_of({"a.png": b"other"}))
    file = read_file(location, _LIMIT)
    assert str(file.status) == "unreadable"
    assert "changed since it was listed" in (file.error or "")


def test_columns_that_do_not_fit_together_are_named(tmp_path: Path) -> None:
    _write(tmp_path / "a.parquet", pa.table({"image": [b"1"], "n": [1]}))
    _write(tmp_path / "b.parquet", pa.table({"image": [b"1"], "n": [["x"]]}))
    with pytest.raises(SourceError, match=r"do not fit together: .*n.*; score the tables apart"):
        make_plan([str(tmp_path)])


@pytest.mark.parametrize("name", ["a.parquet", "a.arrow"])
def test_a_column_that_is_there_twice_is_named(tmp_path: Path, name: str) -> None:
    path = _write(tmp_path / name, pa.table([[b"x"], ["1"], ["2"]], ["image", "id", "id"]))
    with pytest.raises(SourceError, match=f"the table {path} has a column more than once: id"):
        make_plan([str(path)])


def test_a_damaged_table_in_a_folder_is_a_row(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_bytes(b"PAR1 and no more")
    plan = make_plan([str(tmp_path)])
    assert plan.images["path"].to_pylist() == [f"{tmp_path}/a.parquet"]
    file = read_file(plan.images["location"][0].as_py(), _LIMIT)
    assert str(file.status) == "corrupt"
    assert (file.error or "").startswith("the table cannot be read: ")


@pytest.mark.parametrize("name", ["a.parquet", "a.arrow"])
def test_a_table_that_was_replaced_at_once_is_read_anew_when_it_is_listed(tmp_path: Path, name: str) -> None:
    for content in (b"one", b"two"):
        path = _write(tmp_path / name, pa.table({"image": [content]}))
        os.utime(path, (1_700_000_000, 1_700_000_000))
        assert _contents(path) == [content]
