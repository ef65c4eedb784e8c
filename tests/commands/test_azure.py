"""Images in Azure's containers, from the command line to the rows."""

from __future__ import annotations

import io
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from batch_emotion import PredictOptions, predict
from batch_emotion.cli import main
from batch_emotion.options.images import SourceOptions
from batch_emotion.records import Status
from batch_emotion.sources.planning import make_plan
from batch_emotion.storage.places import open_filesystem, place
from batch_emotion.storage.reading import read_file
from tests.support.azurite import Container

NAMES = ["a b.png", "100%.png", "a%20b.png", "h#1.png", "st*r.png", "q?.png", "Z@x.png", "日本.png", "ü/x+y&z.png"]


def _column(table: pa.Table, name: str = "path") -> list[object]:
    return list(table[name].to_pylist())


def test_rows_are_those_of_local_files(container: Container, faces: Path, tmp_path: Path) -> None:
    local = predict(PredictOptions((str(faces),), None, batch_size=16)).table
    uri = container.put_folder(faces, "my faces/")
    predict(PredictOptions((uri,), tmp_path / "r.parquet", batch_size=16, shard_size=20))
    table = pq.read_table(tmp_path / "r.parquet")
    assert local is not None
    assert table.drop_columns(["path", "mtime_ns"]) == local.drop_columns(["path", "mtime_ns"])
    assert _column(table) == [uri + str(path).removeprefix(f"{faces}/") for path in _column(local)]
    assert not table["mtime_ns"].null_count


def test_keys_are_raw_and_in_the_order_of_a_folder(container: Container, tmp_path: Path) -> None:
    for name in [*NAMES, ".hidden.png", "notes.txt"]:
        container.put(name, name.encode())
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(name.encode())
    plan, local = make_plan([container.uri()]).images, make_plan([str(tmp_path)]).images
    assert [str(uri).removeprefix(container.uri()) for uri in _column(plan)] == [
        str(path).removeprefix(f"{tmp_path}/") for path in _column(local)
    ]
    assert plan["size"] == local["size"]
    for uri in _column(plan, "location"):
        assert read_file(str(uri), 100).data.decode() == str(uri).removeprefix(container.uri())
    assert _column(make_plan([f"abfss://{container.name}/ü"]).images) == [f"abfss://{container.name}/ü/x+y&z.png"]


def test_what_is_wrong_with_a_blob_is_its_status(container: Container, monkeypatch: pytest.MonkeyPatch) -> None:
    uri = container.put("a/x.png", b"12345")
    container.put("empty.png", b"")
    for key, status in {
        "gone.png": Status.MISSING,
        "a": Status.NOT_A_FILE,
        "empty.png": Status.EMPTY,
        "a//x.png": Status.UNREADABLE,
    }.items():
        assert read_file(container.uri(key), 100).status is status
    assert read_file(uri, 4).status is Status.TOO_LARGE
    assert read_file("abfs://x@elsewhere.org/x.png", 100).status is Status.UNSUPPORTED
    monkeypatch.setenv("AZURE_STORAGE_KEY", "a2V5")
    open_filesystem.cache_clear()
    assert read_file(uri, 100).status is Status.UNREADABLE


def test_manifests_lists_and_roots(container: Container, tmp_path: Path) -> None:
    container.put("lists/m.csv", f"path\n50%.jpg\n../c.jpg\n{container.uri('d e.jpg')}\n".encode())
    found = [container.uri(key) for key in ("lists/50%.jpg", "c.jpg", "d e.jpg")]
    assert _column(make_plan([container.uri("lists/m.csv")]).images, "location") == found
    buffer = io.BytesIO()
    pq.write_table(pa.table({"path": ["50%.jpg"]}), buffer)
    container.put("lists/m.parquet", buffer.getvalue())
    assert _column(make_plan([container.uri("lists/m.parquet")]).images, "location") == found[:1]
    listed = SourceOptions(root=place(container.uri("lists")), stdin=io.BytesIO(b"50%.jpg\n"))
    assert _column(make_plan(["-"], listed).images, "location") == found[:1]


def test_a_container_that_cannot_be_read_is_one_line(
    container: Container, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    uri = container.put("x.png")
    (tmp_path / "m.csv").write_text(f"path\n{uri}\n")

    def said(source: str) -> str:
        assert main(["predict", source, "--out", str(tmp_path / "r.parquet")]) == 2
        error = capsys.readouterr().err
        assert error.count("\n") == 1
        return error

    assert "there is no container abfs://no-such-container;" in said("abfs://no-such-container/faces")
    assert "no such object or folder" in said(container.uri("*.png"))
    monkeypatch.setenv("AZURE_STORAGE_KEY", "a2V5")
    open_filesystem.cache_clear()
    for source in (uri, container.uri(), str(tmp_path / "m.csv")):
        assert f"access to {container.uri().rstrip('/')} is denied; give credentials" in said(source)


def test_a_signature_for_one_container_is_enough(container: Container, monkeypatch: pytest.MonkeyPatch) -> None:
    uri = container.put("a b.png")
    monkeypatch.delenv("AZURE_STORAGE_KEY")
    monkeypatch.setenv("AZURE_STORAGE_SAS_TOKEN", container.signature())
    open_filesystem.cache_clear()
    assert _column(make_plan([container.uri()]).images) == [uri]
    assert _column(make_plan(["-"], SourceOptions(stdin=io.BytesIO(uri.encode()))).images) == [uri]
    assert read_file(uri, 100).data == b"x"


@pytest.mark.parametrize("name", ["r.parquet", "r.csv", "r"])
def test_a_result_that_was_copied_there_is_read(container: Container, faces: Path, tmp_path: Path, name: str) -> None:
    out = tmp_path / name
    predict(PredictOptions((str(faces),), out))
    if out.is_dir():
        container.put_folder(out, f"{name}/")
    else:
        container.put(name, out.read_bytes())
    assert main(["report", container.uri(name), "--out", str(tmp_path / "r.html")]) == 0
