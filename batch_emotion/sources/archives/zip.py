"""The members of a zip archive by its directory."""

from __future__ import annotations

import calendar
import stat
import struct
import zipfile
from typing import IO, cast

from batch_emotion.records import Status
from batch_emotion.sources.archives.listing import FileListing, Found, shown_name
from batch_emotion.sources.archives.window import WindowFile
from batch_emotion.storage.members import Form, Refused
from batch_emotion.storage.ranges import Ranges

_MOST_DIRECTORY = 512 * 2**20
_FORMS: dict[int, Form] = {zipfile.ZIP_STORED: "zip", zipfile.ZIP_DEFLATED: "deflated"}
_ENCRYPTED = 0x1
_UNIX_TIME = 0x5455
_FAILURES = (zipfile.BadZipFile, ValueError, OverflowError, struct.error, NotImplementedError, IndexError)


def list_zip(archive: str, file: Ranges) -> FileListing:
    """List a zip; why it has no directory is in ``trouble``."""
    listing = FileListing(archive)
    try:
        with zipfile.ZipFile(cast(IO[bytes], WindowFile(file, _MOST_DIRECTORY))) as directory:
            for info in directory.infolist():
                if not info.is_dir():
                    listing.add(_found(info, file.size))
    except _FAILURES as error:
        reason = "it is cut short, or no zip" if isinstance(error, zipfile.BadZipFile) else str(error)
        listing.trouble = Refused(Status.CORRUPT, f"the archive cannot be read: {reason}")
    return listing


def _found(info: zipfile.ZipInfo, archive_size: int) -> Found:
    name, mtime_ns = shown_name(info.filename), _time(info) * 10**9
    how: Form | Refused
    if info.flag_bits & _ENCRYPTED:
        how = Refused(Status.UNREADABLE, "it is encrypted; unpack the archive to read it")
    elif stat.S_ISLNK(info.external_attr >> 16):
        how = Refused(Status.NOT_A_FILE, "it is a symbolic link in the archive")
    elif info.compress_type not in _FORMS:
        reason = f"it is compressed by method {info.compress_type}; only stored and deflated members are read"
        how = Refused(Status.UNSUPPORTED, reason)
    elif not 0 <= info.header_offset < archive_size or info.compress_size > archive_size:
        how = Refused(Status.CORRUPT, "the archive's directory points outside the archive")
    else:
        how = _FORMS[info.compress_type]
    if isinstance(how, Refused):
        return Found(name, info.file_size, mtime_ns, how)
    return Found(name, info.file_size, mtime_ns, how, info.header_offset, info.compress_size, info.CRC)


def _time(info: zipfile.ZipInfo) -> int:
    """Seconds since the epoch: those of Info-ZIP's field, else the date, which has no time zone, as if in UTC."""
    at = 0
    while at + 4 <= len(info.extra):
        kind, length = struct.unpack_from("<HH", info.extra, at)
        if kind == _UNIX_TIME and length >= 5 and at + 9 <= len(info.extra) and info.extra[at + 4] & 1:
            return int(struct.unpack_from("<i", info.extra, at + 5)[0])
        at += 4 + length
    try:
        return calendar.timegm((*info.date_time, 0, 0, 0))
    except ValueError:  # a month or day of 0
        return 0
