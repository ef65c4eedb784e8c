import errno
import io
import os
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batch_emotion.errors import SourceError
from batch_emotion.options.images import SourceOptions
from batch_emotion.sources.planning import make_plan
from batch_emotion.storage.escaping import unescape_name
from batch_emotion.storage.reading import read_file


def _touch(path: Path, content: bytes = b"x") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def _paths(*sources: str, options: SourceOptions | None = None) -> list[str]:
    return make_plan(sources, options).images["path"].to_pylist()


def test_a_walk_is_ordered_recursive_and_selective(tmp_path: Path) -> None:
    for name in ("b.JPG", "a.png", "sub.jpg/c.heic", "z/deep/d.webp", ".hidden.jpg", ".git/e.jpg", "notes.txt"):
        _touch(tmp_path / name)
    plan = make_plan([str(tmp_path)])
    names = [os.path.relpath(path, tmp_path) for path in plan.images["path"].to_pylist()]
    assert names == ["a.png", "b.JPG", "sub.jpg/c.heic", "z/deep/d.webp"]
    assert plan.left_out == 1
    assert plan.images["index"].to_pylist() == [0, 1, 2, 3]
    assert plan.total_bytes == 4


_names = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="/\0"), min_size=1, max_size=8)
_trees = st.recursive(
    st.just(None),
    lambda inner: st.dictionaries(_names.filter(lambda name: name not in (".", "..")), inner),
    max_leaves=12,
)


@settings(deadline=None, max_examples=60)
@given(st.dictionaries(_names.filter(lambda name: name not in (".", "..")), _trees))
def test_any_tree_is_planned_once_and_in_the_same_order(
    tmp_path_factory: pytest.TempPathFactory, tree: dict[str, object]
) -> None:
    root = tmp_path_factory.mktemp("tree")
    expected: list[str] = []

    def grow(folder: Path, below: dict[str, object], hidden: bool) -> None:
        folder.mkdir(exist_ok=True)
        files = [f"{name}.jpg" for name, inner in below.items() if inner is None]
        for name in files:
            _touch(folder / name)
            if not hidden and not name.startswith("."):
                expected.append(str(folder / name))
        for name, inner in below.items():
            if isinstance(inner, dict):
                grow(folder / f"{name}.d", inner, hidden or name.startswith("."))

    grow(root, tree, hidden=False)
    if not expected:
        return
    plan = make_plan([str(root)])
    assert sorted(map(unescape_name, plan.images["path"].to_pylist())) == sorted(expected)
    assert plan.images["index"].to_pylist() == list(range(len(expected)))
    assert make_plan([str(root)]).digest == plan.digest


def test_symlink_loops_end_and_linked_folders_are_walked(tmp_path: Path) -> None:
    _touch(tmp_path / "a/x.jpg")
    (tmp_path / "a/loop").symlink_to(tmp_path)
    (tmp_path / "b").symlink_to(tmp_path / "a")
    names = [os.path.relpath(path, tmp_path) for path in _paths(str(tmp_path))]
    assert names == ["a/x.jpg", "b/x.jpg"]


def test_a_link_that_leads_nowhere_is_a_row_and_hides_no_others(tmp_path: Path) -> None:
    for name in ("a.jpg", "z.jpg", "sub/b.jpg"):
        _touch(tmp_path / name)
    (tmp_path / "itself").symlink_to("itself")
    (tmp_path / "through").symlink_to("a.jpg/x")
    plan = make_plan([str(tmp_path)])
    names = [os.path.relpath(path, tmp_path) for path in plan.images["path"].to_pylist()]
    assert names == ["a.jpg", "itself", "through", "z.jpg", "sub/b.jpg"]
    statuses = [str(read_file(location, 10).status) for location in plan.images["location"].to_pylist()]
    assert statuses == ["ok", "unreadable", "missing", "ok", "ok"]


