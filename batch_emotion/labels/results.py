"""The labels of a result's rows: by a manifest, by the result's own column, or by the folders in its paths."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from batch_emotion.columns import find_column
from batch_emotion.errors import SourceError, UsageError
from batch_emotion.frames import GivenTable
from batch_emotion.labels.matching import PathMatcher, matches_line
from batch_emotion.labels.reading import LabelReader, label_column_hint
from batch_emotion.labels.repeats import absolute_locations, disputed_remarks, find_repeats
from batch_emotion.options.labels import LABEL, LabelSource
from batch_emotion.results.reader import StoredResult
from batch_emotion.results.schema import own_columns, predicted_columns
from batch_emotion.sources.manifest import MANIFEST_SUFFIXES, read_manifest
from batch_emotion.sources.workbooks import refuse_workbook
from batch_emotion.storage.places import Place

FOLDERS = "folders"
NONE = "none"
_DEEPEST = 8


class Labels(Protocol):
    """The labels of rows, from one source, read by a ``LabelReader``."""

    origin: str
    """Where the labels come from, in words."""
    column: str | None
    """The result's column that is needed."""
    more: Sequence[str]
    """Other columns that come with the labels, which the result need not have."""

    @property
    def summary(self) -> str:
        """Where the labels come from, and how many rows a manifest was matched with, and how."""
        ...

    def of(self, table: pa.RecordBatch) -> pa.Array:
        """The label of each row, a class where it means one, else lower case; null where there is none."""
        ...

    def values(self, table: pa.RecordBatch, name: str) -> pa.Array:
        """The value that each row has in one of ``more``, null where it has none."""
        ...


def find_labels(
    result: StoredResult,
    options: LabelSource,
    reader: LabelReader,
    rows: Iterable[pa.RecordBatch] | None = None,
    *,
    needed: bool = False,
) -> Labels | None:
    """The labels of a result.

    Args:
        result: the result.
        options: where its labels are; where they do not say, the result's own column of labels is taken, else the
            folders where most images lie in one that is named like a class.
        reader: which reads them.
        rows: the rows of the result, where they have been read; else its paths are read once.
        needed: folders are taken too where they are named like a class for fewer than half of the images.

    Raises:
        UsageError: no row gets a label from what is wanted, or there is no such column.
    """
    wanted = options.labels
    if isinstance(wanted, str) and wanted == NONE:
        return None
    rows = result.batches(["path"]) if rows is None else rows
    column = options.label_column or LABEL
    if wanted is not None and wanted != FOLDERS:
        manifest = wanted if isinstance(wanted, GivenTable) else _manifest(Path(wanted))
        return _by_manifest(result, manifest, options, reader, rows)
    if wanted is None:
        refuse_predicted(column, result.schema.names)
        if (own := find_column(result.schema.names, column)) is not None:
            return ByColumn(own, reader)
        if options.label_column is not None:
            carried = ", ".join(own_columns(result.schema)) or "none"
            raise UsageError(
                f"`label_column`: {result.path} has no column {column!r}; those of its manifest: {carried}"
            )
    level, share = _best_level(rows, reader)
    if wanted == FOLDERS and not share:
        raise UsageError(
            f"no path of {result.path} has a folder named like one of {', '.join(result.class_names)}; "
            "`labels` takes a manifest with path and label"
        )
    return ByFolder(level, reader) if share and (needed or wanted == FOLDERS or share >= 0.5) else None


def refuse_predicted(column: str | None, names: Sequence[str]) -> None:
    """Refuse a column that ``predict`` made as one of labels, by which every prediction would be right.

    Args:
        column: of labels.
        names: the columns of what may be a result, its paths there or not.

    Raises:
        UsageError: saying where the labels are.
    """
    if column not in predicted_columns(names):
        return
    own = [name for name in names[: names.index("status")] if name != "path"]
    advice = f"those of its manifest: {', '.join(own)}" if own else "`labels` takes a manifest with path and label"
    if LABEL in own:
        advice = f"your labels are carried as {LABEL}"
    raise UsageError(f"`label_column`: {column} is what the model predicted; {advice}")


def classes_of(labels: pa.Array, class_names: Sequence[str]) -> NDArray[np.intp]:
    """The number of each label's class, -1 where it is none."""
    found = pc.fill_null(pc.index_in(labels, pa.array(class_names, pa.string())), -1)
    numbers: NDArray[np.intp] = found.to_numpy(zero_copy_only=False).astype(np.intp)
    return numbers


class _Alone:
    """Labels without other columns."""

    more: Sequence[str] = ()
    origin: str

    @property
    def summary(self) -> str:
        """Where the labels come from, in words."""
        return self.origin

    def values(self, table: pa.RecordBatch, name: str) -> pa.Array:
        """The result's own column: there are no others."""
        return table[name]


class ByColumn(_Alone):
    """Labels of the manifest that was scored, which the result carries."""

    def __init__(self, column: str, reader: LabelReader) -> None:
        self.origin = f"the result's column {column}"
        self.column: str | None = column
        self._name, self._reader = column, reader

    def of(self, table: pa.RecordBatch) -> pa.Array:
        """The label of each row, a class where it means one, else lower case; null where there is none."""
        return self._reader.read(table[self._name], self._name)


