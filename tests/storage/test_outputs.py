"""Writing to an object store: what is there is whole, whatever fails."""

import os
import pickle
import signal
import time
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import dataset

from batch_emotion.errors import OutputBusy, UsageError
from batch_emotion.storage.commits import check_parent, commit_text, committing, write_advice
from batch_emotion.storage.locks import hold_output, lock_file
from batch_emotion.storage.part_folders import MANIFEST, committing_parts, folder_digest, part_files, restore_parts
from batch_emotion.storage.places import Place, output_place, place, readable
from batch_emotion.storage.remote import RemotePath
from tests.support.store import FORBIDDEN, Bucket, Request, writable

KEY = "a b/50%#ü.bin"


def _parts(folder: Place, *contents: str) -> None:
    with committing_parts(folder) as parts:
        for content in contents:
            with parts.adding() as temporary:
                temporary.write_text(content)


def _read(folder: Place) -> list[str]:
    return [part.read_text() for part in part_files(folder)]


@writable
def test_a_place_on_a_store_does_what_a_path_does(bucket: Bucket) -> None:
    file = output_place(bucket.uri(KEY))
    assert isinstance(file, RemotePath)
    assert not file.exists()
    file.unlink(missing_ok=True)
    with pytest.raises(FileNotFoundError):
        file.unlink()
    with pytest.raises(FileNotFoundError):
        file.read_bytes()
    with pytest.raises(FileNotFoundError):
        readable(file)
    commit_text(file, "ü\n")
    assert readable(file).read() == "ü\n".encode()
    assert bucket.get(KEY) == "ü\n".encode()
    assert file.read_text() == "ü\n"
    assert list(file.open("r", encoding="utf-8")) == ["ü\n"]
    assert (file.is_file(), file.is_dir()) == (True, False)
    assert (file.parent.is_file(), file.parent.is_dir()) == (False, True)
    file.with_name("empty").touch()
    assert sorted(found.name for found in file.parent.iterdir()) == ["50%#ü.bin", "empty"]
    assert [found.name for found in file.parent.glob("e*")] == ["empty"]
    assert list((file.parent / "nothing").glob("*")) == []
    file.rename(file.with_name("other"))
    assert bucket.get("a b/other") == "ü\n".encode()
    assert not file.exists()
    file.with_name("deep/er/x").touch()
    assert {found.name for found in file.parent.iterdir()} == {"deep", "empty", "other"}
    assert [found.name for found in file.parent.parent.iterdir()] == ["a b"]
    file.parent.rmtree()
    assert bucket.objects() == []
    file.parent.rmtree()
    assert list(file.parent.iterdir()) == []
    assert pickle.loads(pickle.dumps(file)) == file


def test_an_output_may_end_in_a_slash_or_be_a_file_uri() -> None:
    assert output_place("s3://b/x/results/") == place("s3://b/x/results")
    assert output_place("s3://b/x/results/").name == "results"
    assert output_place("file:///a b/r.parquet") == Path("/a b/r.parquet")


@writable
def test_a_small_commit_is_one_write(bucket: Bucket) -> None:
    bucket.server.requests.clear()
    commit_text(place(bucket.uri("x/r.csv")), "whole")
    asked = [(request.does, request.key) for request in bucket.server.requests]
    begun = bucket.scheme == "gs"  # by a request of its own
    assert asked == [("write", "x/r.csv")] * (1 + begun)


@writable
@pytest.mark.parametrize("size", [10, 25 * 2**20])
def test_a_signal_while_uploading_leaves_nothing_half_written(bucket: Bucket, size: int) -> None:
    class Stopped(BaseException):
        pass

    def stop(*_: object) -> None:
        raise Stopped

    def at_the_first_write(request: Request) -> None:
        if request.does == "write" and not asked:
            asked.append(request)
            os.kill(os.getpid(), signal.SIGUSR1)

    asked: list[Request] = []
    bucket.put(KEY, b"old")
    before = signal.signal(signal.SIGUSR1, stop)
    bucket.server.answer = at_the_first_write
    try:
        with pytest.raises(Stopped):
            place(bucket.uri(KEY)).write_bytes(b"x" * size)  # type: ignore[union-attr]
    finally:
        signal.signal(signal.SIGUSR1, before)
    end = time.monotonic() + 60
    while (found := bucket.get(KEY)) == b"old" and time.monotonic() < end:  # the signal may keep it from being awaited
        time.sleep(0.01)
    assert found == b"x" * size


@writable
@pytest.mark.parametrize("times", [1, 1000])
@pytest.mark.parametrize("size", [10, 25 * 2**20])
def test_an_upload_that_fails_leaves_the_old_object(bucket: Bucket, size: int, times: int) -> None:
    bucket.put(KEY, b"old")

    def last_part_fails(request: Request) -> tuple[str, bytes] | None:
        query = request.raw["QUERY_STRING"]
        refused = request.raw["REQUEST_METHOD"] == "PUT" and ("partNumber=3" in query or "partNumber" not in query)
        return FORBIDDEN if refused and next(left, 0) else None

    left = iter(range(times, 0, -1))

    bucket.server.answer = last_part_fails
    refused = pytest.raises(OSError, match=r"(ACCESS|PERMISSION)_DENIED")
    with refused, committing(place(bucket.uri(KEY))) as temporary:
        temporary.write_bytes(b"x" * size)
    bucket.server.answer = lambda request: None
    assert bucket.get(KEY) == b"old"
    assert bucket.objects() == [KEY]
    asked = [request.does for request in bucket.server.requests]
    assert asked.count("write") > (2 if size > 100 and bucket.scheme == "s3" else 0)
    with committing(place(bucket.uri(KEY))) as temporary:
        temporary.write_bytes(b"y" * size)
    assert bucket.get(KEY) == b"y" * size


