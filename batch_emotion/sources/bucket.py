"""A folder on a store to the images below it, by listings alone."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pyarrow.compute as pc
from pyarrow.lib import StringBuilder

from batch_emotion.errors import SourceError, one_line
from batch_emotion.sources.folder import CHUNK, Entry, is_archive, is_image
from batch_emotion.storage.escaping import escape_name
from batch_emotion.storage.objects import find_object, patiently, whole_seconds
from batch_emotion.storage.prefetch import IN_FLIGHT, work_ahead
from batch_emotion.storage.remote import RemotePath


class _Folder:
    """What lies in one folder: names and facts of its images, and the names of its folders; hidden ones left away."""

    def __init__(self) -> None:
        self.folders: list[str] = []
        self.left_out = 0
        self._names, self._sizes, self._mtimes = StringBuilder(), array("q"), array("q")

    def add_object(self, name: str, size: int, mtime_ns: int) -> None:
        """Count an object in, or out."""
        if name.startswith("."):
            return
        if not (is_image(name) or is_archive(name)):
            self.left_out += bool(name)
            return
        self._append(name, size, mtime_ns)

    def add_folder(self, name: str) -> None:
        """Count a folder in."""
        if not name.startswith("."):
            self.folders.append(name)

    def images(self) -> Iterator[tuple[str, tuple[int, int]]]:
        """Each image's name and its (size, mtime_ns), in the order of the names."""
        names = self._names.finish()
        order = pc.sort_indices(names)
        for start in range(0, len(order), CHUNK):
            rows = order.slice(start, CHUNK)
            for name, row in zip(names.take(rows).to_pylist(), rows.to_pylist(), strict=True):
                yield name, (self._sizes[row], self._mtimes[row])

    def _append(self, name: str, size: int, mtime_ns: int) -> None:
        self._names.append(escape_name(name))
        self._sizes.append(size)
        self._mtimes.append(mtime_ns)

    @classmethod
    def unnamed(cls) -> _Folder:
        """One below an empty part of a key, which pyarrow cannot open; one row says so."""
        folder = cls()
        folder._append("", -1, 0)
        return folder


class StoreWalk:
    """The entries of folders and single objects on stores, with a count of what was passed over.

    The order is that of a local walk. Where a listing names the folders in a folder, the next ones are listed while the
    images of one are taken; where it does not, all that is below the source is listed at once.
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
        if not folder.lists_folders:
            tree = _Tree(folder)
            yield from self._below(folder, tree.take(folder), lambda below: map(tree.take, below))
            return
        with ThreadPoolExecutor(IN_FLIGHT, "list") as pool:
            yield from self._below(folder, _list(folder), lambda below: work_ahead(pool, _list, below, _in_flight))

    def _below(
        self, there: RemotePath, folder: _Folder, taken: Callable[[list[RemotePath]], Iterator[_Folder]]
    ) -> Iterator[Entry]:
        self.left_out += folder.left_out
        for name, facts in folder.images():
            location = f"{escape_name(str(there))}/{name}"
            yield Entry(location, location, facts)
        folders = [there / name for name in sorted(folder.folders)]
        del folder
        for below, listed in zip(folders, taken(folders), strict=True):
            yield from self._below(below, listed, taken)


def _in_flight() -> int:
    return IN_FLIGHT


def _list(there: RemotePath) -> _Folder:
    """What lies in one folder, where a listing names the folders in it.

    Raises:
        SourceError: it cannot be listed.
    """
    if there.key.endswith("/"):
        return _Folder.unnamed()
    folder = _Folder()
    for name, found in _found(there):
        if found.is_file:
            folder.add_object(name, *_facts(found))
        else:
            folder.add_folder(name)
    return folder


class _Tree:
    """All folders below one, by the keys of the objects that a recursive listing names.

    Raises:
        SourceError: it cannot be listed.
    """

    def __init__(self, root: RemotePath) -> None:
        self._folders = {root.key: _Folder()}
        for path, found in _found(root, recursive=True):
            *folders, name = path.split("/")
            if not found.is_file:
                folders.append(name)
            if "" in folders:
                self._folder("/".join([root.key, *folders[: folders.index("") + 1]]))
                continue
            folder = self._folder("/".join([root.key, *folders]))
            if found.is_file:
                folder.add_object(name, *_facts(found))

    def take(self, there: RemotePath) -> _Folder:
        """What lies in a folder; each is had once."""
        return self._folders.pop(there.key)

    def _folder(self, key: str) -> _Folder:
        if key not in self._folders:
            parent, _, name = key.rpartition("/")
            self._folder(parent).add_folder(name)
            self._folders[key] = _Folder() if name else _Folder.unnamed()
        return self._folders[key]


def _found(there: RemotePath, recursive: bool = False) -> Iterator[tuple[str, Any]]:
    """What is listed in a folder, or all below it: its path from there, and its ``pyarrow.fs.FileInfo``.

    Raises:
        SourceError: it cannot be listed.
    """
    from pyarrow.fs import FileSelector

    asked = FileSelector(there.path, recursive=recursive)
    try:
        listing: list[Any] = patiently(lambda: there.filesystem.get_file_info(asked))
    except (OSError, ValueError) as error:
        raise SourceError(f"cannot list {there}: {one_line(error)[:300]}") from None
    return ((found.path[len(there.path) + 1 :], found) for found in listing)


def _facts(found: Any) -> tuple[int, int]:
    return found.size, whole_seconds(found.mtime_ns) or 0
