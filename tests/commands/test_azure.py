"""Images in Azure's containers, from the command line to the rows."""

from __future__ import annotations

import io
from pathlib import Path

import pyarrow as pa
import pytest

from batch_emotion import PredictOptions, predict
from batch_emotion.cli import main
from batch_emotion.options.images import SourceOptions
from batch_emotion.results.run_document import run_file
from batch_emotion.sources.planning import make_plan
from batch_emotion.storage.filesystems import open_filesystem
from batch_emotion.storage.reading import read_file
from tests.support.azurite import signature
from tests.support.store import Bucket, only

pytestmark = only["abfs"]

NAMES = ["a b.png", "100%.png", "a%20b.png", "h#1.png", "st*r.png", "q?.png", "Z@x.png", "日本.png", "ü/x+y&z.png"]


def _column(table: pa.Table, name: str = "path") -> list[object]:
    return list(table[name].to_pylist())


def test_keys_are_raw_and_in_the_order_of_a_folder(bucket: Bucket, tmp_path: Path) -> None:
    for name in [*NAMES, ".hidden.png", "notes.txt"]:
        bucket.put(name, name.encode())
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(name.encode())
    plan, local = make_plan([bucket.uri()]).images, make_plan([str(tmp_path)]).images
    assert [str(uri).removeprefix(bucket.uri()) for uri in _column(plan)] == [
        str(path).removeprefix(f"{tmp_path}/") for path in _column(local)
    ]
    assert plan["size"] == local["size"]
    for uri in _column(plan, "location"):
        assert read_file(str(uri), 100).data.decode() == str(uri).removeprefix(bucket.uri())
    assert _column(make_plan([f"abfss://{bucket.name}/ü"]).images) == [f"abfss://{bucket.name}/ü/x+y&z.png"]


def test_a_container_that_cannot_be_read_is_one_line(
    bucket: Bucket, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    uri = bucket.put("x.png")
    (tmp_path / "m.csv").write_text(f"path\n{uri}\n")

    def said(source: str) -> str:
        assert main(["predict", source, "--out", str(tmp_path / "r.parquet")]) == 2
        error = capsys.readouterr().err
        assert error.count("\n") == 1
        return error

    assert "there is no container abfs://no-such-container;" in said("abfs://no-such-container/faces")
    assert "no such object or folder" in said(bucket.uri("*.png"))
    monkeypatch.setenv("AZURE_STORAGE_KEY", "a2V5")
    open_filesystem.cache_clear()
    for source in (uri, bucket.uri(), str(tmp_path / "m.csv")):
        assert f"access to {bucket.uri().rstrip('/')} is denied; give credentials" in said(source)


def test_a_signature_for_one_container_is_enough(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    uri = bucket.put("a b.png")
    monkeypatch.delenv("AZURE_STORAGE_KEY")
    monkeypatch.setenv("AZURE_STORAGE_SAS_TOKEN", signature(bucket.name, "rl"))
    open_filesystem.cache_clear()
    assert _column(make_plan([bucket.uri()]).images) == [uri]
    assert _column(make_plan(["-"], SourceOptions(stdin=io.BytesIO(uri.encode()))).images) == [uri]
    assert read_file(uri, 100).data == b"x"


@pytest.mark.parametrize("name", ["r.parquet", "r.csv", "r"])
def test_a_result_that_was_copied_there_is_read(bucket: Bucket, faces: Path, tmp_path: Path, name: str) -> None:
    out = tmp_path / name
    predict(PredictOptions((str(faces),), out))
    if out.is_dir():
        bucket.put_folder(out, f"{name}/")
    else:
        bucket.put(name, out.read_bytes())
    bucket.put(f"{name}.run.json", run_file(out).read_bytes())
    assert main(["report", bucket.uri(name), "--out", str(tmp_path / "r.html")]) == 0
