"""Objects on a store: their bytes, or the status that says why there are none, and what is wrong with a bucket.

pyarrow retries a request that fails for the moment a few times, until the retries of all requests of the process have
used up what the AWS SDK allows; what still fails is tried again here, after pauses that grow.
"""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

import pyarrow as pa

from batch_emotion.errors import BatchEmotionError, Interrupted, SourceError, one_line
from batch_emotion.records import Status
from batch_emotion.storage.local import RUN_FAILURES, FileBytes
from batch_emotion.storage.remote import RemotePath

_T = TypeVar("_T")

_BEARABLE = 300
_PAUSES_S = (0.5, 1.0, 2.0, 4.0)
_FAILURES = (OSError, ValueError, ImportError, pa.ArrowException)
_PASSING = re.compile(
    r"NETWORK_CONNECTION|SLOW_DOWN|THROTTLING|SERVICE_UNAVAILABLE|REQUEST_TIMEOUT|INTERNAL_FAILURE"
    r"|HTTP status (?:5\d\d|429)|curlCode|UNAVAILABLE|RESOURCE_EXHAUSTED|DEADLINE_EXCEEDED"
    r"|Azure Error: \[(?:\]|\w+\] (?:5\d\d|429))"
)
_NO_TOKEN = re.compile("access token")
"""Google's client says that it is unavailable, where it has no credentials."""

_FORBIDDEN = re.compile(
    r"ACCESS_DENIED|HTTP status 40[13]|INVALID_ACCESS_KEY_ID|SIGNATURE_DOES_NOT_MATCH|EXPIRED|TOKEN|CREDENTIALS"
    r"|PERMISSION_DENIED|UNAUTHENTICATED|access token|Azure Error: \[\w+\] 40[13]"
)


def read_object(there: RemotePath, max_bytes: int) -> FileBytes:
    """Read a whole object of at most ``max_bytes``, in two requests; what is wrong with it is in the status.

    Raises:
        BatchEmotionError: the whole store has ceased to answer.
        OSError: the process itself is out of memory or file descriptors.
    """
    *folders, name = there.key.split("/")
    if {"", ".", ".."}.intersection(folders) or name in (".", ".."):
        # pyarrow refuses the first and opens another object's key for the others
        return FileBytes(b"", Status.UNREADABLE, "keys with an empty part, or one of . or .., cannot be opened")
    if not name or not folders:
        return FileBytes(b"", Status.NOT_A_FILE, "it is a folder")
    return with_status(there, lambda: patiently(lambda: _read(there, max_bytes)))


def with_status(there: RemotePath, read: Callable[[], FileBytes]) -> FileBytes:
    """What was read of an object, or the status that says why it was not.

    Raises:
        BatchEmotionError: the whole store has ceased to answer.
        OSError: the process itself is out of memory or file descriptors.
    """
    try:
        return read()
    except FileNotFoundError:
        return _absent(there)
    except _FAILURES as error:
        if isinstance(error, OSError) and error.errno in RUN_FAILURES:
            raise
        reason = one_line(error)
    if _PASSING.search(reason) and Interrupted.arrived is None and (trouble := bucket_trouble(there)):
        raise BatchEmotionError(f"{trouble}; what is committed is kept, the same command carries on")
    return FileBytes(b"", Status.UNREADABLE, reason[:_BEARABLE])


def patiently(ask: Callable[[], _T]) -> _T:
    """Ask a store; again after a pause where it fails for a reason that may pass."""
    for pause_s in _PAUSES_S:
        try:
            return ask()
        except FileNotFoundError:
            raise
        except OSError as error:
            reason = str(error)
            if Interrupted.arrived is not None or _NO_TOKEN.search(reason) or not _PASSING.search(reason):
                raise
        time.sleep(pause_s * random.uniform(0.5, 1.5))
    return ask()


