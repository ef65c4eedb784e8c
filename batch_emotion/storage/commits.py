"""Atomic commits.

The rename is the commit: what has its final name is whole.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


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


def file_sha256(path: Path) -> str:
    """Hex sha256 of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
