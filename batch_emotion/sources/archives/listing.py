"""What an archive holds, in columns: a name and a place for each member."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator
from typing import NamedTuple, Protocol

import pyarrow as pa

from batch_emotion.records import Status
from batch_emotion.sources.folder import is_image
from batch_emotion.storage.escaping import escape_name
from batch_emotion.storage.members import Form, Member, Refused

FORMS: tuple[Form, ...] = ("tar", "tar.gz", "tar.zst", "zip", "deflated")
_MOST = 2**63 - 1


class Found(NamedTuple):
    """One member as it was found: its facts, and what it is read by, or why it cannot be."""

    name: str
    size: int
    mtime_ns: int
    how: Form | Refused
    offset: int = 0
    length: int = 0
    check: int = 0


class Listing(Protocol):
    """What an archive or a table holds, numbered in its order; its names are escaped.

    Attributes:
        trouble: what ended the listing early; None where all was listed.
        left_out: how many files are no images by their names.
        attributes: what is carried beside the images, a row for each; None where there is nothing.
    """

    trouble: Refused | None
    left_out: int
    attributes: pa.Table | None

    def __len__(self) -> int: ...

    def images(self) -> Iterator[int]:
        """The numbers of what a run takes for images, in order."""
        ...

    def name(self, number: int) -> str:
        """What it is called."""
        ...

    def facts(self, number: int) -> tuple[int, int]:
        """Its size, -1 where that is not known, and its time."""
        ...

    def location(self, number: int) -> str:
        """What opens it."""
        ...

    def find(self, name: str) -> int | None:
        """The number of what is called so, image or not; None where there is none."""
        ...


class FileListing:
    """The files in an archive, in its order; one that is there twice counts once, the last time, as when unpacked.

    Attributes:
        archive: its location.
        texts: small files beside the images, by name, where they were asked for.
        trouble, left_out, attributes: see ``Listing``.
    """

    def __init__(self, archive: str) -> None:
        self.archive = archive
        self.attributes: pa.Table | None = None
        self.trouble: Refused | None = None
        self.left_out = 0
        self.texts: dict[str, str] = {}
        self._names: list[str] = []
        self._hows: list[Refused] = []
        self._facts = array("q")
        self._rows: dict[str, int] | None = None

    def __len__(self) -> int:
        return len(self._names)

    def add(self, found: Found) -> None:
        """Take in a file."""
        if isinstance(found.how, Refused):
            self._hows.append(found.how)
            how = -len(self._hows)
        else:
            how = FORMS.index(found.how)
        name, size, mtime_ns, _, offset, length, check = found
        if size > _MOST or abs(mtime_ns) > _MOST:
            size, mtime_ns = min(size, _MOST), max(-_MOST, min(mtime_ns, _MOST))
        self._append(_plain(name), (size, mtime_ns, how, offset, length, check))

    def images(self) -> Iterator[int]:
        """See ``Listing``."""
        self.left_out = 0
        is_last = self._is_last()
        for row, name in enumerate(self._names):
            if is_last is not None and not is_last[row]:
                continue
            if is_image(name):
                if not _is_hidden(name):
                    yield row
            else:
                self.left_out += name not in self.texts

    def name(self, row: int) -> str:
        """See ``Listing``."""
        return self._names[row]

    def facts(self, row: int) -> tuple[int, int]:
        """See ``Listing``."""
        facts, first = self._facts, 6 * row
        return facts[first], facts[first + 1]

    def location(self, row: int) -> str:
        """See ``Listing``."""
        facts, first = self._facts, 6 * row
        size, how, offset, length, check = facts[first], *facts[first + 2 : first + 6]
        if how < 0:
            return self._hows[-how - 1].location
        return Member(FORMS[how], offset, length, size, check, self.archive).location

    def find(self, name: str) -> int | None:
        """See ``Listing``."""
        if self._rows is None:
            self._rows = {each: row for row, each in enumerate(self._names)}
        return self._rows.get(_plain(name))

    def link(self, name: str, target: str, mtime_ns: int) -> None:
        """Take in a hard link: the file that has the name of an earlier one is that one."""
        row = self.find(target)
        if row is None:
            reason = "it is a link to something that is not in the archive before it"
            self.add(Found(name, 0, mtime_ns, Refused(Status.NOT_A_FILE, reason)))
            return
        self._append(_plain(name), self._facts[6 * row : 6 * row + 6])

    def _append(self, name: str, facts: Iterable[int]) -> None:
        if self._rows is not None:
            self._rows[name] = len(self._names)
        self._names.append(name)
        self._facts.extend(facts)

    def _is_last(self) -> list[bool] | None:
        """Whether each file is the last of its name; None where all are."""
        if len(set(self._names)) == len(self._names):
            return None
        last = {name: row for row, name in enumerate(self._names)}
        return [last[name] == row for row, name in enumerate(self._names)]


def _plain(name: str) -> str:
    while name.startswith("./"):
        name = name[2:]
    return name


def _is_hidden(name: str) -> bool:
    if name[:1] != "." and "/." not in name:  # as nearly all
        return False
    return any(part.startswith(".") and part not in (".", "..") for part in name.split("/"))


def split_key(name: str) -> tuple[str, str]:
    """A name up to the first dot of its last part, and what follows, with that dot: ``a/b``, ``.meta.json``."""
    folder, slash, file = name.rpartition("/")
    key, dot, extension = file.partition(".")
    return f"{folder}{slash}{key}", f"{dot}{extension}"


def shown_name(name: str) -> str:
    """A member's name as a path has it: valid text that ends before a NUL, as it does for all who unpack it."""
    return escape_name(name.partition("\0")[0] if "\0" in name else name)
