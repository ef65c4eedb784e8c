"""Reading from an object store: what is wrong with an object is a status, with a store an error."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from datetime import timedelta

import pytest

from batch_emotion.errors import BatchEmotionError
from batch_emotion.records import Status
from batch_emotion.sources.planning import make_plan
from batch_emotion.storage import google, objects, prefetch
from batch_emotion.storage.escaping import escape_name
from batch_emotion.storage.filesystems import open_filesystem
from batch_emotion.storage.prefetch import ReadAhead
from batch_emotion.storage.reading import FileBytes, read_file
from tests.support.archives import tar_of
from tests.support.store import FORBIDDEN, SLOW_DOWN, Bucket, Request, writable

MIB = 2**20


def _read(uri: str, max_bytes: int = MIB) -> FileBytes:
    return read_file(escape_name(uri), max_bytes)


@pytest.mark.parametrize("key", ["a b/50%#ü.jpg", "*[a]?.jpg", "plus+&=~.jpg", "back\\x41.jpg", "%41.jpg", "a?b=c.jpg"])
def test_keys_are_taken_as_they_are(bucket: Bucket, key: str) -> None:
    if bucket.scheme == "abfs" and "\\" in key:
        pytest.skip("Azure stores it under a slash")
    file = _read(bucket.put(key, key.encode()))
    assert (file.data, file.status, file.size) == (key.encode(), Status.OK, len(key.encode()))


def test_a_read_is_two_requests_and_tells_the_time_that_a_listing_tells(bucket: Bucket) -> None:
    uri = bucket.put("folder/a.jpg", b"image")
    modified = bucket.modified("folder/a.jpg") * 10**9
    _read(uri)  # Azure's client asks once whether it may
    bucket.server.requests.clear()
    assert _read(uri).mtime_ns == modified
    assert _asked(bucket) == (["list", "look", "read"] if bucket.scheme == "abfs" else ["look", "read"])


def _asked(bucket: Bucket) -> list[str]:
    return [request.does for request in bucket.server.requests]


def test_what_is_wrong_with_an_object_is_its_status(bucket: Bucket) -> None:
    bucket.put("folder/a.jpg", b"x" * 100)
    bucket.put("empty.jpg", b"")
    for uri, status in {
        bucket.uri("gone.jpg"): Status.MISSING,
        bucket.uri("folder"): Status.NOT_A_FILE,
        bucket.uri("folder/"): Status.NOT_A_FILE,
        bucket.uri().rstrip("/"): Status.NOT_A_FILE,
        bucket.uri("empty.jpg"): Status.EMPTY,
        bucket.uri("a//b.jpg"): Status.UNREADABLE,
        bucket.uri("folder/x/../a.jpg"): Status.UNREADABLE,
        "foo://bucket/a.jpg": Status.UNSUPPORTED,
        "abfs://bucket@elsewhere.org/a.jpg": Status.UNSUPPORTED,
        f"{bucket.scheme}:///a.jpg": Status.UNSUPPORTED,
    }.items():
        file = _read(uri)
        assert (file.status, file.data, bool(file.error)) == (status, b"", True), uri
    bucket.server.requests.clear()
    assert _read(bucket.uri("folder/a.jpg"), 99).status == Status.TOO_LARGE
    assert len(bucket.server.requests) == 1
    assert "read" not in _asked(bucket)
    bucket.server.answer = lambda request: FORBIDDEN
    assert _read(bucket.uri("folder/a.jpg")).status == Status.UNREADABLE


def _without_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    from pyarrow import fs

    monkeypatch.setattr(objects, "_PAUSES_S", (0.0, 0.0))
    monkeypatch.setattr(google, "_PATIENCE", timedelta(milliseconds=1))
    once = fs.AwsStandardS3RetryStrategy(max_attempts=1)
    monkeypatch.setattr(fs, "AwsStandardS3RetryStrategy", lambda max_attempts: once)
    open_filesystem.cache_clear()


def test_a_store_that_fails_for_the_moment_is_asked_again(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    _without_patience(monkeypatch)
    uri = bucket.put("a.jpg", b"image")
    failures = iter([SLOW_DOWN, None, SLOW_DOWN])  # the HEAD, and the GET of the second try
    bucket.server.answer = lambda request: next(failures, None)
    assert _read(uri).data == b"image"
    assert next(failures, "none left") == "none left"


@pytest.mark.parametrize("bucket", ["s3"], indirect=True)  # the others' clients ask again after seconds
@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_an_archive_that_fails_for_the_moment_is_listed_to_its_end_or_not_at_all(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    _without_patience(monkeypatch)
    members = {f"{number}.jpg": random.Random(number).randbytes(MIB) for number in range(10)}
    uri = bucket.put("a.tar" if mode == "w" else "a.tar.gz", tar_of(members, mode=mode))
    failures = iter([None, None, SLOW_DOWN])
    bucket.server.answer = lambda request: next(failures, None)
    plan = make_plan([uri])
    assert plan.images["path"].to_pylist() == [f"{uri}!/{name}" for name in members]
    bucket.server.answer = lambda request: SLOW_DOWN if request.does == "read" else None
    (trouble,) = make_plan([uri]).images["location"].to_pylist()
    assert read_file(trouble, MIB).status is Status.UNREADABLE
    bucket.server.answer = lambda request: None
    for location, content in zip(plan.images["location"].to_pylist(), members.values(), strict=True):
        assert read_file(location, MIB).data == content


@writable  # Azure's client asks again after seconds, whatever it is told
def test_an_object_that_never_answers_is_a_row_and_a_dead_store_ends_the_run(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    _without_patience(monkeypatch)
    uri = bucket.put("a.jpg", b"image")
    bucket.server.answer = lambda request: SLOW_DOWN if request.key.endswith("a.jpg") else None
    assert _read(uri).status == Status.UNREADABLE
    bucket.server.answer = lambda request: SLOW_DOWN
    with pytest.raises(BatchEmotionError, match=f"{bucket.root} cannot be reached.*the same command carries on"):
        _read(uri)


def test_many_are_read_at_a_time_and_given_in_order(bucket: Bucket) -> None:
    uris = [bucket.put(f"{number:02}.jpg", b"%d" % number) for number in range(60)]
    lock, inside, most = threading.Lock(), 0, 0

    def slow(request: Request) -> None:
        nonlocal inside, most
        with lock:
            inside += 1
            most = max(most, inside)
        time.sleep(0.02)
        with lock:
            inside -= 1

    bucket.server.answer = slow
    reading = ReadAhead(MIB)
    assert [int(file.data) for file in reading(uris)] == list(range(60))
    reading.close()
    assert 4 < most <= prefetch.IN_FLIGHT


def test_few_large_files_wait_at_a_time(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prefetch, "_BYTES_AHEAD", 40_000)
    uris = [bucket.put(f"{number}.jpg", b"x" * 10_000) for number in range(30)]
    read = Counter[str]()
    monkeypatch.setattr(prefetch, "read_file", lambda uri, most: (read.update([uri]), read_file(uri, most))[1])
    reading = ReadAhead(MIB)
    taken = 0
    for taken, _ in enumerate(reading(uris), 1):
        assert read.total() <= taken + 8
    reading.close()
    assert taken == 30
    assert reading._width() == 4
