"""What the user points at to a plan: a directory, files, a glob, a manifest, a list on standard input."""

from __future__ import annotations

import glob
import os
import stat
import sys
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pyarrow.lib import StringBuilder

from batch_emotion.errors import SourceError
from batch_emotion.images.manifest import MANIFEST_SUFFIXES, read_manifest
from batch_emotion.records import PLAN_SCHEMA, Plan
from batch_emotion.storage.names import escape_name, unescape_name

IMAGE_SUFFIXES = frozenset(
    f".{name}"
    for name in (
        *("jpg", "jpeg", "jpe", "jfif", "png", "webp", "bmp", "dib", "gif", "tif", "tiff", "jp2"),
        *("pbm", "pgm", "ppm", "pnm", "heic", "heif", "avif"),
    )
)
"""The extensions, in any case, that a walk takes for images."""

_CHUNK = 65_536
_UNKNOWN = -1


@dataclass(frozen=True)
class SourceOptions:
    """How sources are read.

    Attributes:
        path_column: the manifest's column that holds the paths.
        root: the folder that a manifest's or a list's relative paths start from; the manifest's own folder, or the
            working directory, where None.
        null: names on standard input end in NUL, not in a newline.
        stdin: where ``-`` is read from; the process's standard input where None.
    """

    path_column: str = "path"
    root: Path | None = None
    null: bool = False
    stdin: BinaryIO | None = None


class Entry(NamedTuple):
    """One image to be: the path as the source says it, and what to open."""

    path: str
    location: str


@dataclass
class _Walk:
    """The entries of directories, with a count of what was passed over."""

    left_out: int = 0
    _open: list[tuple[int, int]] = field(default_factory=list)

    def entries(self, folder: str) -> Iterator[Entry]:
        """The images below a folder: its own in the order of their names, then those of each folder in it."""
        names, folders = StringBuilder(), []
        try:
            facts = os.stat(folder)
            identity = (facts.st_dev, facts.st_ino)
            if identity in self._open:
                return
            with os.scandir(folder) as found:
                for item in found:
                    if item.name.startswith("."):
                        continue
                    if item.is_dir():
                        folders.append(item.name)
                    elif _is_image(item.name):
                        names.append(escape_name(item.name))
                    else:
                        self.left_out += 1
        except OSError:
            yield _entry(folder)
            return
        self._open.append(identity)
        shown = escape_name(os.path.join(folder, ""))
        opened = escape_name(os.path.join(os.path.abspath(folder), ""))
        for name in _in_order(names):
            yield Entry(shown + name, opened + name)
        for name in sorted(folders):
            yield from self.entries(os.path.join(folder, name))
        self._open.pop()


def _in_order(names: StringBuilder) -> Iterator[str]:
    """The names sorted; only some of them are Python objects at a time."""
    listed = names.finish()
    order = pc.sort_indices(listed)
    for start in range(0, len(order), _CHUNK):
        yield from listed.take(order.slice(start, _CHUNK)).to_pylist()


def make_plan(sources: Sequence[str], options: SourceOptions | None = None) -> Plan:
    """List every image of the sources, in the order given.

    Raises:
        SourceError: a source does not exist, nothing was found, or a manifest makes no sense.
    """
    options = options or SourceOptions()
    manifests = [source for source in sources if _is_manifest(source)]
    if manifests:
        if len(sources) > 1:
            raise SourceError(f"a manifest must be the only source, but {len(sources)} were given with {manifests[0]}")
        return _plan_of_manifest(Path(manifests[0]), options)
    walk = _Walk()
    images = _plan_table(entry for source in sources for entry in _entries(source, options, walk))
    if not images.num_rows:
        passed = f" ({walk.left_out} files have other extensions)" if walk.left_out else ""
        raise SourceError(f"no images found in {', '.join(map(escape_name, sources))}{passed}")
    return Plan(images, pa.table({"": pa.nulls(images.num_rows)}).drop_columns([""]), walk.left_out)


def manifest_folder(sources: Sequence[str]) -> Path | None:
    """The folder that a manifest's relative paths start from by themselves; None where no source is a manifest."""
    return next((Path(source).parent for source in sources if _is_manifest(source)), None)


def _is_image(name: str) -> bool:
    return name[name.rfind(".") :].lower() in IMAGE_SUFFIXES


def is_one_image(sources: Sequence[str]) -> bool:
    """Whether the sources are a single file that is no manifest."""
    return len(sources) == 1 and os.path.isfile(sources[0]) and not _is_manifest(sources[0])


