"""Sources on an object store."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from batch_emotion.errors import SourceError, UsageError
from batch_emotion.options.images import SourceOptions
from batch_emotion.sources.planning import make_plan, manifest_folder
from batch_emotion.storage.places import place
from tests.support.store import FORBIDDEN, Bucket, writable

TREE = ("b.JPG", "a.png", "a b/50%#ü.jpg", "sub.jpg/c.heic", "z/deep/d.webp", "z/e.jpg", "*[x]?.jpg", "é/f.jpg")
PASSED_OVER = (".hidden.jpg", ".git/e.jpg", "notes.txt", "z/notes")


def _tree(folder: Path) -> Path:
    for name in (*TREE, *PASSED_OVER):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(name.encode())
    return folder


def _column(plan: object, name: str = "path") -> list[object]:
    return list(plan.images[name].to_pylist())  # type: ignore[attr-defined]


def test_a_walk_is_that_of_the_same_local_folder(bucket: Bucket, tmp_path: Path) -> None:
    local = make_plan([str(_tree(tmp_path / "faces"))])
    uri = bucket.put_folder(tmp_path / "faces", "my faces/")
    bucket.put("my faces/", b"")
    bucket.put("my faces/z/deep/", b"")
    bucket.put("my faces too/x.jpg")
    bucket.server.requests.clear()
    plan = make_plan([uri])
    assert {request.does for request in bucket.server.requests} <= {"look", "list"}
    looks = {"s3": 2, "gs": 3, "abfs": 4}[bucket.scheme]
    assert len(bucket.server.requests) <= looks + 6, "one for each folder, none for an image"
    assert _column(plan) == [uri + str(path).removeprefix(f"{tmp_path}/faces/") for path in _column(local)]
    assert _column(plan, "location") == _column(plan)
    assert _column(plan, "size") == _column(local, "size")
    assert all(mtime and mtime % 10**9 == 0 for mtime in _column(plan, "mtime_ns"))  # type: ignore[operator]
    assert (plan.left_out, local.left_out) == (2, 2)
    assert make_plan([uri.rstrip("/")]).digest == plan.digest
    whole = _column(make_plan([bucket.uri().rstrip("/")]))
    assert whole == [*_column(plan), bucket.uri("my faces too/x.jpg")]


@writable  # the length of a page is signed by Azure's client
@pytest.mark.parametrize("depth", ["all in one folder", "a folder each"])
def test_a_listing_of_many_pages_is_whole_or_none(bucket: Bucket, depth: str) -> None:
    bucket.server.page_size = 3
    keys = [f"faces/{number:02}{'/x' if depth == 'a folder each' else ''}.jpg" for number in range(20)]
    for key in keys:
        bucket.put(key)
    bucket.server.requests.clear()
    assert _column(make_plan([bucket.uri("faces")])) == [bucket.uri(key) for key in keys]
    assert sum(request.later_page for request in bucket.server.requests) == 6
    bucket.server.answer = lambda request: FORBIDDEN if request.later_page else None
    with pytest.raises(SourceError, match="cannot list"):
        make_plan([bucket.uri("faces")])


def test_neighbours_whose_names_begin_like_a_folder_s_do_not_hide_it(bucket: Bucket) -> None:
    for key in ("faces/a.jpg", "faces-old/b.jpg", "faces 2/c.jpg", "faces.csv", "faces!"):
        bucket.put(key)
    for source in ("faces", "faces/"):
        assert _column(make_plan([bucket.uri(source)])) == [bucket.uri("faces/a.jpg")]
    folder = place(bucket.uri("faces"))
    assert (folder.exists(), folder.is_dir(), folder.is_file()) == (True, True, False)
    assert not place(bucket.uri("face")).exists()


def test_a_folder_and_an_object_may_share_a_name(bucket: Bucket) -> None:
    for key in ("a.jpg", "a.jpg/b.jpg", "a.jpg/.c/d.jpg", "a.jpg.d/e.jpg"):
        bucket.put(key)
    found = ["a.jpg", "a.jpg.d/e.jpg", "a.jpg/b.jpg"]
    assert sorted(_column(make_plan([bucket.uri()]))) == [bucket.uri(key) for key in found]  # type: ignore[type-var]


def test_objects_folders_and_local_ones_in_the_order_given(bucket: Bucket, tmp_path: Path) -> None:
    one, other = bucket.put("a b/50%#ü.jpg"), bucket.put("folder/*.jpg")
    (tmp_path / "local.jpg").write_bytes(b"x")
    plan = make_plan([other, str(tmp_path), one, bucket.uri("folder")])
    assert _column(plan) == [other, str(tmp_path / "local.jpg"), one, other]
    assert _column(plan, "size") == [1, 1, 1, 1]


def test_a_part_of_a_key_that_cannot_be_opened_is_told_by_a_row(bucket: Bucket) -> None:
    bucket.put("a//b.jpg")
    bucket.put("a/c.jpg")
    assert _column(make_plan([bucket.uri("a")])) == [bucket.uri("a/c.jpg"), bucket.uri("a//")]


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_manifest_on_a_store(bucket: Bucket, kind: str) -> None:
    cells = [
        "50%#ü.jpg",
        "./a/b.jpg",
        "../c.jpg",
        bucket.uri("d e.jpg"),
        "/local.jpg",
        "foo://x/y.jpg",
        "",
        "file:///f.jpg",
    ]
    table = pa.table({"path": cells, "id": ["007", "NA", "", "1", "2", "3", "4", "5"]})
    buffer = io.BytesIO()
    if kind == "csv":
        buffer.write(
            b"path,id\n"
            + "".join(f'"{path}",{number}\n' for path, number in zip(*table.to_pydict().values(), strict=True)).encode()
        )
    else:
        pq.write_table(table, buffer)
    manifest = bucket.put(f"lists/my list.{kind}", buffer.getvalue())
    bucket.server.requests.clear()
    plan = make_plan([manifest])
    assert _column(plan) == cells
    assert plan.attributes["id"].to_pylist() == table["id"].to_pylist()
    assert _column(plan, "location") == [
        bucket.uri("lists/50%#ü.jpg"),
        bucket.uri("lists/a/b.jpg"),
        bucket.uri("c.jpg"),
        bucket.uri("d e.jpg"),
        "/local.jpg",
        "foo://x/y.jpg",
        "",
        "/f.jpg",
    ]
    assert _column(plan, "size") == [None] * 8
    assert not any(request.key.endswith(".jpg") for request in bucket.server.requests)
    assert manifest_folder([manifest]) == place(bucket.uri("lists"))
    elsewhere = make_plan([manifest], SourceOptions(root=place(bucket.uri("other"))))
    assert _column(elsewhere, "location")[0] == bucket.uri("other/50%#ü.jpg")


def test_local_lists_may_name_objects(bucket: Bucket, tmp_path: Path) -> None:
    uri = bucket.put("a b.jpg")
    (tmp_path / "m.csv").write_text(f"path\n{uri}\nlocal.jpg\n")
    assert _column(make_plan([str(tmp_path / "m.csv")]), "location") == [uri, str(tmp_path / "local.jpg")]
    listed = SourceOptions(stdin=io.BytesIO(f"{uri}\n".encode()))
    assert _column(make_plan(["-"], listed), "location") == [uri]
    rooted = SourceOptions(root=place(bucket.uri("lists")), stdin=io.BytesIO(b"50%.jpg\n"))
    assert _column(make_plan(["-"], rooted), "location") == [bucket.uri("lists/50%.jpg")]


def test_a_local_uri_is_the_local_path(tmp_path: Path) -> None:
    folder = _tree(tmp_path / "a b%20#")
    plain, uri = make_plan([str(folder)]), make_plan([f"file://{folder}"])
    assert _column(uri, "location") == _column(plain, "location")
    assert _column(uri) == [f"file://{path}" for path in _column(plain)]
    assert uri.left_out == plain.left_out
    (tmp_path / "m.csv").write_text("path\na.png\n")
    assert _column(make_plan([f"file://{tmp_path}/m.csv"]), "location") == [str(tmp_path / "a.png")]


def test_what_is_wrong_with_a_store_is_said_before_any_work(bucket: Bucket, tmp_path: Path) -> None:
    bucket.put("notes.txt")
    manifest = tmp_path / "m.csv"
    none = bucket.elsewhere("no-such-bucket")
    manifest.write_text(f"path\n{bucket.uri('a.jpg')}\n{none}/a.jpg\n")
    for source, said in {
        f"{none}/faces": f"there is no (bucket|container) {none}",
        none: f"there is no (bucket|container) {none}",
        bucket.uri("typo"): "no such object or folder",
        bucket.uri("*.jpg"): "not as a pattern",
        bucket.uri(): "no images found in .*1 file has another extension",
        bucket.uri("gone.csv"): "no such object",
        bucket.uri("a//b.jpg"): f"cannot open {bucket.scheme}://.*Empty path component",
        str(manifest): f"there is no (bucket|container) {none}",
    }.items():
        with pytest.raises(SourceError, match=said):
            make_plan([source])
    with pytest.raises(UsageError, match="cannot open foo://"):
        make_plan(["foo://bucket/a.jpg"])
    bucket.server.answer = lambda request: FORBIDDEN
    for source in (bucket.uri("faces"), str(manifest)):
        with pytest.raises(SourceError, match=f"access to {bucket.root} is denied; give credentials"):
            make_plan([source])


def test_a_local_run_does_not_load_the_file_systems(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"x")
    code = "\n".join(
        [
            "import sys",
            "from batch_emotion.sources.planning import make_plan",
            "from batch_emotion.images.decode import load_image",
            "from batch_emotion.options.images import Limits",
            "from batch_emotion.records import InputSpec",
            f"plan = make_plan([{str(tmp_path)!r}])",
            "load_image(plan.images['location'][0].as_py(), InputSpec((4, 4)), Limits())",
            "print('pyarrow.fs' in sys.modules, 'pyarrow._s3fs' in sys.modules)",
        ]
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout == "False False\n"
