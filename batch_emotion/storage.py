"""Files on disk: names that are not UTF-8, reading, atomic commits and the lock on an output.

The rename is the commit: what has its final name is whole.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from filelock import FileLock, Timeout

from batch_emotion.errors import OutputBusy
from batch_emotion.records import Status

_UNDECODED = re.compile("[\udc80-\udcff]")
_ESCAPE = re.compile(r"\\x([0-9a-f]{2})")
_LOOKS_ESCAPED = re.compile(r"\\(?=x[0-9a-f]{2})")


def escape_name(name: str) -> str:
    r"""Make a file name valid UTF-8, losslessly.

    A byte that is not UTF-8 (which Python holds as a lone surrogate) becomes ``\xNN``; a backslash that would read as
    such an escape becomes ``\x5c``. Every other name stays as it is.
    """
    if "\\x" in name:
        name = _LOOKS_ESCAPED.sub(r"\\x5c", name)
    return _UNDECODED.sub(lambda m: f"\\x{ord(m[0]) - 0xDC00:02x}", name)


def unescape_name(text: str) -> str:
    """Undo ``escape_name``: the name as the operating system's calls take it."""
    if "\\x" not in text:
        return text

    def byte(match: re.Match[str]) -> str:
        value = int(match[1], 16)
        return chr(value) if value < 0x80 else chr(0xDC00 + value)

    return _ESCAPE.sub(byte, text)


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
_RUN_FAILURES = {errno.EMFILE, errno.ENFILE, errno.ENOMEM}
_OPEN_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)


def read_file(location: str, max_bytes: int) -> FileBytes:
    """Read a whole regular file of at most ``max_bytes``; never waits on a FIFO, never raises for a bad file.

    Raises:
        OSError: only where the process itself is out of memory or file descriptors.
    """
    if not location:
        return FileBytes(b"", Status.MISSING, "the path is empty")
    try:
        descriptor = os.open(unescape_name(location), _OPEN_FLAGS)
    except OSError as error:
        if error.errno in _RUN_FAILURES:
            raise
        return FileBytes(b"", _STATUS_OF_ERRNO.get(error.errno or 0, Status.UNREADABLE), error.strerror)
    except ValueError:
        return FileBytes(b"", Status.MISSING, "the path holds a NUL character")
    try:
        facts = os.fstat(descriptor)
        if not stat.S_ISREG(facts.st_mode):
            return FileBytes(b"", Status.NOT_A_FILE, f"it is {_kind(facts.st_mode)}")
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


def _kind(mode: int) -> str:
    kinds = {stat.S_IFDIR: "a directory", stat.S_IFIFO: "a FIFO", stat.S_IFSOCK: "a socket"}
    return kinds.get(stat.S_IFMT(mode), "a device")


def fsync_folder(folder: Path) -> None:
    """Make the names in a folder survive a power cut, where the system can."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def committing(final: Path) -> Iterator[Path]:
    """Give a temporary name beside ``final``; when the block ends well, fsync it and rename it to ``final``.

    After an exception nothing is left behind and ``final`` is as it was.
    """
    descriptor, name = tempfile.mkstemp(prefix=f".{final.name[:100]}.", suffix=".tmp", dir=final.parent)
    os.close(descriptor)
    temporary = Path(name)
    try:
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(final)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    fsync_folder(final.parent)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def commit_text(final: Path, text: str) -> None:
    """Write a small text file, UTF-8, whole or not at all."""
    with committing(final) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


@contextmanager
def committing_folder(final: Path) -> Iterator[Path]:
    """Give an empty folder beside ``final``; when the block ends well, swap it in for ``final``.

    What was there before stays until the new folder is whole; ``restore_output`` mends a swap that was cut short.
    """
    temporary = Path(tempfile.mkdtemp(prefix=f".{final.name[:100]}.", suffix=".tmp", dir=final.parent))
    try:
        yield temporary
        for child in temporary.rglob("*"):
            if child.is_file():
                with child.open("rb+") as file:
                    os.fsync(file.fileno())
        fsync_folder(temporary)
        temporary.chmod(0o777 & ~_umask())
        previous = _previous(final)
        if final.exists():
            final.rename(previous)
        temporary.rename(final)
        shutil.rmtree(previous, ignore_errors=True)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    fsync_folder(final.parent)


def restore_output(final: Path) -> None:
    """Mend what a killed writer of ``final`` left: a folder swap between its two renames, unfinished temporaries.

    Only for the holder of the output's lock: another writer's temporaries are in use.
    """
    unfinished = re.compile(rf"\.{re.escape(final.name[:100])}(\.run\.json)?\.[a-z0-9_]{{8}}\.tmp")
    for name in filter(unfinished.fullmatch, os.listdir(final.parent)):
        left = final.parent / name
        if left.is_dir():
            shutil.rmtree(left, ignore_errors=True)
        else:
            left.unlink(missing_ok=True)
    previous = _previous(final)
    if previous.exists():
        if final.exists():
            shutil.rmtree(previous)
        else:
            previous.rename(final)


def _previous(final: Path) -> Path:
    return final.with_name(f".{final.name}.previous")


def write_advice(error: OSError, folder: Path) -> str:
    """What a failed write means and what to do about it, in words for the user."""
    said = f"{error.strerror or error}{f' ({error.filename})' if error.filename else ''}"
    if error.errno in (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC), errno.EFBIG):
        todo = f"free some space for {folder}, or have the quota raised,"
    elif not folder.is_dir():
        todo = f"the folder {folder} is gone: make or mount it again"
    elif error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        todo = f"make {folder} writable"
    else:
        todo = "mend that"
    return f"{said}; {todo} and run the same command again, what is committed is kept"


@contextmanager
def output_lock(path: Path, wait_s: float = 0.0) -> Iterator[None]:
    """Hold ``path`` as a lock for the block; the system releases it with the process, the file stays.

    Args:
        path: the lock file.
        wait_s: seconds to wait for another run to end.

    Raises:
        OutputBusy: another run holds it.
    """
    lock = FileLock(path)
    try:
        lock.acquire(timeout=wait_s, poll_interval=min(1.0, max(0.05, wait_s / 100)))
    except Timeout:
        holder = ""
        with suppress(OSError):
            holder = path.read_text(encoding="utf-8").strip()
        raise OutputBusy(
            f"another run{f' ({holder})' if holder else ''} is writing this output; wait for it to end ({path})"
        ) from None
    try:
        with suppress(OSError):
            since = datetime.now(UTC).astimezone().isoformat(" ", "seconds")
            path.write_text(f"pid {os.getpid()} since {since}\n", encoding="utf-8")
        yield
    finally:
        lock.release()


def file_sha256(path: Path) -> str:
    """Hex sha256 of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
