"""Images in memory and tables as a source: the rows are those of the files with the same pixels."""

from __future__ import annotations

import gc
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from batch_emotion import SourceError, UsageError, WrongType, load_bundle, predict
from batch_emotion.options.images import SourceOptions
from batch_emotion.sources.given import given
from batch_emotion.sources.planning import make_plan
from batch_emotion.storage.held import is_held
from batch_emotion.storage.reading import read_file
from tests.support.composites import photo

CLASSES = load_bundle().card.class_names


@pytest.fixture(scope="module")
def files(faces: Path) -> list[Path]:
    return sorted(faces.rglob("*-0001.png"))


@pytest.fixture(scope="module")
def expected(files: list[Path]) -> np.ndarray:
    return _probabilities(predict(files).table)


def _probabilities(table: pa.Table) -> np.ndarray:
    return np.column_stack([table[f"p_{name}"] for name in CLASSES])


def _pixels(file: Path) -> np.ndarray:
    return np.array(Image.open(file).convert("RGB"))


@pytest.mark.parametrize("kind", ["list", "batch", "pictures", "bytes", "mixed"])
def test_images_in_memory_have_the_rows_of_their_files(kind: str, files: list[Path], expected: np.ndarray) -> None:
    arrays = [_pixels(file) for file in files]
    makers: dict[str, Callable[[], Any]] = {
        "list": lambda: arrays,
        "batch": lambda: np.stack(arrays),
        "pictures": lambda: [Image.open(file) for file in files],
        "bytes": lambda: [file.read_bytes() for file in files],
        "mixed": lambda: [arrays[0], Image.open(files[1]), *(file.read_bytes() for file in files[2:])],
    }
    source = makers[kind]()
    result = predict(source)
    np.testing.assert_array_equal(_probabilities(result.table), expected)
    names = [str(file) for file in files] if kind == "pictures" else [f"images[{at}]" for at in range(len(files))]
    if kind != "mixed":
        assert result.table["path"].to_pylist() == names
    np.testing.assert_array_equal(load_bundle().predict(source), expected)


def test_one_image_of_each_shape(files: list[Path]) -> None:
    colour = _pixels(files[0])
    grey = colour[:, :, 0]
    as_grey = _probabilities(predict(grey).table)
    for image in (grey[:, :, None], np.stack([grey] * 3, axis=2), Image.fromarray(grey)):
        np.testing.assert_allclose(_probabilities(predict(image).table), as_grey, atol=1e-6)
    clear = np.dstack([colour, np.zeros(colour.shape[:2], np.uint8)])
    white = _probabilities(predict(np.full((8, 8), 255, np.uint8)).table)
    np.testing.assert_allclose(_probabilities(predict(clear).table), white, atol=1e-6)
    assert predict(grey).table["path"].to_pylist() == ["image"]
    assert load_bundle().predict(grey).shape == (1, len(CLASSES))
    assert len(predict(np.zeros((5, 48, 40), np.uint8))) == 5


def test_a_picture_is_turned_as_it_says_and_need_not_be_png(files: list[Path]) -> None:
    upright = Image.open(files[0]).convert("RGB")
    exif = Image.Exif()
    exif[0x0112] = 3
    file = io.BytesIO()
    upright.rotate(180).save(file, "PNG", exif=exif)
    np.testing.assert_allclose(
        _probabilities(predict(Image.open(file)).table), _probabilities(predict(upright).table), atol=1e-6
    )
    assert predict([upright.convert("CMYK"), upright.convert("P"), upright.convert("F")]).summary.statuses["ok"] == 3


def test_what_cannot_be_decoded_is_a_row_and_for_the_bundle_an_error() -> None:
    result = predict([b"", b"no image", np.zeros((4, 4), np.uint8)])
    assert result.table["status"].to_pylist() == ["empty", "unsupported", "ok"]
    with pytest.raises(SourceError, match=r"images\[1\] is unsupported"):
        load_bundle().predict([np.zeros((4, 4), np.uint8), b"no image"])


def test_images_in_memory_are_written_found_again_and_marked(tmp_path: Path, files: list[Path]) -> None:
    arrays, out = [_pixels(file) for file in files], tmp_path / "r.parquet"
    assert predict(arrays, out=out, shard_size=2).outcome == "done"
    assert predict(arrays, out=out, shard_size=2).outcome == "nothing to do"
    with pytest.raises(UsageError, match="overwrite"):
        predict(arrays[1:], out=out, shard_size=2)
    scene = photo(480, 320, [90, 60])[0]
    marked = predict(scene, out=tmp_path / "faces.csv", faces=True, annotate=tmp_path / "marked")
    assert marked.summary.faces == 2
    assert len(list((tmp_path / "marked").iterdir())) == 1


