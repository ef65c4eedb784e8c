"""Every column type of a manifest, into every output, in every way in which a result is made."""

from __future__ import annotations

import csv
import decimal
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from itertools import pairwise
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from batch_emotion import PredictOptions, predict
from batch_emotion.columns import check_writable, plain_columns, text_columns
from batch_emotion.commands.merge import merge
from batch_emotion.errors import OutputMismatch, SourceError
from batch_emotion.options.merge import MergeOptions
from batch_emotion.options.runs import Task, UpdateOptions
from batch_emotion.results.fingerprint import Fingerprint
from batch_emotion.results.reader import read_result
from batch_emotion.results.workspace import Workspace
from batch_emotion.scoring import ScorerSpec
from batch_emotion.sources.manifest import read_manifest
from batch_emotion.sources.planning import make_plan

OUTPUTS = ["r.parquet", "r.csv", "r"]
WORDS = ["a", "b", None, "d"]
CATEGORY = pa.dictionary(pa.int32(), pa.string())
UUIDS = [uuid.UUID(int=number).bytes for number in range(3)]


@dataclass(frozen=True)
class Kind:
    """A column of four rows.

    Attributes:
        values: what the manifest holds, of the type that it has there.
        carried: the type in Parquet, where it is another.
        text: its cells in CSV; None where CSV is refused.
    """

    values: pa.Array
    carried: pa.DataType | None = None
    text: list[str] | None = None
    expected: pa.Array = field(init=False)

    def __post_init__(self) -> None:
        same = pa.array(self.values.to_pylist(), self.carried) if self.carried else self.values
        object.__setattr__(self, "expected", same)


def _of(storage: pa.Array, kind: pa.DataType) -> pa.Array:
    return pa.ExtensionArray.from_storage(kind, storage)


def _numbers(kind: pa.DataType) -> pa.Array:
    return pa.array([1, 2, None, 4], pa.int64()).cast(kind)


_MONTHS = pd.Series(pd.period_range("2026-01", periods=4, freq="M"))
_TEXT = ["a", "b", "", "d"]
_INTS = ["1", "2", "", "4"]
_AMOUNTS = [decimal.Decimal("1.50"), decimal.Decimal("2.00"), None, decimal.Decimal("-4.25")]
_MONEY = ["1.50", "2.00", "", "-4.25"]
_NOON = datetime(2026, 1, 2, 12, 30)
_MOMENTS = [_NOON, datetime(1969, 12, 31), None, _NOON]
_DAYS = [date(2026, 1, 2), date(1969, 12, 31), None, date(2026, 1, 3)]

