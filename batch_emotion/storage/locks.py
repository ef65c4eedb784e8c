"""The lock on an output: one run at a time."""

from __future__ import annotations

import errno
import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout
from platformdirs import user_state_path

from batch_emotion.errors import OutputBusy, UsageError, one_line
from batch_emotion.storage.places import Place

_NO_LOCKS = frozenset({errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS})
"""What a file system answers that keeps no locks, such as a network mount without its lock service."""


def lock_file(out: Place) -> Path:
    """The lock of an output: ``<out>.lock``, or for one on a store a file of this user on this machine."""
    if isinstance(out, Path):
        return out.with_name(out.name + ".lock")
    folder = user_state_path("batch-emotion", appauthor=False) / "locks"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:  # a service may have no home
        folder = Path(tempfile.gettempdir()) / "batch-emotion-locks"
        folder.mkdir(exist_ok=True)
    return folder / f"{hashlib.sha256(str(out).encode()).hexdigest()[:32]}.lock"


@contextmanager
def output_lock(path: Path, wait_s: float = 0.0, of: str = "") -> Iterator[None]:
    """Hold ``path`` as a lock for the block; the system releases it with the process, the file stays.

    Args:
        path: the lock file.
        wait_s: seconds to wait for another run to end.
        of: what it guards, where its name does not say so.

    Raises:
        OutputBusy: another run holds it.
        UsageError: its file system keeps no locks.
    """
    lock = FileLock(path, fallback_to_soft=False)
    try:
        lock.acquire(timeout=wait_s, poll_interval=min(1.0, max(0.05, wait_s / 100)))
    except Timeout:
        holder = ""
        with suppress(OSError):
            holder = path.read_text(encoding="utf-8").strip()
        raise OutputBusy(
            f"another run{f' ({holder})' if holder else ''} is writing this output; wait for it to end ({path})"
        ) from None
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
        raise UsageError(
            f"cannot lock {path}: {one_line(error.strerror or error)}; without a lock two runs could write this output "
            f"at once: mount {path.parent} with locks (NFS: its lock service, Lustre: -o flock), or write to another "
            "file system and copy the result"
        ) from None
    try:
        with suppress(OSError):
            since = datetime.now(UTC).astimezone().isoformat(" ", "seconds")
            path.write_text(f"pid {os.getpid()} since {since}{f' on {of}' if of else ''}\n", encoding="utf-8")
        yield
    finally:
        lock.release()


def hold_output(out: Place, wait_s: float = 0.0) -> AbstractContextManager[None]:
    """Hold the lock of an output for the block."""
    return output_lock(lock_file(out), wait_s, "" if isinstance(out, Path) else str(out))
