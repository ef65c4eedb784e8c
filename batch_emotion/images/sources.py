"""What the user points at to a plan: a directory, files, a glob, a manifest, a list on standard input."""

from __future__ import annotations

import glob
import os
import stat
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
import pyarrow as pa

from batch_emotion.errors import SourceError
from batch_emotion.images.manifest import MANIFEST_SUFFIXES, read_manifest
from batch_emotion.records import PLAN_SCHEMA, Plan
from batch_emotion.storage import escape_name, unescape_name

IMAGE_SUFFIXES = frozenset(
    f".{name}"
    for name in (
        *("jpg", "jpeg", "jpe", "jfif", "png", "webp", "bmp", "dib", "gif", "tif", "tiff", "jp2"),
        *("pbm", "pgm", "ppm", "pnm", "heic", "heif", "avif"),
    )
)
"""The extensions, in any case, that a walk takes for images."""

_CHUNK = 65_536


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
        try:
            facts = os.stat(folder)
            with os.scandir(folder) as found:
                listed = [(item.name, item.is_dir()) for item in found if not item.name.startswith(".")]
        except OSError:
            yield _entry(folder)
            return
        identity = (facts.st_dev, facts.st_ino)
        if identity in self._open:
            return
        listed.sort()
        self._open.append(identity)
        for name, is_folder in listed:
            if is_folder:
                continue
            if os.path.splitext(name)[1].lower() in IMAGE_SUFFIXES:
                yield _entry(os.path.join(folder, name))
            else:
                self.left_out += 1
        for name, is_folder in listed:
            if is_folder:
                yield from self.entries(os.path.join(folder, name))
        self._open.pop()


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
    for found in sorted(glob.glob(pattern, recursive=True)):
        if os.path.isdir(found):
            if "**" not in pattern:
                yield from walk.entries(found)
        elif os.path.splitext(found)[1].lower() in IMAGE_SUFFIXES:
            yield _entry(found)
        else:
            walk.left_out += 1


def _listed(options: SourceOptions) -> Iterator[Entry]:
    stdin = options.stdin or sys.stdin.buffer
    names = stdin.read().split(b"\0" if options.null else b"\n")
    for raw in names:
        name = os.fsdecode(raw if options.null else raw.removesuffix(b"\r"))
        if name:
            yield Entry(escape_name(name), _location(options.root or Path(), name))


def _entry(path: str) -> Entry:
    return Entry(escape_name(path), escape_name(os.path.abspath(path)))


def _location(root: Path, name: str) -> str:
    return escape_name(os.path.abspath(os.path.join(root, name))) if name else ""


def _plan_of_manifest(manifest: Path, options: SourceOptions) -> Plan:
    paths, attributes = read_manifest(manifest, options.path_column)
    root = options.root or manifest.parent
    cells = (cell.as_py() or "" for chunk in paths.chunks for cell in chunk)
    return Plan(_plan_table(Entry(cell, _location(root, unescape_name(cell))) for cell in cells), attributes)


def _plan_table(entries: Iterable[Entry]) -> pa.Table:
    batches: list[pa.RecordBatch] = []
    chunk: list[Entry] = []
    first = 0
    for entry in entries:
        chunk.append(entry)
        if len(chunk) == _CHUNK:
            batches.append(_plan_batch(first, chunk))
            first += len(chunk)
            chunk = []
    batches.append(_plan_batch(first, chunk))
    return pa.Table.from_batches(batches, PLAN_SCHEMA)


def _plan_batch(first: int, entries: Sequence[Entry]) -> pa.RecordBatch:
    facts = [_file_facts(entry.location) for entry in entries]
    columns = [
        _integers(range(first, first + len(entries))),
        _strings([entry.path for entry in entries]),
        _strings([entry.location for entry in entries]),
        _integers([size for size, _ in facts]),
        _integers([mtime_ns for _, mtime_ns in facts]),
    ]
    return pa.record_batch(columns, schema=PLAN_SCHEMA)


def _integers(values: Sequence[int | None]) -> pa.Array:
    """An int64 array, from its buffers: ``pyarrow.array`` would import pandas to ask whether it was given a Series."""
    known = np.packbits(np.array([value is not None for value in values], bool), bitorder="little")
    data = np.array([value or 0 for value in values], np.int64)
    return pa.Array.from_buffers(pa.int64(), len(values), [pa.py_buffer(known), pa.py_buffer(data)])


def _strings(values: Sequence[str]) -> pa.Array:
    """A string array, from its buffers, for the same reason."""
    encoded = [value.encode("utf-8") for value in values]
    offsets = np.cumsum([0, *map(len, encoded)], dtype=np.int32)
    return pa.StringArray.from_buffers(len(values), pa.py_buffer(offsets), pa.py_buffer(b"".join(encoded)))


def _file_facts(location: str) -> tuple[int | None, int | None]:
    try:
        facts = os.stat(unescape_name(location))
    except (OSError, ValueError):
        return None, None
    if not stat.S_ISREG(facts.st_mode):
        return None, None
    return facts.st_size, facts.st_mtime_ns
