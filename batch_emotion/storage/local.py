"""A file's bytes on this machine, or the status that says why there are none."""

from __future__ import annotations

import errno
import os
import stat
from typing import NamedTuple

from batch_emotion.errors import one_line
from batch_emotion.records import Status


class FileBytes(NamedTuple):
    """A file's content, or the status that says why there is none."""

    data: bytes
    status: Status
    error: str | None = None
    size: int | None = None
    mtime_ns: int | None = None


_STATUS_OF_ERRNO = {
    errno.ENOENT: Status.MISSING,
    errno.ENOTDIR: Status.MISSING,
    errno.ENAMETOOLONG: Status.MISSING,
    errno.EISDIR: Status.NOT_A_FILE,
    errno.ENXIO: Status.NOT_A_FILE,
}
RUN_FAILURES = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM})
"""Errors that are the process's own, not a file's."""

_OPEN_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)


def read_local(name: str, max_bytes: int) -> FileBytes:
    """Read a whole regular file of at most ``max_bytes``; the name is as the operating system's calls take it.

    It never waits on a FIFO and never raises for a bad file.

    Raises:
        OSError: only where the process itself is out of memory or file descriptors.
    """
    try:
        descriptor = os.open(name, _OPEN_FLAGS)
    except (OSError, ValueError) as error:
        return not_opened(name, error)
    try:
        facts = os.fstat(descriptor)
        if not stat.S_ISREG(facts.st_mode):
            return FileBytes(b"", Status.NOT_A_FILE, f"it is {kind_of(facts.st_mode)}")
        size, mtime_ns = facts.st_size, facts.st_mtime_ns
        if size > max_bytes:
            reason = f"{size} bytes, more than the limit of {max_bytes}"
            return FileBytes(b"", Status.TOO_LARGE, reason, size, mtime_ns)
        data = _read_all(descriptor, size)
    except OSError as error:
        return FileBytes(b"", Status.UNREADABLE, error.strerror)
    finally:
        os.close(descriptor)
    if not data:
        return FileBytes(b"", Status.EMPTY, "the file has no content", size, mtime_ns)
    return FileBytes(data, Status.OK, None, size, mtime_ns)


def not_opened(name: str, error: OSError | ValueError) -> FileBytes:
    """The status that says why a file of that name cannot be opened, or not be read.

    Raises:
        OSError: only where the process itself is out of memory or file descriptors.
    """
    if isinstance(error, OSError):
        if error.errno in RUN_FAILURES:
            raise error
        return FileBytes(b"", _STATUS_OF_ERRNO.get(error.errno or 0, Status.UNREADABLE), error.strerror)
    if "\0" in name:
        return FileBytes(b"", Status.MISSING, "the path holds a NUL character")
    return FileBytes(b"", Status.UNREADABLE, one_line(error))


def _read_all(descriptor: int, size: int) -> bytes:
    """Read to the end; one call where the file is as long as it said, as almost all are."""
    data = os.read(descriptor, size + 1)
    if len(data) == size:
        return data
    pieces = [data]
    while data:
        data = os.read(descriptor, 2**20)
        pieces.append(data)
    return b"".join(pieces)


def kind_of(mode: int) -> str:
    """What there is in the place of a file, by its mode."""
    kinds = {stat.S_IFDIR: "a directory", stat.S_IFIFO: "a FIFO", stat.S_IFSOCK: "a socket"}
    return kinds.get(stat.S_IFMT(mode), "a device")