KINDS = {
    "text": Kind(pa.array(WORDS), text=_TEXT),
    "large_text": Kind(pa.array(WORDS, pa.large_string()), text=_TEXT),
    "text_view": Kind(pa.array(WORDS, pa.string_view()), pa.string(), _TEXT),
    "category": Kind(pa.array(WORDS, CATEGORY), pa.string(), _TEXT),
    "truth": Kind(pa.array([True, False, None, True]), text=["true", "false", "", "true"]),
    "tiny": Kind(_numbers(pa.int8()), text=_INTS),
    "whole": Kind(_numbers(pa.int64()), text=_INTS),
    "unsigned": Kind(pa.array([1, 2**64 - 1, None, 4], pa.uint64()), text=["1", str(2**64 - 1), "", "4"]),
    "half": Kind(_numbers(pa.float16()), text=_INTS),
    "single": Kind(pa.array([0.1, 2.0, None, -1e30], pa.float32()), text=["0.1", "2", "", "-1e+30"]),
    "double": Kind(pa.array([0.1, 2.0, None, float("inf")]), text=["0.1", "2", "", "inf"]),
    "money": Kind(pa.array(_AMOUNTS, pa.decimal128(10, 2)), text=_MONEY),
    "money_32": Kind(pa.array(_AMOUNTS, pa.decimal32(5, 2)), text=_MONEY),
    "money_256": Kind(pa.array(_AMOUNTS, pa.decimal256(50, 2)), text=_MONEY),
    "day": Kind(pa.array(_DAYS), text=["2026-01-02", "1969-12-31", "", "2026-01-03"]),
    "moment": Kind(
        pa.array(_MOMENTS, pa.timestamp("us")),
        text=["2026-01-02 12:30:00.000000", "1969-12-31 00:00:00.000000", "", "2026-01-02 12:30:00.000000"],
    ),
    "moment_utc": Kind(
        pa.array(_MOMENTS, pa.timestamp("ms", "UTC")),
        text=["2026-01-02 12:30:00.000Z", "1969-12-31 00:00:00.000Z", "", "2026-01-02 12:30:00.000Z"],
    ),
    "moment_there": Kind(
        pa.array(_MOMENTS, pa.timestamp("ms", "Asia/Tokyo")),
        text=["2026-01-02 21:30:00.000+0900", "1969-12-31 09:00:00.000+0900", "", "2026-01-02 21:30:00.000+0900"],
    ),
    "clock": Kind(
        pa.array([time(1, 2, 3), time(0), None, time(4)], pa.time32("ms")),
        text=["01:02:03.000", "00:00:00.000", "", "04:00:00.000"],
    ),
    "clock_ns": Kind(
        pa.array([time(1, 2, 3), time(0), None, time(4)], pa.time64("ns")),
        text=["01:02:03.000000000", "00:00:00.000000000", "", "04:00:00.000000000"],
    ),
    "span": Kind(
        pa.array([timedelta(seconds=3), timedelta(0), None, timedelta(-1)], pa.duration("ms")),
        text=["3000", "0", "", "-86400000"],
    ),
    "nothing": Kind(pa.nulls(4), text=["", "", "", ""]),
    "json": Kind(_of(pa.array(["{}", '{"a": 1}', None, "[]"]), pa.json_()), text=["{}", '{"a": 1}', "", "[]"]),
    "json_view": Kind(
        _of(pa.array(["{}", "[1]", None, "[]"], pa.string_view()), pa.json_(pa.string_view())),
        pa.string(),
        ["{}", "[1]", "", "[]"],
    ),
    "truth_8": Kind(_of(pa.array([1, 0, None, 1], pa.int8()), pa.bool8()), text=["1", "0", "", "1"]),
    "opaque": Kind(_of(pa.array(WORDS), pa.opaque(pa.string(), "word", "us")), text=_TEXT),
    "month": Kind(pa.Array.from_pandas(_MONTHS), text=["672", "673", "674", "675"]),
    "uuid": Kind(_of(pa.array([*UUIDS[:2], None, UUIDS[2]], pa.binary(16)), pa.uuid())),
    "tensor": Kind(
        _of(pa.array([[1, 2], [3, 4], None, [5, 6]], pa.list_(pa.int32(), 2)), pa.fixed_shape_tensor(pa.int32(), [2]))
    ),
    "bytes": Kind(pa.array([b"\xff", b"", None, b"d"])),
    "large_bytes": Kind(pa.array([b"\xff", b"", None, b"d"], pa.large_binary())),
    "bytes_view": Kind(pa.array([b"\xff", b"", None, b"d"], pa.binary_view()), pa.binary()),
    "two_bytes": Kind(pa.array([b"\xff\0", b"ab", None, b"cd"], pa.binary(2))),
    "list": Kind(pa.array([["a"], [], None, ["b", None]])),
    "large_list": Kind(pa.array([[1], [], None, [2, None]], pa.large_list(pa.int8()))),
    "pair": Kind(pa.array([[1, 2], [3, 4], None, [5, None]], pa.list_(pa.int16(), 2))),
    "list_view": Kind(pa.array([["a"], [], None, ["b"]], pa.list_view(pa.string()))),
    "struct": Kind(pa.array([{"x": 1, "y": ["a"]}, {"x": None, "y": None}, None, {"x": 4, "y": []}])),
    "map": Kind(pa.array([[("k", 1)], [], None, [("l", None)]], pa.map_(pa.string(), pa.int64()))),
    "list_of_categories": Kind(pa.array([["a"], [], None, ["b"]], pa.list_(CATEGORY)), pa.list_(pa.string())),
    "struct_of_views": Kind(
        pa.array([{"x": "a"}, {"x": "b"}, None, {"x": None}], pa.struct([("x", pa.string_view())])),
        pa.struct([("x", pa.string())]),
    ),
}
"""What Parquet can hold."""

UNWRITABLE = {
    "span_of_months": pa.array([pa.MonthDayNano([1, 2, 3])]),
    "no_fields": pa.array([{}], pa.struct([])),
    "union": pa.UnionArray.from_dense(pa.array([0], pa.int8()), pa.array([0], pa.int32()), [pa.array([1])]),
    "run_ends": pa.RunEndEncodedArray.from_arrays(pa.array([1], pa.int32()), pa.array(["x"])),
    "view_of_categories": pa.array([["a"]], pa.list_view(CATEGORY)),
    "far_future": pa.array([2**62], pa.timestamp("s")),
}
"""What no output can hold, though hardly any Parquet file can bring it."""


