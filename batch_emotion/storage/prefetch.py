"""Many small requests in flight: work done ahead of who takes its results, in their order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import repeat
from threading import Lock
from typing import NamedTuple, TypeVar

from batch_emotion.records import Status
from batch_emotion.storage.budget import ByteBudget
from batch_emotion.storage.local import FileBytes
from batch_emotion.storage.neighbours import Blocks, Group, grouped
from batch_emotion.storage.reading import read_file

_T = TypeVar("_T")
_R = TypeVar("_R")

IN_FLIGHT = 24
"""Requests of a process at a time; pyarrow's S3 client keeps 25 connections."""

_BYTES_AHEAD = 64 * 2**20
_LARGE, _LARGE_BYTES = 4 * 2**20, 256 * 2**20


def work_ahead(
    pool: ThreadPoolExecutor, work: Callable[[_T], _R], items: Iterable[_T], width: Callable[[], int]
) -> Iterator[_R]:
    """The results of ``work`` for each item, in order; ``width`` says how many may be in the making or wait."""
    waiting: deque[Future[_R]] = deque()
    try:
        for item in items:
            waiting.append(pool.submit(work, item))
            while len(waiting) >= width():
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for left in waiting:
            left.cancel()


_NOT_YET = FileBytes(b"", Status.TOO_LARGE)


class _Read(NamedTuple):
    """A file read ahead, and the bytes of the budget that it took; or one that is put off until its turn."""

    location: str
    file: FileBytes
    taken: int = 0
    is_put_off: bool = False


class ReadAhead:
    """Reads files ahead, up to ``IN_FLIGHT`` of a process at a time; neighbours in an archive with one request.

    Of one sequence no more wait than will be about 64 MiB, by the size of those before: a few at first. Of files
    above 4 MiB no more than 256 MiB wait in all of the process; what does not fit is read in its turn, one at a time.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes, self._expected = max_bytes, _BYTES_AHEAD / 8
        self._pool = ThreadPoolExecutor(IN_FLIGHT, "read")
        self._budget, self._turn = ByteBudget(_LARGE_BYTES), Lock()
        self._blocks = Blocks()

    def __call__(self, locations: Iterable[str], sizes: Iterable[int | None] = repeat(None)) -> Generator[FileBytes]:
        """What ``read_file`` says of each location, in order; ``sizes`` are those known before.

        A file counts as in use until the next one is asked for, or the iterator closed.
        """
        groups = grouped(zip(locations, sizes, strict=False))
        for reads in work_ahead(self._pool, self._read_group, groups, self._width):
            for read in reads:
                if read.is_put_off:
                    with self._turn:
                        yield read_file(read.location, self._max_bytes)
                else:
                    try:
                        yield read.file
                    finally:
                        self._budget.give_back(read.taken)
            del reads, read  # or they would be in memory until the next ones are there

    def close(self) -> None:
        """Begin no more reads."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._blocks.close()

    def _read_group(self, group: Group) -> Sequence[_Read]:
        if len(group) == 1:
            return [self._read(group[0])]
        files = self._blocks.read(group, self._max_bytes)
        self._expect(sum(len(file.data) for file in files))
        return [_Read(location, file) for (location, _), file in zip(group, files, strict=True)]

    def _read(self, item: tuple[str, int | None]) -> _Read:
        location, size = item
        if size is None or size <= _LARGE:
            file = read_file(location, min(_LARGE, self._max_bytes))
            if file.status is not Status.TOO_LARGE or file.size is None or file.size > self._max_bytes:
                self._expect(len(file.data))
                return _Read(location, file)
            size = file.size
        self._expect(size)
        if not self._budget.try_take(size):
            return _Read(location, _NOT_YET, is_put_off=True)
        return _Read(location, read_file(location, self._max_bytes), size)

    def _expect(self, size: int) -> None:
        self._expected += (size - self._expected) / 8

    def _width(self) -> int:
        return max(1, min(IN_FLIGHT, int(_BYTES_AHEAD / max(1.0, self._expected))))
