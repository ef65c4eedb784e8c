"""A number of bytes that the threads of a process share: who needs more than is left waits."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition


class ByteBudget:
    """Bytes in use at a time; they are given in the order of asking.

    Who needs more than there is at all gets it once nobody else has any, so that every wait ends as long as nobody
    waits for a second share while holding one.
    """

    def __init__(self, size: int) -> None:
        self.size, self.used = size, 0
        self._queue, self._changed = deque[object](), Condition()

    def take(self, size: int) -> None:
        """Take so many bytes, waiting for them."""
        ticket = object()
        with self._changed:
            self._queue.append(ticket)
            try:
                self._changed.wait_for(lambda: self._queue[0] is ticket and self._has(size))
                self.used += size
            finally:
                self._queue.remove(ticket)
                self._changed.notify_all()

    def try_take(self, size: int) -> bool:
        """Take so many bytes if they are there and nobody waits."""
        with self._changed:
            if self._queue or not self._has(size):
                return False
            self.used += size
            return True

    def give_back(self, size: int) -> None:
        """Give back what was taken."""
        with self._changed:
            self.used -= size
            self._changed.notify_all()

    @contextmanager
    def reserve(self, size: int) -> Iterator[None]:
        """Have so many bytes for as long as the block takes."""
        self.take(size)
        try:
            yield
        finally:
            self.give_back(size)

    def _has(self, size: int) -> bool:
        return self.used + size <= self.size or not self.used
