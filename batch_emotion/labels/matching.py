"""Images found in a table of paths: by the path as written, by what it points at, or by the end of the path."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from batch_emotion.labels.repeats import absolute_locations
from batch_emotion.storage.places import Place

PATH, LOCATION = "path", "location"
_DEPTHS = {"3": "two folders and file name", "2": "folder and file name", "1": "file name alone"}


class PathMatcher:
    """Finds each image in a table of paths, and knows how many were found how.

    An image is found by its path as written, else by what it points at, else by the end of its path: the last three
    parts, else the last two, else the file name, in any case and with either slash. An end that several paths of the
    table have, or several images, finds nothing.

    Args:
        paths: R of the table.
        folder: where its relative ones start.
        images: the paths of all images and their locations, batch by batch; read once.

    Attributes:
        counts: how many images were found by ``path``, by ``location``, or by an end of ``3``, ``2`` or ``1`` parts.
        images: how many there are.
        found: bool (R,), which rows of the table are those of an image.
        ambiguous: whether an image was not found though the table has its file name.
        example: the path of the first image; empty where there is none.
    """

    def __init__(self, paths: pa.Array, folder: Place, images: Iterable[tuple[pa.Array, pa.Array]]) -> None:
        self.paths, self.locations = paths, absolute_locations(paths, folder)
        self.counts: Counter[str] = Counter()
        self.images, self.example = 0, ""
        plain = pc.fill_null(_plain(paths), "")
        names = pc.unique(_names(plain))
        self.found = np.zeros(len(paths), bool)
        remaining: list[pa.Array] = []
        for found_paths, locations in images:
            self.images += len(found_paths)
            self.example = self.example or (found_paths[0].as_py() if len(found_paths) else "")
            written = pc.index_in(found_paths, self.paths)
            rows = self._of_locations(written, locations)
            self.counts[PATH] += len(written) - written.null_count
            self.counts[LOCATION] += written.null_count - rows.null_count
            self.found[rows.drop_null().to_numpy()] = True
            lost = found_paths.filter(pc.is_null(rows))
            remaining.append(lost.filter(pc.is_in(_names(_plain(lost)), names)))
        self._ends, self._end_rows = self._by_ends(plain, remaining)
        self.ambiguous = len(self._ends) < len(pc.unique(pa.chunked_array(remaining, pa.string())))
        self.found[self._end_rows.to_numpy()] = True

    def rows(self, paths: pa.Array, locations: pa.Array) -> pa.Array:
        """The row of the table for each image, int32, null where there is none."""
        found = self._of_locations(pc.index_in(paths, self.paths), locations)
        if not found.null_count or not len(self._ends):
            return found
        return pc.coalesce(found, self._end_rows.take(pc.index_in(paths, self._ends)))

    def _of_locations(self, written: pa.Array, locations: pa.Array) -> pa.Array:
        return pc.coalesce(written, pc.index_in(locations, self.locations)) if written.null_count else written

    def _by_ends(self, plain: pa.Array, remaining: list[pa.Array]) -> tuple[pa.StringArray, pa.Int32Array]:
        """The images that an end finds, each once, and their rows."""
        counted = pc.value_counts(pa.chunked_array(remaining, pa.string()))
        images, often = counted.field("values"), counted.field("counts").to_numpy()
        if not len(images):
            return images, pa.array([], pa.int32())
        files = pc.unique(pc.index_in(self.locations, self.locations)).drop_null()
        plain_files, plain_images = plain.take(files), _plain(images)
        rows = np.full(len(images), -1, np.int32)
        for depth in _DEPTHS:
            of_files, of_images = _ends(plain_files, depth), _ends(plain_images, depth)
            ends = _once(of_images)
            ends = ends.filter(pc.is_in(ends, _once(of_files)))
            image_at = pc.index_in(ends, of_images).to_numpy()
            row = files.take(pc.index_in(ends, of_files)).to_numpy()
            new = (rows[image_at] < 0) & ~self.found[row]
            rows[image_at[new]] = row[new]
            self.counts[depth] += int(often[image_at[new]].sum())
        return images.filter(pa.array(rows >= 0)), pa.array(rows[rows >= 0])


def matches_line(counts: Mapping[str, int], images: int, unit: str) -> str:
    """How many images were found in a table, and how.

    Args:
        counts: as ``PathMatcher`` has them.
        images: of how many.
        unit: what is counted.
    """
    ways = {PATH: "path", LOCATION: "location", **_DEPTHS}
    parts = [f"{counts[way]:,} by {words}" for way, words in ways.items() if counts.get(way)]
    return f"{sum(counts.values()):,} of {images:,} {unit} matched{': ' if parts else ''}{', '.join(parts)}"


def _plain(paths: pa.Array) -> pa.Array:
    slashes = pc.if_else(pc.match_substring(paths, "/"), paths, pc.replace_substring(paths, "\\", "/"))
    return pc.utf8_lower(pc.utf8_normalize(pc.utf8_trim_whitespace(slashes), "NFC"))


def _names(plain: pa.Array) -> pa.Array:
    return pc.replace_substring_regex(plain, r"(?s)^.*/", "")


def _ends(plain: pa.Array, depth: str) -> pa.Array:
    """The last parts of each path; all of one that has no more."""
    return pc.replace_substring_regex(plain, rf"(?s)^.*/([^/]*(?:/[^/]*){{{int(depth) - 1}}})$", r"\1")


def _once(ends: pa.Array) -> pa.Array:
    """Those that are there once."""
    counted = pc.value_counts(ends)
    values = counted.field("values").filter(pc.equal(counted.field("counts"), 1))
    return values.filter(pc.not_equal(values, ""))
