"""Members of archives: their bytes by one read of a part, or the status that says why there are none."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable

from batch_emotion.errors import UsageError
from batch_emotion.records import Status
from batch_emotion.storage.escaping import unescape_name
from batch_emotion.storage.local import FileBytes, not_opened
from batch_emotion.storage.members import Member
from batch_emotion.storage.objects import with_status
from batch_emotion.storage.places import is_uri, place
from batch_emotion.storage.ranges import Ranges, open_ranges
from batch_emotion.storage.remote import RemotePath

TAR_BLOCK = 512
_ZIP_HEADER = struct.Struct("<4s22xHH")
_ZIP_SLACK = 256
"""Bytes that the name and the extra field of a zip's member rarely exceed."""

CHANGED = FileBytes(b"", Status.UNREADABLE, "the archive was changed since it was listed")
"""What becomes of a member of which that is seen."""


class ArchiveChanged(Exception):
    """What was read is not the member that was listed."""


def read_member(member: Member, max_bytes: int, file: Ranges | None = None) -> FileBytes:
    """Read one member of at most ``max_bytes``; it never raises for a bad archive.

    Args:
        member: where it is.
        max_bytes: of the content.
        file: the archive, where it is at hand.

    Raises:
        OSError: only where the process itself is out of memory or file descriptors.
        BatchEmotionError: a whole store has ceased to answer.
    """
    if member.size > max_bytes:
        return FileBytes(b"", Status.TOO_LARGE, f"{member.size} bytes, more than the limit of {max_bytes}")
    if member.size == 0:
        return FileBytes(b"", Status.EMPTY, "the member has no content")
    return attempt(member.archive, lambda: _read(member, max_bytes, file))


def attempt(archive: str, read: Callable[[], FileBytes]) -> FileBytes:
    """What is read of an archive, or the status that says why it is not.

    Raises:
        OSError: only where the process itself is out of memory or file descriptors.
        BatchEmotionError: a whole store has ceased to answer.
    """
    try:
        name = unescape_name(archive)
        there = place(name) if is_uri(archive) else None
    except UsageError as error:
        return FileBytes(b"", Status.UNSUPPORTED, str(error))
    if isinstance(there, RemotePath):
        return with_status(there, read)
    try:
        return read()
    except (OSError, ValueError) as error:
        return not_opened(name, error)


def _read(member: Member, max_bytes: int, file: Ranges | None) -> FileBytes:
    if member.form == "row":
        from batch_emotion.storage.table_images import read_row  # which loads pyarrow's readers

        return read_row(member, max_bytes)
    read = _of_zip if member.form in ("zip", "deflated") else _of_tar
    try:
        return read(member, max_bytes, file or _opened(member))
    except ArchiveChanged:  # while it was open, perhaps
        try:
            return read(member, max_bytes, _opened(member, anew=True))
        except ArchiveChanged:
            return CHANGED


def _opened(member: Member, anew: bool = False) -> Ranges:
    if member.form in ("tar.gz", "tar.zst"):
        from batch_emotion.storage.unpacked import open_unpacked

        return open_unpacked(member.archive, anew)
    return open_ranges(member.archive, anew)


def _of_tar(member: Member, max_bytes: int, file: Ranges) -> FileBytes:
    del max_bytes  # which the header's size was held against
    data = file.read(member.offset - TAR_BLOCK, TAR_BLOCK + member.length)
    if zlib.crc32(data[:TAR_BLOCK]) != member.check:
        raise ArchiveChanged
    return _whole(data[TAR_BLOCK:], member)


def _of_zip(member: Member, max_bytes: int, file: Ranges) -> FileBytes:
    data = file.read(member.offset, _ZIP_HEADER.size + _ZIP_SLACK + member.length)
    if len(data) < _ZIP_HEADER.size:
        raise ArchiveChanged
    signature, name_length, extra_length = _ZIP_HEADER.unpack_from(data)
    if signature != b"PK\3\4":
        raise ArchiveChanged
    first = _ZIP_HEADER.size + name_length + extra_length
    content = data[first : first + member.length]
    if len(content) < member.length:
        content = file.read(member.offset + first, member.length)
    if member.form == "deflated":
        try:
            content = zlib.decompressobj(-zlib.MAX_WBITS).decompress(content, min(member.size, max_bytes) + 1)
        except zlib.error as error:
            return FileBytes(b"", Status.CORRUPT, f"its compression is damaged: {error}")
    read = _whole(content, member)
    if read.status is Status.OK and zlib.crc32(content) != member.check:
        reason = "it is not what the archive's directory says: damaged, or the archive was changed since it was listed"
        return FileBytes(b"", Status.CORRUPT, reason)
    return read


def _whole(content: bytes, member: Member) -> FileBytes:
    if len(content) > member.size:
        return FileBytes(b"", Status.CORRUPT, f"it unpacks to more than the {member.size} bytes that the archive says")
    if len(content) < member.size:
        return FileBytes(b"", Status.CORRUPT, f"it has {len(content)} of {member.size} bytes: the archive is cut short")
    return FileBytes(content, Status.OK)