class ByFolder(_Alone):
    """Labels by the folder at one level above the file."""

    column: str | None = None

    def __init__(self, level: int, reader: LabelReader) -> None:
        self._level, self._reader = level, reader
        self.origin = "the folders in the paths"

    def of(self, table: pa.RecordBatch) -> pa.Array:
        """The label of each row, a class where it means one, else lower case; null where there is none."""
        parts = _parts(table["path"])
        offsets = parts.offsets.to_numpy()
        at = offsets[1:] - 1 - self._level
        return self._reader.read(parts.values.take(pa.array(at, mask=at < offsets[:-1])))


class ByManifest:
    """Labels of a manifest, found by the path as written, else by what it points at, else by the end of the path.

    An image with different labels has none.
    """

    column: str | None = None

    def __init__(
        self,
        manifest: Path | GivenTable,
        paths: pa.Array,
        labels: pa.Array,
        columns: pa.Table,
        root: Place,
        rows: Iterable[pa.RecordBatch],
    ) -> None:
        self.origin = manifest.name
        self.more: Sequence[str] = columns.column_names
        self._root, self._columns = root, columns
        images = ((batch["path"], absolute_locations(batch["path"], root)) for batch in rows)
        self.matcher = PathMatcher(paths, manifest.parent, images)
        repeats = find_repeats(paths, self.matcher.locations, labels)
        self._labels = pc.if_else(pa.array(repeats.disputed), pa.scalar(None, pa.string()), labels)
        matches = matches_line(self.matcher.counts, self.matcher.images, "rows")
        self.summary = "; ".join([f"{self.origin}, {matches}", *disputed_remarks(repeats.images, repeats.example)])

    def of(self, table: pa.RecordBatch) -> pa.Array:
        """The label of each row, a class where it means one, else lower case; null where there is none."""
        return self._labels.take(self._rows(table))

    def values(self, table: pa.RecordBatch, name: str) -> pa.Array:
        """The value that each row has in one of ``more``, null where it has none."""
        return self._columns[name].combine_chunks().take(self._rows(table))

    def check_some(self, manifest: Path | GivenTable, result: Place) -> None:
        """Refuse labels that are those of no row.

        Raises:
            UsageError: with a path of each side.
        """
        matcher = self.matcher
        if pc.any(pc.is_valid(self._labels).filter(pa.array(matcher.found))).as_py():
            return
        if matcher.found.any():
            raise UsageError(f"{manifest} has no label beside any of the paths of {result}")
        path = next(filter(None, matcher.paths.to_pylist()), "")
        advice = "several have the same file name; give them the folders that tell them apart"
        if not matcher.ambiguous:
            advice = "they must be the same, end alike, or with `root`, where relative ones start, be the same file"
        raise UsageError(
            f"{manifest} has a label for none of the paths of {result}: its paths are like {path or '(empty)'}, "
            f"those of the result like {matcher.example}: {advice}"
        )

    def _rows(self, table: pa.RecordBatch) -> pa.Array:
        return self.matcher.rows(table["path"], absolute_locations(table["path"], self._root))


def _manifest(file: Path) -> Path:
    if file.is_file():
        refuse_workbook(str(file))
    if file.suffix.lower() not in MANIFEST_SUFFIXES or not file.is_file():
        raise UsageError(f"`labels`: there is no .csv, .tsv or .parquet file {file}; give one with path and label")
    return file


def _by_manifest(
    result: StoredResult,
    manifest: Path | GivenTable,
    options: LabelSource,
    reader: LabelReader,
    rows: Iterable[pa.RecordBatch],
) -> ByManifest:
    paths, columns = read_manifest(manifest, options.path_column, options.encoding, options.delimiter)
    wanted, names = options.label_column or LABEL, columns.column_names
    refuse_predicted(wanted, names)
    column = find_column(names, wanted)
    if column is None:
        raise SourceError(
            f"{manifest} has no column {wanted!r}; `labels` takes a manifest with the columns path and label; beside "
            f"the path it has: {', '.join(names) or 'none'}{label_column_hint(columns, reader)}"
        )
    read = reader.read(columns[column], column)
    first = pc.array_sort_indices(pc.is_null(read))  # stable: of an image that is there twice, the row with a label
    taken = (paths.combine_chunks().take(first), read.take(first), columns.take(first))
    labels = ByManifest(manifest, *taken, options.root or Path(), rows)
    labels.check_some(manifest, result.path)
    return labels


def _best_level(rows: Iterable[pa.RecordBatch], reader: LabelReader) -> tuple[int, float]:
    """The level above the file at which most rows have a folder named like a class, and their share."""
    hits, total = np.zeros(_DEEPEST + 1, np.int64), 0
    for batch in rows:
        parts = _parts(batch["path"])
        known = classes_of(reader.read(parts.values), reader.class_names) >= 0
        starts, last = parts.offsets.to_numpy()[:-1], parts.offsets.to_numpy()[1:] - 1
        for level in range(1, _DEEPEST + 1):
            at = last - level
            hits[level] += known[at[at >= starts]].sum()
        total += len(batch)
    level = int(hits.argmax())
    return level, float(hits[level]) / max(total, 1)


def _parts(paths: pa.Array) -> pa.ListArray:
    """The parts of each path; a backslash parts one without a slash, as Windows writes them."""
    paths = pc.fill_null(paths, "")
    plain = pc.if_else(pc.match_substring(paths, "/"), paths, pc.replace_substring(paths, "\\", "/"))
    return pc.split_pattern(plain, "/")
