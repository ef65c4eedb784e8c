"""Where files are: a path on this machine, or a URI of a store, whose key is taken as it is.

``FileSystem.from_uri`` would decode ``%``, refuse spaces and cut at ``#``; here only scheme, bucket and Azure's account
are read.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from batch_emotion.errors import UsageError
from batch_emotion.storage.azure import is_container
from batch_emotion.storage.filesystems import BUCKETS, CONTAINERS, GOOGLE
from batch_emotion.storage.remote import RemotePath

_URI = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://(.*)", re.DOTALL)
_SMALL = 64 * 2**20

Place = Path | RemotePath
"""Where a file is: on this machine or on a store."""


def is_uri(text: str) -> bool:
    """Whether a path is written as a URI."""
    return _URI.match(text) is not None


def place(text: str) -> Place:
    """A path or a URI as the user wrote it; ``file://`` is this machine.

    Raises:
        UsageError: nothing is known that opens URIs of that scheme, or there is no bucket.
    """
    found = _URI.match(text)
    if not found:
        return Path(text)
    scheme, key = found[1].lower(), found[2]
    if scheme == "file":
        return Path(key)
    if scheme not in BUCKETS + CONTAINERS:
        raise UsageError(f"cannot open {scheme}:// ({text}); known are: {', '.join(('file', *BUCKETS, *CONTAINERS))}")
    there = RemotePath(scheme, key)
    if scheme in CONTAINERS and not is_container(there.bucket):
        raise UsageError(f"{text} names no container; write {scheme}://CONTAINER@ACCOUNT.dfs.core.windows.net/folder")
    if not there.bucket:
        raise UsageError(f"{text} names no bucket; write {scheme}://bucket/folder")
    return there


def output_place(text: str) -> Place:
    """A ``place`` for an output; a slash at its end says nothing.

    Raises:
        UsageError: as ``place``.
    """
    found = place(text)
    return found if isinstance(found, Path) else RemotePath(found.scheme, found.key.rstrip("/"))


def readable(path: Place) -> Any:
    """What pyarrow reads a file by: its path here, or the opened object on a store.

    From Google a small object is had at once: of an opened one pyarrow asks the store whether it is closed, and keeps
    all other threads waiting for the answer.
    """
    if isinstance(path, Path):
        return path
    filesystem = path.filesystem
    if path.scheme in GOOGLE:
        found = filesystem.get_file_info(path.path)
        if found.is_file and found.size <= _SMALL:
            import pyarrow as pa

            with filesystem.open_input_stream(path.path) as stream:
                return pa.BufferReader(stream.read_buffer())
    return filesystem.open_input_file(path.path)
