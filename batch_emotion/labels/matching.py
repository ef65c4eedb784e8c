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
        images, often = counted.field("values"), counted.field("counts").to_pylist()
        first = pc.unique(pc.index_in(self.locations, self.locations)).drop_null()
        files = list(zip(first.to_pylist(), plain.take(first).to_pylist(), strict=True)) if often else []
        plain_images = list(enumerate(_plain(images).to_pylist()))
        rows: dict[int, int] = {}
        for depth in _DEPTHS:
            row_of, image_of = _once(files, depth), _once(plain_images, depth)
            ends = [end for end in image_of if end in row_of and not self.found[row_of[end]]]
            new = {image_of[end]: row_of[end] for end in ends if image_of[end] not in rows}
            self.counts[depth] += sum(often[image] for image in new)
            rows |= new
        return images.take(pa.array(rows.keys(), pa.int64())), pa.array(rows.values(), pa.int32())


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


def _once(numbered: Iterable[tuple[int, str]], depth: str) -> dict[str, int]:
    """The numbers of paths by the ends that only one of them has."""
    ends = [("/".join(path.split("/")[-int(depth) :]), number) for number, path in numbered]
    often = Counter(end for end, _ in ends)
    return {end: number for end, number in ends if end and often[end] == 1}
