"""An archive's location to what it holds, whatever kind of archive it is."""

from __future__ import annotations

from dataclasses import dataclass

from batch_emotion.records import Status
from batch_emotion.sources.archives.listing import FileListing, Listing
from batch_emotion.sources.archives.tar import list_tar
from batch_emotion.sources.archives.webdataset import NEIGHBOURS, neighbours
from batch_emotion.storage.archived import attempt
from batch_emotion.storage.local import FileBytes
from batch_emotion.storage.members import Form, Refused
from batch_emotion.storage.ranges import open_ranges
from batch_emotion.storage.tables import TABLE_SUFFIXES


@dataclass(frozen=True)
class Reading:
    """How archives and tables are read.

    Attributes:
        image_column: of tables, the column of images; found where None.
        path_column: what makes a table a manifest, which is no archive; None makes none one.
        webdataset: carry small files beside the images of a tar.
    """

    image_column: str | None = None
    path_column: str | None = None
    webdataset: bool = False


def list_archive(location: str, reading: Reading) -> Listing:
    """List an archive; that it cannot be read, or not to its end, is in ``trouble``.

    Args:
        location: a path or a URI, escaped, with an ending of ``ARCHIVE_SUFFIXES``.
        reading: how.

    Raises:
        BatchEmotionError: a whole store has ceased to answer.
    """
    found: list[Listing] = []

    def read() -> FileBytes:
        found.append(_list(location, reading))
        return FileBytes(b"", Status.OK)

    outcome = attempt(location, read)
    if outcome.status is Status.OK:
        return found[0]
    nothing = FileListing(location)
    nothing.trouble = Refused(outcome.status, outcome.error or "the archive cannot be read")
    return nothing


def _list(location: str, reading: Reading) -> Listing:
    name = location.lower()
    file = open_ranges(location, anew=True)
    if name.endswith(TABLE_SUFFIXES):
        from batch_emotion.sources.archives.table import TableListing
        from batch_emotion.storage.table_images import forget_table

        forget_table(location)
        return TableListing(location, file, reading.image_column, reading.path_column)
    if name.endswith(".zip"):
        from batch_emotion.sources.archives.zip import list_zip  # Python's own zipfile takes a while to load

        return list_zip(location, file)
    texts = NEIGHBOURS if reading.webdataset else ()
    if name.endswith(".tar"):
        listing = list_tar(location, file, "tar", texts)
    else:
        from batch_emotion.storage.unpacked import unpack_once

        form: Form = "tar.gz" if name.endswith("gz") else "tar.zst"
        listing = list_tar(location, unpack_once(location), form, texts)
    if reading.webdataset:
        listing.attributes = neighbours(listing)
    return listing
