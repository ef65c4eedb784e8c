"""Files of which parts are read: archives on this machine and on stores, a few of which stay open."""

from __future__ import annotations

import errno
import os
import stat
from collections import OrderedDict
from collections.abc import Callable
from threading import Lock
from typing import Any, Generic, Protocol, TypeVar
from zlib import crc32

from batch_emotion.storage.escaping import unescape_name
from batch_emotion.storage.filesystems import GOOGLE
from batch_emotion.storage.local import kind_of
from batch_emotion.storage.objects import patiently, whole_seconds, written
from batch_emotion.storage.places import is_uri, place
from batch_emotion.storage.remote import RemotePath

_Opened = TypeVar("_Opened")

_OPEN_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_PREAD = getattr(os, "pread", None)
_MOST_OPEN = 16
_SMALL = 8 * 2**20


class Ranges(Protocol):
    """A file whose parts can be had in any order, by any thread.

    Attributes:
        size: bytes of all of it.
        mtime_ns: when it was written, ns since the epoch; on a store to the second.
        leap: bytes that are sooner read than passed over by another request.
        damage: why the content ends too early; None where it does not, as far as that is known.
    """

    size: int
    mtime_ns: int
    leap: int
    damage: str | None

    def read(self, offset: int, length: int) -> bytes:
        """The bytes from there on, fewer where the file ends.

        Raises:
            OSError: they cannot be read.
        """
        ...


class LocalRanges:
    """A file on this machine; it is closed when nobody refers to it."""

    leap = 128 * 2**10
    damage: str | None = None

    def __init__(self, name: str) -> None:
        self._lock = Lock()
        self._descriptor = -1
        self._descriptor = os.open(name, _OPEN_FLAGS)
        facts = os.fstat(self._descriptor)
        if not stat.S_ISREG(facts.st_mode):
            raise IsADirectoryError(errno.EISDIR, f"it is {kind_of(facts.st_mode)}", name)
        self.size, self.mtime_ns = facts.st_size, facts.st_mtime_ns

    def read(self, offset: int, length: int) -> bytes:
        """See ``Ranges``."""
        length = max(0, min(length, self.size - offset))
        if _PREAD is not None:
            data: bytes = _PREAD(self._descriptor, length, offset)
            if len(data) == length or not data:
                return data
            return data + self.read(offset + len(data), length - len(data))  # of more than 2 GiB, for one
        with self._lock:  # Windows has no pread
            os.lseek(self._descriptor, offset, os.SEEK_SET)
            return os.read(self._descriptor, length)

    def __del__(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)


class RemoteRanges:
    """An object on a store; opening it is a request or two, and so is each part.

    Of an opened object of Google's pyarrow asks the store whether it is closed, each time that it is used, and keeps
    all other threads waiting for the answer; so a small one is had at once.
    """

    leap = 2 * 2**20
    damage: str | None = None

    def __init__(self, there: RemotePath) -> None:
        self._file: Any = None
        self._whole: bytes | None = None
        modified = None
        if there.scheme not in GOOGLE:
            self._file = patiently(lambda: there.filesystem.open_input_file(there.path))
            self.size = self._file.size()
            modified = written(self._file) if there.tells_time_when_opened else None
        if modified is None:
            found = patiently(there.info)
            if not found.is_file:
                raise FileNotFoundError(there.path)
            self.size, modified = found.size, whole_seconds(found.mtime_ns)
        self.mtime_ns = modified or 0
        if self._file is None and self.size <= _SMALL:
            self._whole = patiently(lambda: _read_whole(there))
        elif self._file is None:
            self._file = patiently(lambda: there.filesystem.open_input_file(there.path))

    def read(self, offset: int, length: int) -> bytes:
        """See ``Ranges``."""
        length = min(length, self.size - offset)
        if length <= 0:
            return b""
        if self._whole is not None:
            return self._whole[offset : offset + length]
        data: bytes = patiently(lambda: self._file.read_at(length, offset))
        return data


def _read_whole(there: RemotePath) -> bytes:
    with there.filesystem.open_input_stream(there.path, None) as stream:
        data: bytes = stream.read()
    return data


class OpenFiles(Generic[_Opened]):
    """The files that were read last, kept open for any thread."""

    def __init__(self, opening: Callable[[str], _Opened], most: int) -> None:
        """Begin with none.

        Args:
            opening: opens the file at a location, and is quick about it where that is on this machine.
            most: how many are kept open.
        """
        self._opening, self._most = opening, most
        self._files: OrderedDict[str, _Opened] = OrderedDict()
        self._lock = Lock()

    def get(self, location: str) -> _Opened:
        """The file at a location."""
        with self._lock:
            if location in self._files:
                self._files.move_to_end(location)
                return self._files[location]
        opened = self._opening(location)
        with self._lock:
            file = self._files.setdefault(location, opened)
            while len(self._files) > self._most:
                self._files.popitem(last=False)
            return file

    def forget(self, location: str) -> None:
        """Open it again the next time, as it may have been replaced."""
        with self._lock:
            self._files.pop(location, None)


def open_ranges(location: str, anew: bool = False) -> Ranges:
    """The file at a location.

    Args:
        location: a path or a URI, escaped.
        anew: open it again, as it may have been replaced since it was opened.

    Raises:
        OSError: it is not there or cannot be read.
        UsageError: nothing is known that opens such a URI.
    """
    if anew:
        _OPEN_FILES.forget(location)
    return _OPEN_FILES.get(location)


def version_of(file: Ranges) -> int:
    """A number that changes when the file is replaced."""
    return crc32(f"{file.size},{whole_seconds(file.mtime_ns)}".encode())


def _open(location: str) -> Ranges:
    name = unescape_name(location)
    there = place(name) if is_uri(name) else name
    return RemoteRanges(there) if isinstance(there, RemotePath) else LocalRanges(str(there))


_OPEN_FILES = OpenFiles(_open, _MOST_OPEN)
