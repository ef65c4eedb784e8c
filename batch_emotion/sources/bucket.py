"""A folder on a store to the images below it, by listings alone."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow.lib import StringBuilder

from batch_emotion.errors import SourceError, one_line
from batch_emotion.sources.folder import CHUNK, Entry, is_image
from batch_emotion.storage.escaping import escape_name
from batch_emotion.storage.objects import find_object, patiently, whole_seconds
from batch_emotion.storage.places import RemotePath
from batch_emotion.storage.prefetch import IN_FLIGHT, work_ahead


@dataclass
class _Folder:
    """What lies in one folder: names and facts of its images, and the names of its folders."""

    names: pa.Array
    sizes: array[int]
    mtimes: array[int]
    folders: list[str]
    left_out: int

    def images(self) -> Iterator[tuple[str, tuple[int, int]]]:
        """Each image's name and its (size, mtime_ns), in the order of the names."""
        order = pc.sort_indices(self.names)
        for start in range(0, len(order), CHUNK):
            rows = order.slice(start, CHUNK)
            for name, row in zip(self.names.take(rows).to_pylist(), rows.to_pylist(), strict=True):
                yield name, (self.sizes[row], self.mtimes[row])


class StoreWalk:
    """The entries of folders and single objects on stores, with a count of what was passed over.

    The order is that of a local walk. The next folders are listed while the images of one are taken.
    """

    def __init__(self) -> None:
        self.left_out = 0

    def entries(self, source: RemotePath) -> Iterator[Entry]:
        """The images below a folder, or the one object of that key.

        Raises:
            SourceError: there is neither, or the store cannot be read.
        """
        found = find_object(source)
        if found.is_file:
            yield Entry(escape_name(str(source)), escape_name(str(source)), _facts(found))
            return
        folder = RemotePath(source.scheme, source.key.rstrip("/"))
        with ThreadPoolExecutor(IN_FLIGHT, "list") as pool:
            yield from self._below(pool, folder, _list(folder))

    def _below(self, pool: ThreadPoolExecutor, there: RemotePath, folder: _Folder) -> Iterator[Entry]:
        self.left_out += folder.left_out
        for name, facts in folder.images():
            location = f"{escape_name(str(there))}/{name}"
            yield Entry(location, location, facts)
        folders = [there / name for name in sorted(folder.folders)]
        del folder
        for below, listed in zip(folders, work_ahead(pool, _list, folders, lambda: IN_FLIGHT), strict=True):
            yield from self._below(pool, below, listed)


def _list(there: RemotePath) -> _Folder:
    """One folder's listing, hidden names left away.

    Raises:
        SourceError: it cannot be listed.
    """
    from pyarrow.fs import FileSelector

    if there.key.endswith("/"):  # pyarrow cannot list below an empty part of a key; one row says so
        return _Folder(pa.array([""], pa.string()), array("q", [-1]), array("q", [0]), [], 0)
    try:
        listing: list[Any] = patiently(lambda: there.filesystem.get_file_info(FileSelector(there.path)))
    except (OSError, ValueError) as error:
        raise SourceError(f"cannot list {there}: {one_line(error)[:300]}") from None
    names, sizes, mtimes, folders, left_out = StringBuilder(), array("q"), array("q"), [], 0
    for found in listing:
        name = found.path[len(there.path) + 1 :]
        if name.startswith("."):
            continue
        if not found.is_file:
            folders.append(name)
        elif is_image(name):
            names.append(escape_name(name))
            size, mtime_ns = _facts(found)
            sizes.append(size)
            mtimes.append(mtime_ns)
        elif name:
            left_out += 1
    return _Folder(names.finish(), sizes, mtimes, folders, left_out)


def _facts(found: Any) -> tuple[int, int]:
    return found.size, whole_seconds(found.mtime_ns) or 0
