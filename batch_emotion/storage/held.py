"""Files that a program has in memory, found like any other by a location: that of their content."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from weakref import WeakValueDictionary

from batch_emotion.records import Status
from batch_emotion.storage.local import FileBytes
from batch_emotion.storage.places import is_uri

_SCHEME = "memory:"


@dataclass(frozen=True, eq=False)
class HeldFile:
    """A file in memory, which can be read by its location for as long as this is kept.

    Attributes:
        location: made of its content, so that two runs on the same content have the same plan.
        data: the content.
    """

    location: str
    data: bytes


_held: WeakValueDictionary[str, HeldFile] = WeakValueDictionary()


def hold(data: bytes) -> HeldFile:
    """Make bytes readable by a location."""
    location = f"{_SCHEME}{hashlib.sha256(data).hexdigest()}"
    file = _held.get(location) or HeldFile(location, data)
    _held[location] = file
    return file


def is_held(location: str) -> bool:
    """Whether a location is one of a file in memory; those of files on disk are absolute paths, and others URIs."""
    return location.startswith(_SCHEME) and not is_uri(location)


def read_held(location: str, max_bytes: int) -> FileBytes:
    """The content, or why there is none."""
    file = _held.get(location)
    if file is None:
        return FileBytes(b"", Status.MISSING, "the image is no longer in memory")
    size = len(file.data)
    if size > max_bytes:
        return FileBytes(b"", Status.TOO_LARGE, f"{size} bytes, more than the limit of {max_bytes}", size)
    if not size:
        return FileBytes(b"", Status.EMPTY, "there is no content", size)
    return FileBytes(file.data, Status.OK, None, size)
