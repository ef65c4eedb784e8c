"""Images on an object store, from the command line to the rows."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from batch_emotion import PredictOptions, predict
from batch_emotion.cli import main
from batch_emotion.options.images import FaceOptions
from batch_emotion.options.runs import UpdateOptions
from batch_emotion.storage.filesystems import open_filesystem
from tests.support.composites import photo, write_photo
from tests.support.store import FORBIDDEN, SLOW_DOWN, Answer, Bucket, Request, only

KEY = "a b/50%#ü.jpg"


def _without_places(table: pa.Table) -> pa.Table:
    return table.drop_columns(["path", "mtime_ns"])


def _failing(share: int) -> Answer:
    """Of the images, one in ``share`` answers 503 to its first request, and another answers late."""
    seen = dict[str, int]()

    def answer(request: Request) -> tuple[str, bytes] | None:
        if not request.key.endswith(".png"):
            return None
        number = seen.setdefault(request.key, len(seen))
        if number % share == 1:
            time.sleep(0.2)
        if number % share == 0 and request.key not in failed:
            failed.add(request.key)
            return SLOW_DOWN
        return None

    failed = set[str]()
    return answer


def test_a_store_that_fails_and_dawdles_gives_the_rows_of_local_files(
    bucket: Bucket, faces: Path, tmp_path: Path
) -> None:
    local = predict(PredictOptions((str(faces),), None, batch_size=16)).table
    uri = bucket.put_folder(faces, "my faces/")
    bucket.server.requests.clear()
    bucket.server.answer = _failing(10)
    predict(PredictOptions((uri,), tmp_path / "r.parquet", batch_size=16, shard_size=20))
    table = pq.read_table(tmp_path / "r.parquet")
    assert local is not None
    assert _without_places(table) == _without_places(local)
    assert table["path"].to_pylist() == [uri + path.removeprefix(f"{faces}/") for path in local["path"].to_pylist()]
    for_each = 3 if bucket.scheme == "abfs" else 2
    assert len(bucket.server.requests) < (for_each + 1) * len(table), "so many for each image, and a few more"
    again = PredictOptions((uri,), tmp_path / "r.parquet", batch_size=16, update=UpdateOptions())
    assert predict(again).summary.scored == 0


def test_a_key_that_is_gone_is_one_row(bucket: Bucket, faces: Path, tmp_path: Path) -> None:
    image = (faces / "happy" / "happy-0001.png").read_bytes()
    keys = [KEY, "gone.jpg", "folder/x.jpg"]
    bucket.put(KEY, image)
    bucket.put("folder/x.jpg", image)
    bucket.put("list.csv", b"path,id\n" + "".join(f'"{key}",{key[0]}\n' for key in [*keys, "foo://a/b"]).encode())
    table = predict(PredictOptions((bucket.uri("list.csv"),), None)).table
    assert table is not None
    assert table["status"].to_pylist() == ["ok", "missing", "ok", "unsupported"]
    assert table["id"].to_pylist() == ["a", "g", "f", "f"]
    assert table["size"].to_pylist() == [len(image), None, len(image), None]
    assert pc.all(pc.is_valid(table["mtime_ns"].filter(pc.equal(table["status"], "ok")))).as_py()


def test_faces_are_found_in_objects_as_in_files(bucket: Bucket, tmp_path: Path) -> None:
    pixels, boxes = photo(600, 300, (110, 80))
    write_photo(tmp_path / "photo.png", pixels)
    uri = bucket.put(KEY, (tmp_path / "photo.png").read_bytes())
    there, here = (predict(PredictOptions((each,), faces=FaceOptions())).table for each in (uri, str(tmp_path)))
    assert there is not None
    assert here is not None
    assert len(there) == len(boxes)
    apart = ["path", "mtime_ns"]
    assert there.drop_columns(apart).equals(here.drop_columns(apart))


def test_one_object_is_shown_and_looked_at(
    bucket: Bucket, faces: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    uri = bucket.put(KEY, (faces / "happy" / "happy-0001.png").read_bytes())
    assert main(["predict", uri]) == 0
    assert "happy" in capsys.readouterr().out
    assert main(["predict", bucket.uri("a b"), "--out", str(tmp_path / "r.csv"), "--dry-run"]) == 0
    assert capsys.readouterr().out.startswith("1 image, ")
    assert main(["explain", uri, "--out", str(tmp_path / "looks.png")]) == 0
    assert (tmp_path / "looks.png").stat().st_size


def test_pages_and_copies_show_objects(bucket: Bucket, faces: Path, tmp_path: Path) -> None:
    shutil.copytree(faces / "happy", tmp_path / "few")
    uri = bucket.put_folder(tmp_path / "few", "few/")
    command = ["predict", uri, "--out", str(tmp_path / "r.parquet"), "--report", str(tmp_path / "r.html"), "--quiet"]
    assert main(command) == 0
    assert (tmp_path / "r.html").read_text().count("data:image/") >= 8
    assert main([*command[:4], "--update", "--checksum", "--max-rescore", "1", "--quiet"]) == 0


def test_a_store_that_is_not_there_is_one_line(
    bucket: Bucket, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    none = bucket.elsewhere("no-such-bucket")
    for source, named in {f"{none}/faces": none, "foo://bucket/faces": "foo://", f"{bucket.scheme}://": "://"}.items():
        assert main(["predict", source, "--out", str(tmp_path / "r.parquet")]) == 2
        said = capsys.readouterr().err
        assert said.count("\n") == 1
        assert named in said
    assert list(tmp_path.iterdir()) == []


def test_where_access_is_denied_one_line_says_so(
    bucket: Bucket, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bucket.put(KEY)
    (tmp_path / "m.csv").write_text(f"path\n{bucket.uri(KEY)}\n")
    bucket.server.answer = lambda request: FORBIDDEN
    for source in (bucket.uri(), str(tmp_path / "m.csv")):
        assert main(["predict", source, "--out", str(tmp_path / "r.parquet")]) == 2
        said = capsys.readouterr().err
        assert said.count("\n") == 1
        assert "credentials" in said


@only["s3"]
def test_without_credentials_requests_are_not_signed(
    bucket: Bucket, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket.put(KEY)
    bucket.server.answer = lambda request: None if request.signed else FORBIDDEN
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    open_filesystem.cache_clear()
    assert main(["predict", bucket.uri(), "--out", str(tmp_path / "r.parquet")]) == 2
    assert "credentials" in capsys.readouterr().err


@only["gs"]
@pytest.mark.parametrize("content", [None, '{"type": "unheard of"}'])
def test_credentials_of_no_use_are_one_line(
    bucket: Bucket,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    content: str | None,
) -> None:
    key = tmp_path / "key.json"
    if content is not None:
        key.write_text(content)
    monkeypatch.delenv("STORAGE_EMULATOR_HOST")
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(key))
    open_filesystem.cache_clear()
    assert main(["predict", bucket.uri("faces"), "--out", str(tmp_path / "r.parquet")]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert f"access to {bucket.root} is denied; give credentials" in said
    assert "redentials file" in said


@only["s3"]
def test_an_endpoint_that_is_not_there_is_one_line(
    bucket: Bucket, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from pyarrow import fs

    from batch_emotion.storage import objects

    once = fs.AwsStandardS3RetryStrategy(max_attempts=1)
    monkeypatch.setattr(fs, "AwsStandardS3RetryStrategy", lambda max_attempts: once)
    monkeypatch.setattr(objects, "_PAUSES_S", ())
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    open_filesystem.cache_clear()
    assert main(["predict", bucket.uri("faces"), "--out", str(tmp_path / "r.parquet")]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "cannot be reached; check its name, the endpoint" in said
