"""Many small requests in flight: work done ahead of who takes its results, in their order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from batch_emotion.storage.reading import FileBytes, read_file

_T = TypeVar("_T")
_R = TypeVar("_R")

IN_FLIGHT = 24
"""Requests of a process at a time; pyarrow's S3 client keeps 25 connections."""

_BYTES_AHEAD = 64 * 2**20


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


class ReadAhead:
    """Reads files ahead, up to ``IN_FLIGHT`` of a process at a time.

    Of one sequence no more wait than will be about 64 MiB, by the size of those before: a few at first.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes, self._expected = max_bytes, _BYTES_AHEAD / 8
        self._pool = ThreadPoolExecutor(IN_FLIGHT, "read")

    def __call__(self, locations: Iterable[str]) -> Iterator[FileBytes]:
        """What ``read_file`` says of each location, in order."""
        return work_ahead(self._pool, self._read, locations, self._width)

    def close(self) -> None:
        """Begin no more reads."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _read(self, location: str) -> FileBytes:
        file = read_file(location, self._max_bytes)
        self._expected += (len(file.data) - self._expected) / 8
        return file

    def _width(self) -> int:
        return max(1, min(IN_FLIGHT, int(_BYTES_AHEAD / max(1.0, self._expected))))