def test_a_table_carries_its_columns(files: list[Path], expected: np.ndarray, tmp_path: Path) -> None:
    frame = pd.DataFrame({"who": ["007"] * len(files), "image": files, "day": pd.Timestamp("2026-01-02")})
    table = predict(frame, path_column="image").table
    assert table.column_names[:3] == ["who", "day", "path"]
    assert table["path"].to_pylist() == [str(file) for file in files]
    np.testing.assert_array_equal(_probabilities(table), expected)
    arrow = pa.table({"path": [file.name for file in files], "n": pa.array(range(len(files)), pa.int8())})
    flat = tmp_path / "flat"
    flat.mkdir()
    for file in files:
        (flat / file.name).symlink_to(file)
    for source in (arrow, arrow.to_batches()[0], arrow.to_pandas()):
        assert predict(source, root=flat).table["n"].type == pa.int8()
    assert predict(arrow.append_column("gone", pa.nulls(len(files))).slice(0, 0)).summary.images == 0
    labelled = predict(arrow.append_column("shown", arrow["path"]), root=flat, label_column="shown").table
    assert labelled.column_names[:3] == ["n", "label", "path"]
    series = pd.Series([files[0], "gone.png"])
    assert predict(series).table["status"].to_pylist() == ["ok", "missing"]


def test_equal_tables_are_the_same_plan_whatever_lies_beneath_their_nulls() -> None:
    values = [None if row % 3 else row for row in range(30)]
    texts, flags = ["x" if value else None for value in values], [value is None for value in values]
    long = pa.table({"path": list(map(str, values)), "n": values, "who": texts, "empty": flags})
    short = pa.table(long.slice(3, 10).to_pydict())
    assert long.slice(3, 10).equals(short)
    assert given(long.slice(3, 10)).plan.digest == given(short).plan.digest
    never, deleted = (pd.DataFrame({"path": ["a", "b"], "n": pd.array([1, n], dtype="Int64")}) for n in (pd.NA, 2))
    deleted.loc[1, "n"] = pd.NA
    assert given(never).plan.digest == given(deleted).plan.digest


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (42, "images must be a path, a list of paths, .*, not int"),
        (None, "not NoneType"),
        ({"a": 1}, "not dict"),
        (iter(["a"]), "not list_iterator"),
        ([1], r"images\[0\] is of type int; a list holds paths, or arrays"),
        (["a.jpg", np.zeros((2, 2), np.uint8)], r"images\[0\] is of type str"),
        (np.zeros((2, 2)), "images is an array of float64; give uint8"),
        ([np.zeros((2, 2), np.uint16)], r"images\[0\] is an array of uint16"),
        (np.zeros((2, 2, 2, 2), np.uint8), r"images\[0\] has the shape \(2, 2, 2\)"),
        (np.zeros((0, 4, 4), np.uint8), r"images has the shape \(0, 4, 4\)"),
        (np.zeros(9, np.uint8), r"images has the shape \(9,\)"),
    ],
)
def test_what_is_no_source_is_refused_by_its_type(source: object, words: str) -> None:
    with pytest.raises(WrongType, match=words):
        predict(source)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ([], "the list is empty"),
        (np.zeros((0, 48, 48), np.uint8), "there are no images"),
        (pd.DataFrame({"file": ["a"]}), "the table has no column 'path', only: file"),
        (pd.DataFrame({"n": ["1"], "photo": ["a.jpg"]}), "only: n, photo; did you mean `path_column` photo?"),
        (pd.DataFrame({"path": ["a"], "odd": [object()]}), "the table has a column that a result cannot hold"),
    ],
)
def test_a_table_or_a_list_that_makes_no_sense_is_refused(source: object, words: str) -> None:
    with pytest.raises(SourceError) as refused:
        predict(source)
    assert words in str(refused.value)


def test_memory_is_given_back_with_the_last_who_holds_it() -> None:
    held = given([b"some bytes", b"some bytes"])
    (location,) = set(held.plan.images["location"].to_pylist())
    assert is_held(location)
    assert read_file(location, 100).data == b"some bytes"
    assert read_file(location, 3).status == "too_large"
    del held
    gc.collect()
    assert read_file(location, 100).status == "missing"


def test_ray_is_refused_what_its_workers_cannot_see(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot see images in the memory"):
        predict(np.zeros((2, 2), np.uint8), out=tmp_path / "r.parquet", engine="ray")


def test_the_image_column_counts_for_members_that_a_table_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    pq.write_table(pa.table({"front": [b"1", b"2"], "back": [b"3", b"4"]}), "two.parquet")
    frame = pd.DataFrame({"path": ["two.parquet!/0", "two.parquet!/1"]})
    frame.to_csv("two.csv", index=False)
    options = SourceOptions(image_column="back")
    locations = given(frame, options).plan.images["location"]
    assert locations == make_plan(["two.csv"], options).images["location"]
    assert [read_file(location, 9).data for location in locations.to_pylist()] == [b"3", b"4"]
