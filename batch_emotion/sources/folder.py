"""A local folder to the images below it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from batch_emotion.errors import SourceError
from batch_emotion.sources.names import Names
from batch_emotion.storage.escaping import escape_name
from batch_emotion.storage.tables import TABLE_SUFFIXES

IMAGE_SUFFIXES = frozenset(
    f".{name}"
    for name in (
        *("jpg", "jpeg", "jpe", "jfif", "png", "webp", "bmp", "dib", "gif", "tif", "tiff", "jp2"),
        *("pbm", "pgm", "ppm", "pnm", "heic", "heif", "avif"),
    )
)
"""The extensions, in any case, that a walk takes for images."""

ARCHIVE_SUFFIXES = (".tar", ".tar.gz", ".tgz", ".tar.zst", ".tzst", ".zip", *TABLE_SUFFIXES)
"""The endings, in any case, of what a walk takes for archives or tables of images."""

_ENDINGS = frozenset(suffix[-4:] for suffix in ARCHIVE_SUFFIXES)

CHUNK = 65_536
"""How many images are Python objects at a time."""


class Entry(NamedTuple):
    """One image to be: its path as in the source, what to open, and (size, mtime_ns) where a listing gives them."""

    path: str
    location: str
    facts: tuple[int, int] | None = None


@dataclass
class Walk:
    """The entries of local folders, with a count of what was passed over."""

    left_out: int = 0
    _open: list[tuple[int, int]] = field(default_factory=list)

    def entries(self, folder: str, is_source: bool = False) -> Iterator[Entry]:
        """The images below a local folder: its own in the order of their names, then those of each folder in it.

        A folder that cannot be listed is an entry of its own.

        Args:
            folder: its path.
            is_source: it is all of a source, of which nothing would be left.

        Raises:
            SourceError: a source cannot be listed.
        """
        names, folders = Names(), []
        try:
            facts = os.stat(folder)
            identity = (facts.st_dev, facts.st_ino)
            if identity in self._open:
                return
            with os.scandir(folder) as found:
                for item in found:
                    if item.name.startswith("."):
                        continue
                    is_folder = _is_folder(item)
                    if is_folder:
                        folders.append(item.name)
                    elif is_folder is None or is_image(item.name) or is_archive(item.name):
                        names.append(escape_name(item.name))
                    else:
                        self.left_out += 1
        except OSError as error:
            if is_source:
                named = escape_name(folder)
                raise SourceError(
                    f"{named} cannot be listed: {error.strerror}; make it readable and run again"
                ) from None
            yield local_entry(folder)
            return
        self._open.append(identity)
        shown = escape_name(os.path.join(folder, ""))
        opened = escape_name(os.path.join(os.path.abspath(folder), ""))
        for name in names.in_order():
            yield Entry(shown + name, opened + name)
        for name in sorted(folders):
            yield from self.entries(os.path.join(folder, name))
        self._open.pop()


def _is_folder(item: os.DirEntry[str]) -> bool | None:
    """Whether it is a folder; None where a link leads nowhere that may be seen, which is told by its row."""
    try:
        return item.is_dir()
    except OSError:
        return None


def is_image(name: str) -> bool:
    """Whether a walk takes a file of that name for an image."""
    return name[name.rfind(".") :].lower() in IMAGE_SUFFIXES


def is_archive(name: str) -> bool:
    """Whether a walk looks into a file of that name for images."""
    return name[-4:].lower() in _ENDINGS and name.lower().endswith(ARCHIVE_SUFFIXES)


def local_entry(path: str) -> Entry:
    """The entry of one local file."""
    return Entry(escape_name(path), escape_name(os.path.abspath(path)))
