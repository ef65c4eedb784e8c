"""What a location opens: a file on this machine or in memory, an object on a store, or a part of one of them."""

from __future__ import annotations

from batch_emotion.errors import UsageError
from batch_emotion.records import Status
from batch_emotion.storage.escaping import unescape_name
from batch_emotion.storage.held import is_held, read_held
from batch_emotion.storage.local import FileBytes, read_local
from batch_emotion.storage.members import Refused, find_member
from batch_emotion.storage.places import is_uri, place
from batch_emotion.storage.remote import RemotePath

__all__ = ["FileBytes", "read_file"]


def read_file(location: str, max_bytes: int) -> FileBytes:
    """Read a whole regular file, an object on a store, or a member of an archive, of at most ``max_bytes``.

    It never waits on a FIFO and never raises for a bad file.

    Raises:
        OSError: only where the process itself is out of memory or file descriptors.
        BatchEmotionError: a whole store has ceased to answer.
    """
    if not location:
        return FileBytes(b"", Status.MISSING, "the path is empty")
    if is_held(location):
        return read_held(location, max_bytes)
    member = find_member(location)
    if isinstance(member, Refused):
        return FileBytes(b"", member.status, member.reason)
    if member is not None:
        from batch_emotion.storage.archived import read_member  # most runs have no archives

        return read_member(member, max_bytes)
    name = unescape_name(location)
    if not is_uri(location):
        return read_local(name, max_bytes)
    try:
        there = place(name)
    except UsageError as error:
        return FileBytes(b"", Status.UNSUPPORTED, str(error))
    if not isinstance(there, RemotePath):
        return read_local(str(there), max_bytes)
    from batch_emotion.storage.objects import read_object  # which needs what a local run does not load

    return read_object(there, max_bytes)
