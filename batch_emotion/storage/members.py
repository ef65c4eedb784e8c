"""Where the bytes of an image in an archive or a table are, as the text that a plan has in the place of a path.

::

    member:FORM,OFFSET,LENGTH,SIZE,CHECK:ARCHIVE     bytes of an archive, which is a path or a URI
    refused:STATUS:REASON                            what is known without reading that there is nothing to read

It says all that it takes to read the member by itself. Like a location it is escaped text, and it is no path, for those
are absolute, and no URI.
"""

from __future__ import annotations

from typing import Literal, NamedTuple, cast
from urllib.parse import quote, unquote

from batch_emotion.records import Status
from batch_emotion.storage.places import is_uri

Form = Literal["tar", "tar.gz", "tar.zst", "zip", "deflated", "row"]

SEPARATOR = "!/"
"""Between an archive and the name of a member, in the paths of a result."""

_MEMBER, _REFUSED = "member:", "refused:"


class Member(NamedTuple):
    """One image in an archive or a table.

    Attributes:
        form: ``tar``, and ``tar.gz`` and ``tar.zst``, which are read in order; ``zip``, a member that is stored, and
            ``deflated``, one that is compressed; ``row`` of a table.
        offset: of tar, of the content, in bytes from the beginning of the (unpacked) archive; of zip, of the member's
            own header; of a table the number of the row group or record batch.
        length: bytes that it takes in the archive, without headers; of a table the row in its group.
        size: bytes of the image; -1 where that is not known before it is read.
        check: by which it is seen that the archive is still the one that was listed: the CRC-32 of tar's header of the
            member, of zip's the one of the content, of a table's that of the file's size and time.
        archive: its location.
        column: of a table, the one with the images.
    """

    form: Form
    offset: int
    length: int
    size: int
    check: int
    archive: str
    column: str = ""

    @property
    def location(self) -> str:
        """As text.

        Example::

            Member("tar", 512, 2048, 2048, 0xC0FFEE, "/data/a.tar").location
            # 'member:tar,512,2048,2048,c0ffee:/data/a.tar'
        """
        column = f",{quote(self.column, safe='')}" if self.column else ""
        return f"{_MEMBER}{self.form},{self.offset},{self.length},{self.size},{self.check:x}{column}:{self.archive}"


class Refused(NamedTuple):
    """What need not be opened to know that there is no image to read."""

    status: Status
    reason: str

    @property
    def location(self) -> str:
        """As text."""
        return f"{_REFUSED}{self.status}:{self.reason}"


def find_member(location: str) -> Member | Refused | None:
    """What ``location`` said; None where a location is a path or a URI."""
    if not location.startswith((_MEMBER, _REFUSED)) or is_uri(location):
        return None
    if location.startswith(_MEMBER):
        facts, _, archive = location[len(_MEMBER) :].partition(":")
        form, offset, length, size, check, *column = facts.split(",")
        name = unquote(column[0]) if column else ""
        return Member(cast(Form, form), int(offset), int(length), int(size), int(check, 16), archive, name)
    status, _, reason = location[len(_REFUSED) :].partition(":")
    return Refused(Status(status), reason)
