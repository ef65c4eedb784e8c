"""The lock on an output: one run at a time."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from batch_emotion.errors import OutputBusy


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
