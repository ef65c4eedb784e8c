"""The image behind a path such as ``shards/0001.tar!/a/b.jpg``, as results and manifests have it."""

from __future__ import annotations

import os
from collections import OrderedDict
from threading import Lock

from batch_emotion.records import Status
from batch_emotion.sources.archives.listing import Listing
from batch_emotion.sources.archives.opening import Reading, list_archive
from batch_emotion.sources.folder import Entry, is_archive
from batch_emotion.storage.escaping import escape_name, unescape_name
from batch_emotion.storage.locations import locate
from batch_emotion.storage.members import SEPARATOR, Refused
from batch_emotion.storage.places import Place, is_uri

_MOST_MEMBERS = 2**21
"""Members of archives that are remembered, as the next path may lead into an archive that was listed before."""


def split_path(path: str) -> tuple[str, str] | None:
    """The archive and the member of a path; None where it leads into no archive."""
    at = path.find(SEPARATOR)
    while at >= 0:
        archive = path[:at]
        if is_archive(archive):
            return archive, path[at + len(SEPARATOR) :]
        at = path.find(SEPARATOR, at + 1)
    return None


def absolute_path(root: Place, path: str) -> str:
    """The path of a result, escaped, as it can be told anywhere: absolute, or a URI; a member's name stays as it is."""
    name = unescape_name(path)
    parts = split_path(name)
    if parts is None:
        return locate(root, name)
    return f"{locate(root, parts[0])}{SEPARATOR}{escape_name(parts[1])}"


class Finder:
    """Finds members by their names; each archive is listed once while it is remembered. For any thread."""

    def __init__(self, image_column: str | None = None) -> None:
        self._reading = Reading(image_column)
        self._listings: OrderedDict[str, Listing] = OrderedDict()
        self._lock = Lock()

    def entry(self, shown: str, root: Place, name: str) -> Entry:
        """What a name leads to, on its own or in an archive.

        Args:
            shown: the name as the source has it.
            root: where relative names start.
            name: a path or a URI, not escaped.

        Raises:
            BatchEmotionError: a whole store has ceased to answer.
        """
        parts = split_path(name)
        archive = "" if parts is None else locate(root, parts[0])
        if parts is None or _is_folder(f"{archive}!"):
            return Entry(shown, locate(root, name))
        member = parts[1]
        listing = self.listing(archive)
        row = listing.find(escape_name(member))
        if row is not None:
            return Entry(shown, listing.location(row), listing.facts(row))
        reason = listing.trouble or Refused(Status.MISSING, _absent(member))
        return Entry(shown, reason.location, (-1, 0))

    def location(self, root: Place, path: str) -> str:
        """What opens the image of a result's path, which is escaped."""
        return self.entry(path, root, unescape_name(path)).location

    def listing(self, location: str) -> Listing:
        """What an archive holds."""
        with self._lock:
            if location in self._listings:
                self._listings.move_to_end(location)
                return self._listings[location]
            listing = self._listings[location] = list_archive(location, self._reading)
            while len(self._listings) > 1 and sum(map(len, self._listings.values())) > _MOST_MEMBERS:
                self._listings.popitem(last=False)
            return listing


def _is_folder(location: str) -> bool:
    return not is_uri(location) and os.path.isdir(unescape_name(location))


def _absent(member: str) -> str:
    if split_path(member) is not None:
        return "archives in archives are not read; unpack the outer one"
    return "the archive has no such member"