@pytest.fixture
def unread(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Collects a line whenever a model is loaded to score images."""
    opened: list[str] = []
    monkeypatch.setattr(ScorerSpec, "open", lambda *how: opened.append("opened"))
    return opened


def _table(faces: Path, kinds: dict[str, Kind]) -> pa.Table:
    paths = [str(path) for path in sorted(faces.rglob("*.png"))[:4]]
    return pa.table({"path": paths} | {name: kind.values for name, kind in kinds.items()})


def _write(table: pa.Table, rows: range, to: Path) -> Path:
    """Two rows to a group, and to each group its own categories."""
    with pq.ParquetWriter(to, table.schema) as writer:
        for first, last in pairwise([*rows[::2], rows.stop]):
            columns = [
                column.slice(first, last - first)
                if isinstance(column.type, pa.BaseExtensionType)
                else pa.array(column.slice(first, last - first).to_pylist(), column.type)
                for column in table.columns
            ]
            writer.write_table(pa.table(columns, schema=table.schema))
    return to


def _fresh(table: pa.Table, options: PredictOptions) -> list[int]:
    _write(table, range(4), Path(options.sources[0]))
    predict(options)
    return [0, 1, 2, 3]


def _updated(table: pa.Table, options: PredictOptions) -> list[int]:
    update = replace(options, update=UpdateOptions())
    for rows in (range(3), range(1, 4)):
        _write(table, rows, Path(options.sources[0]))
        predict(update)
    return [1, 2, 3, 0]


def _merged(table: pa.Table, options: PredictOptions) -> list[int]:
    _write(table, range(4), Path(options.sources[0]))
    out = options.out
    assert isinstance(out, Path)
    parts = tuple(out.with_name(f"task-{index}.parquet") for index in range(3))
    for index, part in enumerate(parts):
        predict(replace(options, out=part, task=Task(index, 3)))
    merge(MergeOptions(parts, out))
    return [0, 1, 2, 3]


def _resumed(table: pa.Table, options: PredictOptions) -> list[int]:
    _write(table, range(4), Path(options.sources[0]))

    def stop(progress: object) -> None:
        assert isinstance(options.out, Path)
        if any(options.out.with_name(f"{options.out.name}.work").glob("part-*")):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        predict(options, stop)
    predict(options)
    return [0, 1, 2, 3]


@pytest.mark.parametrize("make", [_fresh, _updated, _merged, _resumed])
@pytest.mark.parametrize("name", OUTPUTS)
def test_every_column_type_arrives(
    faces: Path, tmp_path: Path, name: str, make: Callable[[pa.Table, PredictOptions], list[int]]
) -> None:
    kinds = {key: kind for key, kind in KINDS.items() if kind.text is not None or name != "r.csv"}
    options = PredictOptions((str(tmp_path / "m.parquet"),), tmp_path / name, shard_size=1, batch_size=1)
    order = make(_table(faces, kinds), options)
    if name == "r.csv":
        with (tmp_path / name).open(newline="", encoding="utf-8") as file:
            found = list(csv.DictReader(file))
        assert {key: [row[key] for row in found] for key in kinds} == {
            key: [kind.text[row] for row in order] for key, kind in kinds.items() if kind.text is not None
        }
    else:
        result = read_result(tmp_path / name)
        for key, kind in kinds.items():
            assert result.schema.field(key).type.equals(kind.expected.type), key
            assert result[key].to_pylist() == [kind.expected[row].as_py() for row in order], key
    assert read_result(tmp_path / name)["status"].to_pylist() == ["ok"] * 4


@pytest.mark.parametrize(("task", "update"), [(None, None), (Task(1, 2), None), (None, UpdateOptions())])
@pytest.mark.parametrize("key", [key for key, kind in KINDS.items() if kind.text is None])
def test_what_csv_cannot_hold_is_refused_by_name_before_any_image_is_read(
    faces: Path, tmp_path: Path, key: str, task: Task | None, update: UpdateOptions | None, unread: list[str]
) -> None:
    source = _write(_table(faces, {key: KINDS[key]}), range(4), tmp_path / "m.parquet")
    options = PredictOptions((str(source),), tmp_path / "r.csv", task=task)
    with pytest.raises(SourceError, match=rf"CSV cannot hold the manifest's column {key} \(.*write to \.parquet"):
        predict(replace(options, update=update))
    assert unread == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m.parquet"]


def test_parts_whose_columns_csv_cannot_hold_are_not_merged_into_it(faces: Path, tmp_path: Path) -> None:
    kinds = {key: kind for key, kind in KINDS.items() if kind.text is None}
    source = _write(_table(faces, kinds), range(4), tmp_path / "m.parquet")
    predict(PredictOptions((str(source),), tmp_path / "0.parquet", task=Task(0, 1)))
    with pytest.raises(SourceError, match="CSV cannot hold") as raised:
        merge(MergeOptions((tmp_path / "0.parquet",), tmp_path / "r.csv"))
    assert [key for key in kinds if f" {key} (" not in str(raised.value)] == []
    assert not (tmp_path / "r.csv").exists()


@pytest.mark.parametrize("key", UNWRITABLE)
@pytest.mark.parametrize("flat", [False, True])
def test_what_no_output_can_hold_is_refused_by_name(key: str, flat: bool) -> None:
    def carry() -> None:
        table = plain_columns(pa.table({key: UNWRITABLE[key]}))
        check_writable((text_columns(table) if flat else table).schema, flat)

    with pytest.raises(SourceError, match=f"column '?{key}"):
        carry()


@pytest.mark.parametrize("name", OUTPUTS)
@pytest.mark.parametrize("key", ["index", "status", "p_happy", "sha256", "face_index", "mtime_ns"])
def test_a_column_named_like_one_of_ours_is_refused(
    faces: Path, tmp_path: Path, name: str, key: str, unread: list[str]
) -> None:
    source = _write(_table(faces, {key: KINDS["text"]}), range(4), tmp_path / "m.parquet")
    with pytest.raises(SourceError, match=f"column {key} has the name of a result column"):
        predict(PredictOptions((str(source),), tmp_path / name))
    assert unread == []


def test_a_column_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    pq.write_table(pa.table([["a.png"], [1], [2]], ["path", "n", "n"]), tmp_path / "m.parquet")
    with pytest.raises(SourceError, match="more than once: n"):
        make_plan([str(tmp_path / "m.parquet")])


@pytest.mark.parametrize("name", OUTPUTS)
def test_other_names_arrive_as_they_are(faces: Path, tmp_path: Path, name: str) -> None:
    names = ["", "a.b", "a", "Path", "p_boredom", " x ", 'q"uote,', "ü", "box_x"]
    source = _write(_table(faces, dict.fromkeys(names, KINDS["text"])), range(4), tmp_path / "m.parquet")
    predict(PredictOptions((str(source),), tmp_path / name))
    assert read_result(tmp_path / name).column_names[: len(names) + 1] == [*names, "path"]
    assert all(read_result(tmp_path / name)[key].to_pylist() == WORDS for key in names)


def test_another_category_of_an_image_is_another_plan(tmp_path: Path) -> None:
    digests = set()
    for words in (["x", "x"], ["y", "y"]):
        pq.write_table(pa.table({"path": ["a", "b"], "c": pa.array(words, CATEGORY)}), tmp_path / "m.parquet")
        digests.add(make_plan([str(tmp_path / "m.parquet")]).digest)
    assert len(digests) == 2


def test_a_type_of_pandas_is_carried_alike_whether_pandas_is_loaded_or_not(tmp_path: Path) -> None:
    month = pa.table({"path": ["a"] * 4, "m": KINDS["month"].values})
    pq.write_table(month, tmp_path / "m.parquet")
    known = read_manifest(tmp_path / "m.parquet", "path")[1]
    pa.unregister_extension_type("pandas.period")
    try:
        unknown = read_manifest(tmp_path / "m.parquet", "path")[1]
    finally:
        pa.register_extension_type(month.schema.field("m").type)
    assert known.schema.field("m").type == pa.int64()
    assert known.schema.equals(unknown.schema, check_metadata=True)


@pytest.mark.parametrize("name", OUTPUTS)
def test_columns_that_hold_nothing_tonight_keep_their_types(tmp_path: Path, name: str) -> None:
    kinds = {key: kind for key, kind in KINDS.items() if kind.text is not None or name != "r.csv"}
    source, out = tmp_path / "m.parquet", tmp_path / name
    options = PredictOptions((str(source),), out)
    options = replace(options, update=UpdateOptions())
    paths = [str(tmp_path / f"{number}.png") for number in range(5)]
    last_night = {key: kind.values for key, kind in kinds.items()}
    for columns, rows in ((last_night, range(4)), (dict.fromkeys(kinds, pa.nulls(4)), range(1, 5))):
        pq.write_table(pa.table({"path": [paths[row] for row in rows]} | columns), source)
        predict(options)
    result = read_result(out)
    assert result["path"].to_pylist() == [*paths[1:], paths[0]]
    for key, kind in kinds.items():
        *tonight, vanished = result[key].to_pylist()
        assert tonight == [None] * 4, key
        if kind.text is not None and name == "r.csv":
            assert vanished == (kind.text[0] or None), key
        else:
            assert result.schema.field(key).type.equals(kind.expected.type), key
            assert vanished == kind.expected[0].as_py(), key


def test_the_folder_of_a_run_holds_every_column_type(faces: Path, tmp_path: Path) -> None:
    plan = make_plan([str(_write(_table(faces, KINDS), range(4), tmp_path / "m.parquet"))])
    workspace = Workspace(tmp_path / "r.parquet")
    workspace.open(Fingerprint(plan.digest, 4, "m", "m", "onnx", "d").with_options(shard_size=1), plan, overwrite=False)
    assert plain_columns(workspace.plan().attributes).equals(plan.attributes)


def test_text_that_is_not_utf_8_is_refused_by_csv_alone(faces: Path, tmp_path: Path, unread: list[str]) -> None:
    odd = pa.array([b"\xff", b"b", None, b"d"]).view(pa.string())
    source = tmp_path / "m.parquet"
    pq.write_table(_table(faces, {}).append_column("odd", odd), source)
    with pytest.raises(SourceError, match="column 'odd' holds text that is not UTF-8"):
        predict(PredictOptions((str(source),), tmp_path / "r.csv"))
    assert unread == []
    assert make_plan([str(source)]).attributes["odd"].cast(pa.binary()).to_pylist() == [b"\xff", b"b", None, b"d"]


@pytest.mark.parametrize(
    ("paths", "held"),
    [
        (pa.array([b"\xff"]).view(pa.string()), "text that is not UTF-8"),
        (pa.array([b"\xff"]), "binary"),
        (pa.array([["a.png"]]), "list<"),
        (pa.array([{"x": 1}]), "struct<"),
    ],
)
def test_a_column_of_other_things_holds_no_paths(tmp_path: Path, paths: pa.Array, held: str) -> None:
    pq.write_table(pa.table({"path": paths}), tmp_path / "m.parquet")
    with pytest.raises(SourceError, match=f"column 'path' holds {held}.*, not paths"):
        make_plan([str(tmp_path / "m.parquet")])


@pytest.mark.parametrize(
    "kind", [pa.string(), pa.large_string(), pa.string_view(), CATEGORY, pa.json_(), pa.binary(), pa.large_binary()]
)
def test_paths_may_be_of_any_type_of_text(tmp_path: Path, kind: pa.DataType) -> None:
    paths = pa.array(["a.png", None, "b.png"])
    column = _of(paths, kind) if isinstance(kind, pa.BaseExtensionType) else paths.cast(kind)
    pq.write_table(pa.table({"path": column}), tmp_path / "m.parquet")
    assert make_plan([str(tmp_path / "m.parquet")]).images["path"].to_pylist() == ["a.png", "", "b.png"]


def test_values_of_vanished_images_that_no_longer_fit_are_told_before_any_reading(
    faces: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "m.parquet"
    options = PredictOptions((str(source),), tmp_path / "r.parquet")
    options = replace(options, update=UpdateOptions())
    _write(_table(faces, {"it": KINDS["text"]}), range(3), source)
    predict(options)
    _write(_table(faces, {"it": KINDS["whole"]}), range(1, 4), source)
    opened: list[str] = []
    monkeypatch.setattr(ScorerSpec, "open", lambda *how: opened.append("opened"))
    with pytest.raises(OutputMismatch, match="column it is now int64"):
        predict(options)
    assert opened == []


def test_a_column_without_nulls_may_be_new_beside_vanished_images(faces: Path, tmp_path: Path) -> None:
    source = tmp_path / "m.parquet"
    options = PredictOptions((str(source),), tmp_path / "r.parquet")
    options = replace(options, update=UpdateOptions())
    table = _table(faces, {})
    _write(table, range(3), source)
    predict(options)
    required = pa.field("n", pa.int64(), nullable=False)
    _write(table.append_column(required, pa.array([1, 2, 3, 4])), range(1, 4), source)
    predict(options)
    assert read_result(tmp_path / "r.parquet")["n"].to_pylist() == [2, 3, 4, None]
