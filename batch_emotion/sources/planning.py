"""What the user points at to a plan: directories, files, archives, globs, a manifest, a list on standard input."""

from __future__ import annotations

import difflib
import glob
import logging
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from batch_emotion.columns import find_column, lacks_column
from batch_emotion.errors import SourceError
from batch_emotion.frames import GivenTable
from batch_emotion.options.images import ManifestOptions, SourceOptions
from batch_emotion.options.labels import LABEL
from batch_emotion.plan import Plan
from batch_emotion.records import Status
from batch_emotion.sources.archives.expansion import Expansion
from batch_emotion.sources.archives.finding import split_path
from batch_emotion.sources.archives.opening import Reading
from batch_emotion.sources.folder import CHUNK, Entry, Walk, is_archive, is_image, local_entry
from batch_emotion.sources.manifest import MANIFEST_SUFFIXES, read_manifest
from batch_emotion.sources.named import listed, located
from batch_emotion.sources.names import Names
from batch_emotion.sources.overlaps import overlaps
from batch_emotion.sources.plan_table import plan_table
from batch_emotion.sources.workbooks import refuse_workbook
from batch_emotion.storage.escaping import escape_name, unescape_name
from batch_emotion.storage.members import Refused, find_member
from batch_emotion.storage.places import Place, is_uri, place
from batch_emotion.storage.remote import RemotePath
from batch_emotion.storage.tables import TABLE_SUFFIXES

if TYPE_CHECKING:
    from batch_emotion.sources.bucket import StoreWalk

_LOG = logging.getLogger("batch_emotion")


def make_plan(sources: Sequence[str], options: SourceOptions | None = None, folder: Path | None = None) -> Plan:
    """List every image of the sources, in the order given.

    Args:
        sources: what to list.
        options: how a manifest or list is read.
        folder: where a long plan is kept on disk; that for temporary files where None.

    Raises:
        SourceError: a source does not exist or cannot be listed, nothing was found, a manifest makes no sense, or a
            store that is named cannot be read.
    """
    options = options or SourceOptions()
    if len(sources) == 1 and (is_uri(sources[0]) or os.path.isfile(sources[0])):
        refuse_workbook(sources[0])
    manifests = [source for source in sources if is_manifest(source, options)]
    if manifests:
        if len(sources) > 1:
            raise SourceError(f"a manifest must be the only source, but {len(sources)} were given with {manifests[0]}")
        plan = plan_manifest(place(manifests[0]), options, folder)
        if not len(plan):
            _LOG.warning(f"the manifest {escape_name(manifests[0])} lists no images")
        return plan
    _warn_of_overlaps(sources)
    walks = _Walks()
    files = (entry for source in sources for entry in _entries(source, options, walks))
    return _planned(files, options, ", ".join(map(escape_name, sources)), walks, folder)


def _warn_of_overlaps(sources: Sequence[str]) -> None:
    found = list(overlaps(sources))
    if found:
        inner, outer = map(escape_name, found[0])
        more = f", and {len(found) - 1:,} more like it" if len(found) > 1 else ""
        where = "is named twice" if inner == outer else f"lies in {outer}"
        _LOG.warning(f"{inner} {where}{more}: such images get two rows; name each source once")


def plan_file(file: Path | GivenTable, options: ManifestOptions) -> Plan:
    """The plan of a local manifest, archive or table of images, or of a table that is at hand.

    Raises:
        SourceError: nothing was found, or it makes no sense.
    """
    if isinstance(file, Path):
        refuse_workbook(str(file))
    if isinstance(file, GivenTable) or is_manifest(str(file), options):
        return plan_manifest(file, options)
    return _planned([local_entry(str(file))], options, escape_name(str(file)), _Walks())


def _planned(
    files: Iterable[Entry], options: ManifestOptions, named: str, walks: _Walks, folder: Path | None = None
) -> Plan:
    archives = Expansion(Reading(options.image_column, options.path_column, options.webdataset), folder)
    listed = plan_table(archives.entries(files), folder)
    images, left_out = listed.kept.table, walks.left_out + archives.left_out
    if not images.num_rows:
        passed = (
            f" ({left_out} {'file has another extension' if left_out == 1 else 'files have other extensions'})"
            if left_out
            else ""
        )
        raise SourceError(f"no images found in {named}{passed}")
    attributes = archives.attributes()
    if options.label_column is not None:
        attributes = with_labels(attributes, options.label_column)
    return Plan(images, attributes if attributes.column_names else images.select([]), left_out, listed)


def manifest_folder(sources: Sequence[str], options: ManifestOptions | None = None) -> Place | None:
    """The folder that a manifest's relative paths start from by themselves; None where no source is a manifest."""
    return next((place(source).parent for source in sources if is_manifest(source, options)), None)


def is_manifest(source: str, options: ManifestOptions | None = None) -> bool:
    """Whether a source is a file that lists images; a table that holds them is none.

    Raises:
        SourceError: it has several columns that may be images.
    """
    suffix = os.path.splitext(source)[1].lower()
    if suffix not in MANIFEST_SUFFIXES or not _is_file(source):
        return False
    if suffix not in TABLE_SUFFIXES:
        return True
    from batch_emotion.sources.archives.table import holds_images

    options = options or ManifestOptions()
    return not holds_images(_whole(source), options.image_column, options.path_column)