def bucket_trouble(there: RemotePath) -> str | None:
    """What keeps the bucket from being read, and what to do; None where it answers."""
    root = there.root
    try:
        found = root.filesystem.get_file_info(root.path)
    except _FAILURES as error:
        reason = one_line(error)
        limited = _FORBIDDEN.search(reason) and not _NO_TOKEN.search(reason)
        return None if limited and _may_be_asked(root / "_") else _trouble(root, reason)
    if _is_absent(found):
        return f"there is no {root.bucket_kind} {root}; check its name and the endpoint"
    return None


def _may_be_asked(there: RemotePath) -> bool:
    """Whether a key may be asked for, there or not; Azure's signature for one container allows that alone."""
    try:
        there.filesystem.get_file_info(there.path)
    except _FAILURES:
        return False
    return True


def _trouble(root: RemotePath, reason: str) -> str:
    if _FORBIDDEN.search(reason):
        return f"access to {root} is denied; give credentials that may list and read it ({reason[:_BEARABLE]})"
    return f"{root} cannot be reached; check its name, the endpoint and the region ({reason[:_BEARABLE]})"


def find_object(there: RemotePath) -> Any:
    """The ``pyarrow.fs.FileInfo`` of an object or a folder.

    Raises:
        SourceError: there is neither, or the bucket cannot be read.
    """
    if there.key.strip("/") == there.bucket:
        return _find_root(there.root)
    try:
        found = there.info()
    except _FAILURES as error:
        reason = one_line(error)
        if isinstance(error, pa.ArrowInvalid) and not _NO_TOKEN.search(reason):
            raise SourceError(f"cannot open {there}: {reason[:_BEARABLE]}") from None
        raise SourceError(_trouble(there.root, reason)) from None
    if _is_absent(found):
        raise SourceError(
            bucket_trouble(there) or f"no such object or folder: {there}; a URI is taken as it is, not as a pattern"
        )
    return found


def _find_root(root: RemotePath) -> Any:
    from pyarrow.fs import FileInfo, FileType

    if trouble := bucket_trouble(root):
        raise SourceError(trouble)
    return FileInfo(root.path, FileType.Directory)


def whole_seconds(mtime_ns: int | None) -> int | None:
    """A time in ns without the fraction of a second, which a listing may tell and reading does not."""
    return None if mtime_ns is None else mtime_ns // 10**9 * 10**9


def _read(there: RemotePath, max_bytes: int) -> FileBytes:
    if there.tells_time_when_opened:
        with there.filesystem.open_input_file(there.path) as file:
            return _bytes_of(file.read, file.size(), written(file), max_bytes)
    found = there.filesystem.get_file_info(there.path)
    if not found.is_file:
        raise FileNotFoundError(there.path)
    return _bytes_of(there.read_bytes, found.size, whole_seconds(found.mtime_ns), max_bytes)


def written(file: Any) -> int | None:
    """When an object of S3 was written, ns since the epoch."""
    modified = (file.metadata() or {}).get("Last-Modified")
    return None if modified is None else int(datetime.fromisoformat(modified.decode()).timestamp()) * 10**9


def _bytes_of(read: Callable[[], bytes], size: int, mtime_ns: int | None, max_bytes: int) -> FileBytes:
    if size > max_bytes:
        reason = f"{size} bytes, more than the limit of {max_bytes}"
        return FileBytes(b"", Status.TOO_LARGE, reason, size, mtime_ns)
    data = read()
    if not data:
        return FileBytes(b"", Status.EMPTY, "the file has no content", size, mtime_ns)
    return FileBytes(data, Status.OK, None, size, mtime_ns)


def _absent(there: RemotePath) -> FileBytes:
    try:
        is_there = there.exists()
    except _FAILURES:
        is_there = False
    if is_there:
        return FileBytes(b"", Status.NOT_A_FILE, "it is a folder")
    return FileBytes(b"", Status.MISSING, "No such object")


def _is_absent(found: Any) -> bool:
    return bool(found.type.name == "NotFound")
