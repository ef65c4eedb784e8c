"""The members of a tar archive by their headers: ustar, GNU's and pax.

Python's ``tarfile`` keeps an object for each member and takes a header's word for how much to read; here some headers
are numbers in columns, and no header is believed to be longer than headers are.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from zlib import adler32, crc32

from batch_emotion.records import Status
from batch_emotion.sources.archives.listing import FileListing, Found, shown_name, split_key
from batch_emotion.sources.archives.window import Window
from batch_emotion.storage.archived import TAR_BLOCK
from batch_emotion.storage.members import Form, Refused
from batch_emotion.storage.ranges import Ranges

_LONGEST_HEADER = 2**20
_LONGEST_TEXT = 2**20
_HARD_LINK, _SPARSE = "1", "S"
_WITHOUT_CONTENT = {"2": "a symbolic link", "3": "a device", "4": "a device", "6": "a FIFO"}
_FOLDER, _GLOBAL, _PAX, _LONG_NAME, _LONG_LINK = "5", "g", frozenset("xX"), "L", "K"
_SURROGATES = "surrogateescape"
_ADLER = 65_521


class _Damaged(Exception):
    """The headers make no sense from here on; says how."""


@dataclass(slots=True)
class _Header:
    name: str
    kind: str
    size: int
    mtime_ns: int
    target: str
    is_sparse: bool = False


@dataclass
class _Before:
    """What headers say of the member that follows them."""

    name: str | None = None
    target: str | None = None
    records: dict[str, str] = field(default_factory=dict)

    def apply(self, header: _Header) -> None:
        records = self.records
        header.name = records.get("path", self.name if self.name is not None else header.name)
        header.target = records.get("linkpath", self.target if self.target is not None else header.target)
        if "size" in records:
            header.size = _decimal(records["size"])
        if "GNU.sparse.name" in records:
            header.name = records["GNU.sparse.name"]
        header.is_sparse = any(key.startswith("GNU.sparse.") for key in records)
        if "mtime" in records:
            header.mtime_ns = _nanoseconds(records["mtime"])


def list_tar(archive: str, file: Ranges, form: Form, texts: Collection[str] = ()) -> FileListing:
    """List a tar; what is wrong with it from some member on is in ``trouble``.

    Args:
        archive: its location.
        file: its (unpacked) bytes.
        form: ``tar``, or how it is compressed.
        texts: how the names of small files whose content is wanted go on from their first dot.
    """
    listing = FileListing(archive)
    try:
        _walk(Window(file), listing, form, tuple(texts))
    except _Damaged as error:
        count = len(listing)
        after = f" after {count} file{'' if count == 1 else 's'}" if count else ""
        listing.trouble = Refused(Status.CORRUPT, f"the archive cannot be read{after}: {error}")
    return listing


def _walk(window: Window, listing: FileListing, form: Form, texts: tuple[str, ...]) -> None:
    at = 0
    before: _Before | None = None
    while True:
        block = window.at(at, TAR_BLOCK)
        if len(block) < TAR_BLOCK:
            raise _Damaged(
                window.file.damage or ("it is cut short" if at else "it is no tar archive" if block else "it is empty")
            )
        if not block[0] and not any(block):
            return
        header = _parse(block, is_first=at == 0)
        at += TAR_BLOCK
        if header.kind in _PAX or header.kind in (_LONG_NAME, _LONG_LINK, _GLOBAL):
            before = before or _Before()
            _take_in(header, _extension(window, at, header.size), before)
            at += _padded(header.size)
            continue
        if before is not None:
            before.apply(header)
            before = None
        if header.kind == _SPARSE:
            header.is_sparse = True
            extended = block[482]
            while extended:
                block = window.at(at, TAR_BLOCK)
                at += TAR_BLOCK
                extended = block[504] if len(block) == TAR_BLOCK else 0
        at = _add(window, listing, header, at, crc32(block), form, texts)


def _add(
    window: Window, listing: FileListing, header: _Header, at: int, check: int, form: Form, texts: tuple[str, ...]
) -> int:
    """Take in one member whose content would begin at ``at``; gives where the next header is."""
    name, mtime_ns = shown_name(header.name), header.mtime_ns
    if header.kind == _FOLDER or (header.kind == "\0" and name.endswith("/")):
        return at
    if header.kind == _HARD_LINK:
        listing.link(name, shown_name(header.target), mtime_ns)
        return at
    if header.kind in _WITHOUT_CONTENT:
        reason = f"it is {_WITHOUT_CONTENT[header.kind]} in the archive"
        listing.add(Found(name, 0, mtime_ns, Refused(Status.NOT_A_FILE, reason)))
        return at
    if at + header.size > window.file.size:
        reason = f"the archive ends before its {header.size} bytes do"
        listing.add(Found(name, header.size, mtime_ns, Refused(Status.CORRUPT, reason)))
        raise _Damaged("it is cut short")
    after = at + _padded(header.size)
    if header.is_sparse:
        reason = "it is stored as a sparse file; unpack the archive to read it"
        listing.add(Found(name, header.size, mtime_ns, Refused(Status.UNSUPPORTED, reason)))
        return after
    listing.add(Found(name, header.size, mtime_ns, form, at, header.size, check))
    if texts and split_key(name)[1] in texts and header.size <= _LONGEST_TEXT:
        listing.texts[listing.name(len(listing) - 1)] = window.at(at, header.size).decode("utf-8", "replace")
    return after


def _parse(block: bytes, is_first: bool) -> _Header:
    try:
        said = int(block[148:156].partition(b"\0")[0].strip() or b"x", 8)
        if (said - 8 * 0x20 + sum(block[148:156]) - _sum(block)) % _ADLER:
            raise ValueError
        header = _Header(
            _text(block[:100]),
            chr(block[156]),
            _number(block[124:136]),
            _number(block[136:148]) * 10**9,
            _text(block[157:257]) if block[157] else "",
        )
        if header.size < 0:
            raise ValueError
    except ValueError:
        raise _Damaged("it is no tar archive" if is_first else "a header is damaged") from None
    if block[257:263] == b"ustar\0" and block[345]:
        header.name = f"{_text(block[345:500])}/{header.name}"
    return header


def _take_in(header: _Header, content: bytes, before: _Before) -> None:
    if header.kind == _LONG_NAME:
        before.name = _text(content)
    elif header.kind == _LONG_LINK:
        before.target = _text(content)
    elif header.kind in _PAX:
        before.records |= _records(content)


def _extension(window: Window, at: int, size: int) -> bytes:
    if size > _LONGEST_HEADER:
        raise _Damaged(f"a header claims {size} bytes")
    return window.at(at, size)


def _records(content: bytes) -> dict[str, str]:
    """Pax's records, each ``LENGTH KEY=VALUE`` and a newline."""
    records = {}
    at = 0
    while at < len(content) and content[at]:
        length, blank, _ = content[at : at + 20].partition(b" ")
        if not blank or not length.isdigit() or int(length) <= len(length) + 1:
            raise _Damaged("a pax header is damaged")
        key, _, value = content[at + len(length) + 1 : at + int(length) - 1].partition(b"=")
        records[key.decode("utf-8", _SURROGATES)] = value.decode("utf-8", _SURROGATES)
        at += int(length)
    return records


def _sum(block: bytes) -> int:
    """The sum of all bytes, modulo ``_ADLER``: so much faster than to add them up that listing takes half as long."""
    return (adler32(block) & 0xFFFF) - 1


def _text(field: bytes) -> str:
    return field.partition(b"\0")[0].decode("utf-8", _SURROGATES)


def _number(field: bytes) -> int:
    """Octal digits, or where the first bit is set, the bytes of the number itself."""
    if field[0] == 0x80:
        return int.from_bytes(field[1:], "big")
    if field[0] & 0x80:
        return int.from_bytes(field, "big", signed=True)
    return int(field.partition(b"\0")[0].strip() or b"0", 8)


def _decimal(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise _Damaged("a pax header is damaged")
    return int(text)


def _nanoseconds(seconds: str) -> int:
    whole, _, fraction = seconds.partition(".")
    try:
        found = int(whole or "0") * 10**9
        rest = int(fraction[:9].ljust(9, "0"))
    except ValueError:
        raise _Damaged("a pax header is damaged") from None
    return found - rest if whole.startswith("-") else found + rest


def _padded(size: int) -> int:
    return -(-size // TAR_BLOCK) * TAR_BLOCK