def test_a_folder_that_cannot_be_listed_is_a_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _touch(tmp_path / "a.jpg")
    _touch(tmp_path / "locked/b.jpg")
    scandir = os.scandir

    def refusing(path: str) -> object:
        if str(path).endswith("locked"):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    assert [os.path.basename(path) for path in _paths(str(tmp_path))] == ["a.jpg", "locked"]
    with pytest.raises(SourceError, match=r"locked cannot be listed: Permission denied; make it readable and run"):
        _paths(str(tmp_path / "a.jpg"), str(tmp_path / "locked"))


def test_names_of_all_kinds_are_planned_and_can_be_opened(tmp_path: Path) -> None:
    names = [b"\xc3\xbc.jpg", b"caf\xe9.jpg", b"new\nline.jpg", b'it\'s "so".jpg', b" .jpg", b"back\\x41.jpg"]
    for name in names:
        with open(os.path.join(os.fsencode(tmp_path), name), "wb") as file:
            file.write(b"abc")
    plan = make_plan([str(tmp_path)])
    assert len(plan) == len(names)
    assert plan.images["size"].to_pylist() == [3] * len(names)


def test_files_globs_and_the_order_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("1.jpg", "2.jpg", "d/3.jpg", "odd.xyz"):
        _touch(tmp_path / name)
    assert _paths("odd.xyz", "d", "?.jpg") == ["odd.xyz", "d/3.jpg", "1.jpg", "2.jpg"]
    assert _paths("**/*.jpg") == ["1.jpg", "2.jpg", "d/3.jpg"]


def test_standard_input_by_line_and_by_nul(tmp_path: Path) -> None:
    _touch(tmp_path / "a b.jpg")
    lines = SourceOptions(root=tmp_path, stdin=io.BytesIO(b"a b.jpg\r\n\nb\xe9.jpg\n"))
    assert _paths("-", options=lines) == ["a b.jpg", "b\\xe9.jpg"]
    nul = SourceOptions(root=tmp_path, null=True, stdin=io.BytesIO(b"a\nb.jpg\0a b.jpg\0"))
    assert _paths("-", options=nul) == ["a\nb.jpg", "a b.jpg"]


def test_standard_input_that_has_no_list(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SourceError, match="no list of names"), open("/dev/zero", "rb") as endless:
        make_plan(["-"], SourceOptions(stdin=endless))
    with pytest.raises(SourceError, match="cannot be read: Is a directory"):
        make_plan(["-"], SourceOptions(stdin=_Directory()))
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(SourceError, match="which is closed"):
        make_plan(["-"])


class _Directory(io.BytesIO):
    def read(self, size: int | None = -1) -> bytes:
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))


def test_nothing_to_read_is_an_error_that_says_why(tmp_path: Path) -> None:
    _touch(tmp_path / "notes.txt")
    with pytest.raises(SourceError, match=r"no images found .* \(1 file has another extension\)"):
        make_plan([str(tmp_path)])
    with pytest.raises(SourceError, match="no such file or directory"):
        make_plan([str(tmp_path / "typo")])


def test_csv_cells_are_carried_verbatim(tmp_path: Path) -> None:
    manifest = _touch(
        tmp_path / "m.csv",
        '\ufeffid,path,note\r\n007,a.jpg,NA\r\n1e5,"b, c.jpg","two\nlines"\r\n,,\r\n'.encode(),
    )
    plan = make_plan([str(manifest)])
    assert plan.images["path"].to_pylist() == ["a.jpg", "b, c.jpg", ""]
    assert plan.images["location"].to_pylist() == [str(tmp_path / "a.jpg"), str(tmp_path / "b, c.jpg"), ""]
    assert plan.attributes.to_pydict() == {"id": ["007", "1e5", ""], "note": ["NA", "two\nlines", ""]}


