"""The part of a file that is at hand while the file is walked from its beginning to its end."""

from __future__ import annotations

import io

from batch_emotion.storage.ranges import Ranges

_LEAST, _MOST = 64 * 2**10, 8 * 2**20


class Window:
    """Reads a file in steps that grow while all of it is wanted, and are small while most of it is passed over."""

    def __init__(self, file: Ranges) -> None:
        self.file = file
        self._start, self._data, self._step = 0, b"", _LEAST // 4

    def at(self, offset: int, length: int) -> bytes:
        """The bytes from there on, fewer where the file ends."""
        first = offset - self._start
        if first < 0 or first + length > len(self._data):
            passed_over = first - len(self._data)
            near = first >= 0 and passed_over <= self.file.leap
            self._step = min(_MOST, 4 * self._step) if near else _LEAST
            self._data, self._start, first = self.file.read(offset, max(length, self._step)), offset, 0
        return self._data[first : first + length]


class WindowFile(io.RawIOBase):
    """A window as a file that Python's libraries read; no more than ``most`` bytes at a time."""

    def __init__(self, file: Ranges, most: int) -> None:
        self._window, self._most, self._at = Window(file), most, 0

    def seekable(self) -> bool:
        """It is."""
        return True

    def readable(self) -> bool:
        """It is."""
        return True

    def tell(self) -> int:
        """Where the next read begins."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go there."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._window.file.size}[whence]
        if start + offset < 0:
            raise OSError("negative offset")
        self._at = start + offset
        return self._at

    def read(self, size: int = -1) -> bytes:
        """The bytes from here on.

        Raises:
            ValueError: they are more than ``most``.
        """
        left = max(0, self._window.file.size - self._at)
        wanted = left if size is None or size < 0 else min(size, left)
        if wanted > self._most:
            raise ValueError(f"its directory has {wanted} bytes, more than can be true")
        data = self._window.at(self._at, wanted)
        self._at += len(data)
        return data
