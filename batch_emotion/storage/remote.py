"""Files and folders on object stores: what of ``pathlib.Path`` is of use there, by keys that are taken as they are."""

from __future__ import annotations

import io
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from threading import Lock
from typing import IO, Any

from batch_emotion.storage.filesystems import BUCKETS, CONTAINERS, open_filesystem

_READ_AHEAD = 8 * 2**20
_LIST_FOLDERS = ("s3", *CONTAINERS)
"""Where a folder's listing names the folders in it. Google's leaves out those that have no object of their own."""

_OPENING = Lock()


@dataclass(frozen=True)
class RemotePath:
    """A file or folder on a store; what of ``pathlib.Path`` is of use there, with the same errors.

    Attributes:
        scheme: the store's kind, lower case.
        key: the bucket, a slash and the raw key.
    """

    scheme: str
    key: str

    def __str__(self) -> str:
        return f"{self.scheme}://{self.key}"

    @property
    def bucket(self) -> str:
        """The first part of the key: a bucket, or a container, with or without its account's host."""
        return self.key.partition("/")[0]

    @property
    def bucket_kind(self) -> str:
        """What the store's users call it."""
        return "container" if self.scheme in CONTAINERS else "bucket"

    @property
    def root(self) -> RemotePath:
        """The bucket as a place."""
        return RemotePath(self.scheme, self.bucket)

    @property
    def path(self) -> str:
        """The key as pyarrow's file systems take it: of a container its name alone."""
        return self.bucket.partition("@")[0] + self.key[len(self.bucket) :]

    @property
    def shows_whole(self) -> bool:
        """Whether its store shows what is written only when it is whole."""
        return self.scheme in BUCKETS

    @property
    def lists_folders(self) -> bool:
        """Whether one listing of a folder names the folders in it; if not, only a recursive one is complete."""
        return self.scheme in _LIST_FOLDERS

    @property
    def tells_time_when_opened(self) -> bool:
        """Whether an opened object knows when it was written, so that it need not be asked for."""
        return self.scheme == "s3"

    @property
    def name(self) -> str:
        """The last part of the key; empty for a bucket."""
        return self.key.rstrip("/").partition("/")[2].rpartition("/")[2]

    @property
    def suffix(self) -> str:
        """The extension with its dot, as ``pathlib`` has it."""
        return Path(self.name).suffix if self.name else ""

    @property
    def stem(self) -> str:
        """The name without its extension."""
        return Path(self.name).stem if self.name else ""

    @property
    def parent(self) -> RemotePath:
        """The folder it is in; a bucket is in itself."""
        return RemotePath(self.scheme, self.key.rstrip("/").rpartition("/")[0] or self.bucket)

    def absolute(self) -> RemotePath:
        """Itself: a URI is never relative."""
        return self

    def with_name(self, name: str) -> RemotePath:
        """Another one in the same folder."""
        return self.parent / name

    def __truediv__(self, name: str) -> RemotePath:
        return RemotePath(self.scheme, f"{self.key.rstrip('/')}/{name}")

    @property
    def filesystem(self) -> Any:
        """The ``pyarrow.fs.FileSystem`` that opens the key."""
        with _OPENING:  # so that many readers open it once
            return open_filesystem(self.scheme, self.bucket)

    def info(self) -> Any:
        """The ``pyarrow.fs.FileInfo`` of the object of this key, or of the folder that has objects below it.

        It is ``NotFound`` where there is neither. pyarrow says so too of a folder of Azure's whose name is the
        beginning of a neighbour's (``faces`` and ``faces-old``), which is therefore listed.
        """
        from pyarrow.fs import FileInfo, FileSelector, FileType

        found = self.filesystem.get_file_info(self.path)
        if found.type == FileType.NotFound and self.scheme in CONTAINERS and self.name:
            folder = FileSelector(self.path.rstrip("/"), allow_not_found=True)
            if self.filesystem.get_file_info(folder):
                return FileInfo(folder.base_dir, FileType.Directory)
        return found

    def exists(self) -> bool:
        """Whether there is an object of this key, or one below it."""
        from pyarrow.fs import FileType

        return bool(self.info().type != FileType.NotFound)

    def is_in_bucket(self) -> bool | None:
        """Whether its bucket is there; None where that may not be asked, as where only some keys are allowed."""
        from pyarrow.fs import FileType

        try:
            return bool(self.filesystem.get_file_info(self.root.path).type != FileType.NotFound)
        except OSError:
            return None

    def is_file(self) -> bool:
        """Whether there is an object of this key."""
        return bool(self.info().is_file)

    def is_dir(self) -> bool:
        """Whether there is anything below this key."""
        from pyarrow.fs import FileType

        return bool(self.info().type == FileType.Directory)

    def iterdir(self) -> Iterator[RemotePath]:
        """What is in this folder, from one listing; nothing where there is no such folder."""
        from pyarrow.fs import FileSelector

        folder = self.path.rstrip("/")
        asked = FileSelector(folder, allow_not_found=True, recursive=not self.lists_folders)
        names = (found.path[len(folder) + 1 :].partition("/")[0] for found in self.filesystem.get_file_info(asked))
        yield from (self / name for name in dict.fromkeys(names) if name)

    def glob(self, pattern: str) -> Iterator[RemotePath]:
        """What is in this folder under names like the pattern."""
        return (found for found in self.iterdir() if fnmatchcase(found.name, pattern))

    def open(self, mode: str = "r", encoding: str | None = None, newline: str | None = None) -> IO[Any]:
        """Read it from the beginning on; a mode without ``b`` gives text."""
        stream = self.filesystem.open_input_stream(self.path, buffer_size=_READ_AHEAD)
        return stream if "b" in mode else io.TextIOWrapper(stream, encoding, newline=newline)

    def read_bytes(self) -> bytes:
        """The whole content."""
        with self.filesystem.open_input_stream(self.path) as file:
            content: bytes = file.read()
        return content

    def read_text(self, encoding: str = "utf-8") -> str:
        """The whole content, as text."""
        return self.read_bytes().decode(encoding)

    def write_bytes(self, data: Any) -> None:
        """Put the whole content, bytes or a buffer, under this key, or leave it as it was.

        The store shows an object only when its last byte has arrived and the stream is closed, which happens in this
        one call or not at all: after a write that failed, closing fails too. A stream that is dropped is closed as it
        is, so all is done in a thread of its own, where no signal comes between.
        """

        def write() -> None:
            stream = self.filesystem.open_output_stream(self.path)
            stream.write(data)
            stream.close()

        with ThreadPoolExecutor(1, "write") as apart:
            apart.submit(write).result()

    def upload(self, file: Path) -> None:
        """Put a finished local file under this key, or leave it as it was."""
        import pyarrow as pa

        if not file.stat().st_size:
            self.write_bytes(b"")
            return
        with pa.memory_map(str(file)) as source:
            self.write_bytes(source.read_buffer())

    def touch(self) -> None:
        """Put an empty object under this key."""
        self.write_bytes(b"")

    def unlink(self, missing_ok: bool = False) -> None:
        """Delete the object."""
        try:
            self.filesystem.delete_file(self.path)
        except FileNotFoundError:
            if not missing_ok:
                raise

    def rename(self, target: RemotePath) -> RemotePath:
        """Copy the object and delete it; killed in between, it is there twice."""
        self.filesystem.move(self.path, target.path)
        return target

    def mkdir(self, exist_ok: bool = False) -> None:
        """Do nothing: on a store a folder is there as soon as something is in it."""

    def rmtree(self) -> None:
        """Delete all that is below this key; nothing is no error."""
        try:
            self.filesystem.delete_dir(self.path)
        except OSError:  # each store says in another way that there is no such folder, Google's also after its deletion
            if self.exists():
                raise