def _whole(source: str) -> str:
    """A source's location."""
    return escape_name(source if is_uri(source) else os.path.abspath(source))


def _is_file(source: str) -> bool:
    there = place(source) if is_uri(source) else source
    if not isinstance(there, RemotePath):
        return os.path.isfile(there)
    from batch_emotion.storage.objects import find_object

    return bool(find_object(there).is_file)


class _Walks:
    """Walks here and on stores; the latter load pyarrow's file systems, which no local run needs."""

    def __init__(self) -> None:
        self.here = Walk()
        self._there: StoreWalk | None = None

    @property
    def left_out(self) -> int:
        return self.here.left_out + (self._there.left_out if self._there else 0)

    def entries(self, there: RemotePath) -> Iterator[Entry]:
        from batch_emotion.sources.bucket import StoreWalk

        self._there = self._there or StoreWalk()
        return self._there.entries(there)


def _entries(source: str, options: SourceOptions, walks: _Walks) -> Iterable[Entry]:
    if source == "-":
        return listed(options)
    if split_path(source) is not None and not os.path.lexists(source):
        return [_member(source, options)]
    if is_uri(source):
        there = place(source)
        if isinstance(there, RemotePath):
            return walks.entries(there)
        scheme = source[: source.index("/")] + "//"
        return (entry._replace(path=scheme + entry.path) for entry in _entries(str(there), options, walks))
    if os.path.isdir(source):
        return walks.here.entries(source, is_source=True)
    if os.path.lexists(source):
        return [local_entry(source)]
    if glob.has_magic(source):
        return _globbed(source, walks.here)
    raise SourceError(f"no such file or directory: {escape_name(source)}{_nearest_path(source)}")


def _nearest_path(path: str) -> str:
    folder, name = os.path.split(path)
    with suppress(OSError):
        for near in difflib.get_close_matches(name, os.listdir(folder or "."), 1):
            return f"; did you mean {escape_name(os.path.join(folder, near))}?"
    return ""


def _member(source: str, options: SourceOptions) -> Entry:
    """The one image in an archive that a source names.

    Raises:
        SourceError: there is none of that name.
    """
    (entry,) = located(Path(), [(escape_name(source), source)], options.image_column)
    refused = find_member(entry.location)
    if isinstance(refused, Refused) and refused.status is Status.MISSING:
        raise SourceError(f"{escape_name(source)}: {refused.reason}")
    return entry


def _globbed(pattern: str, walk: Walk) -> Iterator[Entry]:
    names = Names()
    for name in glob.iglob(pattern, recursive=True):
        names.append(escape_name(name))
    for found in map(unescape_name, names.in_order()):
        if os.path.isdir(found):
            if "**" not in pattern:
                yield from walk.entries(found)
        elif is_image(found) or is_archive(found):
            yield local_entry(found)
        else:
            walk.left_out += 1


def plan_manifest(manifest: Place | GivenTable, options: ManifestOptions, folder: Path | None = None) -> Plan:
    """The plan of a manifest, whose other columns are its attributes; that of labels is called ``label``.

    Raises:
        SourceError: it makes no sense, or a store that it names cannot be read.
    """
    paths, attributes = read_manifest(manifest, options.path_column, options.encoding, options.delimiter, folder)
    if options.label_column is not None:
        attributes = with_labels(attributes, options.label_column)
    return plan_paths(paths, options.root or manifest.parent, attributes, folder, options.image_column)


def with_labels(attributes: pa.Table, column: str) -> pa.Table:
    """A table whose column of labels is called ``label``.

    Raises:
        SourceError: it has no such column, or another of that name.
    """
    names = attributes.column_names
    found = find_column(names, column)
    if found is None:
        raise SourceError(f"`label_column`: {lacks_column(['the manifest'], column, names)}")
    if LABEL in names and found != LABEL:
        raise SourceError(
            f"the manifest has a column label beside {column}, which is to be carried as label; leave `label_column` "
            "out to carry both as they are, and give it when the result is evaluated"
        )
    return attributes.rename_columns([LABEL if name == found else name for name in names])


def plan_paths(
    paths: pa.ChunkedArray,
    root: Place,
    attributes: pa.Table,
    folder: Path | None = None,
    image_column: str | None = None,
) -> Plan:
    """The plan of a table's paths, relative ones starting from ``root``; ``attributes`` are its other columns.

    Raises:
        SourceError: a store cannot be read.
    """
    cells = (
        cell or ""
        for chunk in paths.chunks
        for start in range(0, len(chunk), CHUNK)
        for cell in chunk.slice(start, CHUNK).to_pylist()
    )
    named = ((cell, unescape_name(cell)) for cell in cells)
    images = plan_table(located(root, named, image_column), folder)
    return Plan(images.kept.table, attributes, stored=images)