@writable
def test_an_exception_uploads_nothing(bucket: Bucket) -> None:
    bucket.put(KEY, b"old")
    with pytest.raises(RuntimeError), committing(place(bucket.uri(KEY))) as temporary:
        temporary.write_bytes(b"half")
        raise RuntimeError
    assert bucket.get(KEY) == b"old"
    assert not temporary.parent.exists()


@writable
def test_a_folder_is_what_its_manifest_names(bucket: Bucket) -> None:
    folder = output_place(bucket.uri("a b/results"))
    _parts(folder, "1", "2", "3")
    assert _read(folder) == ["1", "2", "3"]
    before = folder_digest(folder)
    with pytest.raises(RuntimeError), committing_parts(folder) as parts:
        with parts.adding() as temporary:
            temporary.write_text("half")
        assert _read(folder) == ["1", "2", "3"]
        raise RuntimeError
    assert _read(folder) == ["1", "2", "3"]
    assert folder_digest(folder) == before
    assert len(bucket.objects("a b/results/part-")) == 3
    _parts(folder, "4")
    assert _read(folder) == ["4"]
    assert len(bucket.objects("a b/results/part-")) == 1
    part_files(folder)[0].unlink()
    assert folder_digest(folder) != before


@writable
def test_a_swap_killed_after_its_manifest_is_mended(bucket: Bucket) -> None:
    folder = output_place(bucket.uri("results"))
    _parts(folder, "new")
    bucket.put("results/part-000000-0123abcd.parquet", b"old")
    bucket.put("results/part-mine.parquet", b"someone else's")
    restore_parts(folder)
    assert _read(folder) == ["new"]
    assert len(bucket.objects("results/part-")) == 2
    assert bucket.get("results/part-mine.parquet") == b"someone else's"
    without = output_place(bucket.uri("copied"))
    bucket.put("copied/part-000000-0123abcd.parquet", b"copied without its manifest")
    restore_parts(without)
    assert _read(without) == ["copied without its manifest"]


@writable
def test_others_read_a_folder_without_its_manifest_file(bucket: Bucket) -> None:
    import pyarrow.parquet as pq

    folder = output_place(bucket.uri("results"))
    for first in (0, 10):
        with committing_parts(folder) as parts:
            for number in range(2):
                with parts.adding() as temporary:
                    pq.write_table(pa.table({"n": [first + number]}), temporary)
    assert (folder / MANIFEST).is_file()
    read = dataset.dataset(folder.key, filesystem=folder.filesystem, format="parquet").to_table()
    assert read["n"].to_pylist() == [10, 11]


def test_the_lock_of_a_store_is_here_and_says_what_it_guards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    out, other = output_place("s3://bucket/x/r.parquet"), output_place("s3://bucket/y/r.parquet")
    with (
        hold_output(out),
        hold_output(other),
        pytest.raises(OutputBusy, match=r"on s3://bucket/x/r\.parquet"),
        hold_output(output_place(f"{out}/")),
    ):
        pytest.fail("the lock was given twice")
    assert lock_file(out).is_relative_to(tmp_path)


@writable
def test_a_wrong_bucket_and_refused_credentials_are_told_before_any_work(bucket: Bucket) -> None:
    check_parent(output_place(bucket.uri("new folder/r.csv")))
    elsewhere = bucket.elsewhere("elsewhere")
    with pytest.raises(UsageError, match=f"no bucket {elsewhere}"):
        check_parent(output_place(f"{elsewhere}/r.csv"))
    with pytest.raises(UsageError, match="cannot open hdfs://"):
        output_place("hdfs://host/r.csv")
    bucket.server.answer = lambda request: FORBIDDEN
    with pytest.raises(UsageError, match=r"(ACCESS|PERMISSION)_DENIED.*check the credentials") as refused:
        check_parent(output_place(bucket.uri("r.csv")))
    assert "\n" not in str(refused.value)


def test_the_advice_about_a_store_names_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", "/spool")
    folder = output_place("s3://b/x")
    google = "google::cloud::Status({}: Permanent error, with a last message of {} error_info={{reason=, domain=}})"
    for said, todo in (
        ("AWS Error NO_SUCH_BUCKET during PutObject operation", "make that bucket"),
        ("AWS Error ACCESS_DENIED during PutObject operation", "check the credentials"),
        ("AWS Error NETWORK_CONNECTION: curlCode: 7", "check the network"),
        ("AWS Error SLOW_DOWN", "wait until"),
        (google.format("NOT_FOUND", "Received HTTP status code: 404"), "make that bucket"),
        (google.format("PERMISSION_DENIED", "no"), "check the credentials"),
        (google.format("UNAVAILABLE", "Could not create a OAuth2 access token"), "check the credentials"),
        (google.format("UNAVAILABLE", "Received HTTP status code: 503"), "wait until"),
        ("something else", "mend that"),
    ):
        advice = write_advice(OSError(said), folder)
        assert todo in advice
        assert "run the same command again" in advice
        assert "error_info" not in advice
    denied = PermissionError(13, google.format("PERMISSION_DENIED", "Received HTTP status code: 403"))
    assert "check the credentials" in write_advice(denied, folder)
    assert "/spool" in write_advice(PermissionError(13, "Permission denied", "/spool/x"), folder)
    assert "for /spool" in write_advice(OSError(28, "No space left on device"), folder)