def _is_manifest(source: str) -> bool:
    return os.path.splitext(source)[1].lower() in MANIFEST_SUFFIXES and os.path.isfile(source)


def _entries(source: str, options: SourceOptions, walk: _Walk) -> Iterable[Entry]:
    if source == "-":
        return _listed(options)
    if os.path.isdir(source):
        return walk.entries(source)
    if os.path.lexists(source):
        return [_entry(source)]
    if glob.has_magic(source):
        return _globbed(source, walk)
    raise SourceError(f"no such file or directory: {escape_name(source)}")


def _globbed(pattern: str, walk: _Walk) -> Iterator[Entry]:
    names = StringBuilder()
    for name in glob.iglob(pattern, recursive=True):
        names.append(escape_name(name))
    for found in map(unescape_name, _in_order(names)):
        if os.path.isdir(found):
            if "**" not in pattern:
                yield from walk.entries(found)
        elif _is_image(found):
            yield _entry(found)
        else:
            walk.left_out += 1


def _listed(options: SourceOptions) -> Iterator[Entry]:
    for raw in _pieces(options.stdin or sys.stdin.buffer, b"\0" if options.null else b"\n"):
        name = os.fsdecode(raw if options.null else raw.removesuffix(b"\r"))
        if name:
            yield Entry(escape_name(name), _location(options.root or Path(), name))


def _pieces(stream: BinaryIO, separator: bytes) -> Iterator[bytes]:
    rest = b""
    while block := stream.read(2**20):
        *whole, rest = (rest + block).split(separator)
        yield from whole
    yield rest


def _entry(path: str) -> Entry:
    return Entry(escape_name(path), escape_name(os.path.abspath(path)))


def _location(root: Path, name: str) -> str:
    return escape_name(os.path.abspath(os.path.join(root, name))) if name else ""


def _plan_of_manifest(manifest: Path, options: SourceOptions) -> Plan:
    paths, attributes = read_manifest(manifest, options.path_column)
    root = options.root or manifest.parent
    cells = (
        cell or ""
        for chunk in paths.chunks
        for start in range(0, len(chunk), _CHUNK)
        for cell in chunk.slice(start, _CHUNK).to_pylist()
    )
    return Plan(_plan_table(Entry(cell, _location(root, unescape_name(cell))) for cell in cells), attributes)


def _plan_table(entries: Iterable[Entry]) -> pa.Table:
    batches: list[pa.RecordBatch] = []
    first = 0
    remaining = iter(entries)
    while not batches or len(batches[-1]) == _CHUNK:
        batches.append(_plan_batch(first, islice(remaining, _CHUNK)))
        first += len(batches[-1])
    return pa.Table.from_batches(batches, PLAN_SCHEMA)


def _plan_batch(first: int, entries: Iterable[Entry]) -> pa.RecordBatch:
    paths, locations = StringBuilder(), StringBuilder()
    sizes, mtimes = array("q"), array("q")
    for path, location in entries:
        paths.append(path)
        locations.append(location)
        size, mtime_ns = _file_facts(location)
        sizes.append(size)
        mtimes.append(mtime_ns)
    count = len(paths)
    path, location = paths.finish(), locations.finish()
    known = np.packbits(np.array(sizes) != _UNKNOWN, bitorder="little")
    return pa.RecordBatch.from_arrays(
        [
            _integers(np.arange(first, first + count, dtype=np.int64)),
            path,
            path if path.equals(location) else location,  # one copy in memory where they are the same
            *(_integers(column, known) for column in (sizes, mtimes)),
        ],
        schema=PLAN_SCHEMA,
    )


def _integers(values: NDArray[np.int64] | array[int], known: NDArray[np.uint8] | None = None) -> pa.Array:
    """An Arrow view of the values, with a bitmap of those that are known; ``pa.array`` would import pandas."""
    bitmap = None if known is None else pa.py_buffer(known)
    return pa.Array.from_buffers(pa.int64(), len(values), [bitmap, pa.py_buffer(values)])


def _file_facts(location: str) -> tuple[int, int]:
    """Size and modification time of a regular file; the size is -1 where there is none."""
    try:
        facts = os.stat(unescape_name(location))
    except (OSError, ValueError):
        return _UNKNOWN, 0
    if not stat.S_ISREG(facts.st_mode):
        return _UNKNOWN, 0
    return facts.st_size, facts.st_mtime_ns