def test_parquet_columns_keep_their_types(tmp_path: Path) -> None:
    table = pa.table({"file": ["a.jpg", None], "n": pa.array([1, None], pa.int8()), "tags": [["x"], []]})
    pq.write_table(table, tmp_path / "m.parquet")
    plan = make_plan([str(tmp_path / "m.parquet")], SourceOptions(path_column="file", root=Path("/elsewhere")))
    assert plan.images["location"].to_pylist() == ["/elsewhere/a.jpg", ""]
    assert plan.attributes.schema == table.drop_columns(["file"]).schema


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "m.csv is empty; its first line should name its columns"),
        ("\ufeff\n\n", "m.csv is empty; its first line"),
        ("file,x\na,b\n", "no column 'path', only: file, x"),
        ("paths,x\na,b\n", "did you mean `path_column` paths"),
        ("path,x,x\na,b,c\n", "more than once: x"),
        ("path,x\na,b,c,d\n", "cannot be read"),
    ],
)
def test_a_senseless_manifest_is_refused_with_its_reason(tmp_path: Path, content: str, message: str) -> None:
    with pytest.raises(SourceError, match=message):
        make_plan([str(_touch(tmp_path / "m.csv", content.encode()))])


@pytest.mark.parametrize("name", ["m.parquet", "m.arrow"])
def test_a_column_that_is_there_twice_is_named(tmp_path: Path, name: str) -> None:
    table = pa.table([["a.jpg"], ["1"], ["2"]], ["path", "id", "id"])
    if name == "m.parquet":
        pq.write_table(table, tmp_path / name)
    else:
        with pa.ipc.new_file(str(tmp_path / name), table.schema) as file:
            file.write_table(table)
    with pytest.raises(SourceError, match="the manifest has a column more than once: id"):
        make_plan([str(tmp_path / name)])


def test_a_manifest_without_rows_is_a_plan_without_rows_and_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    manifest = _touch(tmp_path / "m.csv", b"path,id\n")
    assert len(make_plan([str(manifest)])) == 0
    assert caplog.messages == [f"the manifest {manifest} lists no images"]


def test_a_manifest_stands_alone(tmp_path: Path) -> None:
    manifest = _touch(tmp_path / "m.csv", b"path\na.jpg\n")
    with pytest.raises(SourceError, match="only source"):
        make_plan([str(manifest), str(tmp_path)])


_cells = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\0\ufeff"), max_size=12)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(_cells.filter(lambda cell: cell.strip()), _cells), min_size=1, max_size=8))
def test_any_csv_manifest_survives(tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]]) -> None:
    import csv

    manifest = tmp_path_factory.mktemp("m") / "m.csv"
    with manifest.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, quoting=csv.QUOTE_ALL).writerows([("path", "note"), *rows])
    plan = make_plan([str(manifest)])
    assert list(zip(plan.images["path"].to_pylist(), plan.attributes["note"].to_pylist(), strict=True)) == rows


def test_the_digest_sees_every_change_and_no_chunking(tmp_path: Path) -> None:
    manifest = _touch(tmp_path / "m.csv", b"path,id\na.jpg,1\nb.jpg,2\n")
    plan = make_plan([str(manifest)])
    halves = pa.concat_tables([plan.images.slice(0, 1), plan.images.slice(1)])
    assert type(plan)(halves, plan.attributes).digest == plan.digest
    manifest.write_bytes(b"path,id\na.jpg,1\nb.jpg,3\n")
    assert make_plan([str(manifest)]).digest != plan.digest


def test_a_source_in_another_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    inner, hidden = _touch(tmp_path / "faces" / "happy" / "a.png").parent, _touch(tmp_path / "faces" / ".old" / "b.png")
    faces = str(tmp_path / "faces")
    assert len(make_plan([faces, f"{inner}/", faces])) == 3
    assert caplog.messages == [
        f"{inner}/ lies in {faces}, and 1 more like it: such images get two rows; name each source once"
    ]
    caplog.clear()
    make_plan([faces, faces])
    assert caplog.messages == [f"{faces} is named twice: such images get two rows; name each source once"]
    caplog.clear()
    assert len(make_plan([faces, str(hidden), str(tmp_path / "faces" / ".old")])) == 3
    assert caplog.messages == [f"{hidden} lies in {hidden.parent}: such images get two rows; name each source once"]
    caplog.clear()
    make_plan([str(inner), str(hidden)])
    assert not caplog.messages
