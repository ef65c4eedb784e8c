from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from batch_emotion.storage import neighbours
from batch_emotion.storage.members import Member
from batch_emotion.storage.neighbours import Blocks, grouped

_TAR = "s3://bucket/a.tar"


def _location(offset: int, length: int = 1000, archive: str = _TAR) -> str:
    return Member("tar", offset, length, length, 0, archive).location


def _sizes(locations: Iterable[str]) -> list[int]:
    return [len(group) for group in grouped((location, None) for location in locations)]


def test_members_that_follow_each_other_are_read_together() -> None:
    assert _sizes(_location(n * 1536) for n in range(300)) == [128, 128, 44]
    assert _sizes([_location(0), _location(2**19), _location(2**19 + 2000)]) == [1, 2]
    assert _sizes([_location(4000), _location(0), _location(2000)]) == [1, 2]
    assert _sizes([_location(0), _location(2000, archive="s3://bucket/b.tar")]) == [1, 1]


def test_what_is_large_here_or_no_member_is_read_alone() -> None:
    assert _sizes([_location(0, 2**21), _location(2**21, 2**21)]) == [1, 1]
    assert _sizes([_location(0, archive="/a.tar"), _location(2000, archive="/a.tar")]) == [1, 1]
    assert _sizes(["s3://bucket/a.png", "s3://bucket/b.png", "refused:corrupt:x"]) == [1, 1, 1]
    assert _sizes([]) == []


class _Counting:
    """A file of zeros that counts what is read of it; the first read of some parts fails."""

    size, mtime_ns, leap, damage = 10 * 2**20 + 5, 0, 0, None

    def __init__(self, failing: Iterable[int] = ()) -> None:
        self.reads: list[int] = []
        self._failing = set(failing)

    def read(self, offset: int, length: int) -> bytes:
        self.reads.append(offset // 2**22)
        if offset // 2**22 in self._failing:
            self._failing.discard(offset // 2**22)
            raise OSError("it fails once")
        return bytes(min(length, self.size - offset))


def _parts(blocks: Blocks, file: _Counting) -> Any:
    return neighbours._Blockwise(blocks, _TAR, file)


def test_each_part_is_asked_for_once_by_however_many_threads() -> None:
    blocks, file = Blocks(), _Counting()
    whole = _parts(blocks, file)
    with ThreadPoolExecutor(8) as threads:
        read = list(threads.map(lambda n: whole.read(n * 10_000, 10_000), range(1100)))
    assert sum(map(len, read)) == file.size
    assert sorted(file.reads) == [0, 1, 2]
    assert whole.read(4 * 2**20 - 3, 6) == bytes(6)
    assert whole.read(file.size, 10) == b""
    blocks.close()


def test_a_part_that_fails_is_asked_for_again() -> None:
    blocks, file = Blocks(), _Counting(failing=[0])
    whole = _parts(blocks, file)
    with pytest.raises(OSError, match="fails once"):
        whole.read(0, 10)
    assert whole.read(0, 10) == bytes(10)
    blocks.close()
