"""Earlier rows, put together by image, in whole columns; an image may have any number of rows."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from batch_emotion.records import CHECKSUM, SCORABLE, Status
from batch_emotion.results.schema import whole_column

Numbers = NDArray[np.int64]
Flags = NDArray[np.bool_]

_NONE = -1


class ImageRows:
    """Earlier rows put together by image, each image's in their order.

    Of an image that is there twice its first rows count, and of a file that was there in several versions those of the
    first: rows of others would be of faces in another picture.

    Attributes:
        rows: int64, the numbers of the rows that count, those of an image one after the other.
    """

    def __init__(self, keys: pa.Table) -> None:
        """Put rows together.

        Args:
            keys: what is known of each row, in the columns of ``KEYS``.
        """
        self._keys = keys
        encoded = whole_column(keys["path"].cast(pa.large_string())).dictionary_encode()
        self._paths, image = encoded.dictionary, encoded.indices.to_numpy()
        face = _numbers(keys["face_index"])
        order = np.lexsort((face, image))
        order = order[_of_first_version(keys, image)[order]]
        image, face = image[order], face[order]
        first = np.ones(len(order), bool)
        first[1:] = (image[1:] != image[:-1]) | (face[1:] != face[:-1])
        order = order[first]
        self._count = np.bincount(image[first], minlength=len(self._paths))
        self._start = np.cumsum(self._count) - self._count
        self._first = order[self._start]
        self._status = whole_column(keys["status"]).take(pa.array(self._first))
        self.rows: Numbers = _numbers(keys["row"])[order]

    def find(self, images: pa.Table, checksum: bool) -> Numbers:
        """Which of these images each of N planned ones is, int64 (N,); -1 where none is the same, unchanged.

        One that was missing when it was to be read, and that the plan knows the size of, is not the same.

        Args:
            images: what is known of the planned images, in the columns of ``KEYS``.
            checksum: compare the contents instead of size and time.
        """
        found = _numbers(pc.index_in(images["path"].cast(pa.large_string()), value_set=self._paths))
        here = np.flatnonzero(found >= 0)
        rows = self._keys.take(self._first[found[here]])
        now = images.take(here)
        size, mtime_ns = _numbers(now["size"]), _numbers(now["mtime_ns"])
        # the sizes of a table's rows are not known before they are read
        unsized = (size == _NONE) & (mtime_ns != _NONE)
        same = unsized | (_numbers(rows["size"]) == size)
        same &= _numbers(rows["mtime_ns"]) == mtime_ns
        if checksum:
            equal = pc.equal(rows[CHECKSUM], now[CHECKSUM]).fill_null(False).to_numpy()
            neither = pc.and_(pc.is_null(rows[CHECKSUM]), pc.is_null(now[CHECKSUM])).to_numpy()
            same = equal | (neither & same)
        same &= ~(self._has(found[here], Status.MISSING) & (size != _NONE))
        found[here[~same]] = -1
        return found

    def failed(self, images: Numbers) -> Flags:
        """Which of these could not be scored, bool (N,)."""
        return ~self._has(images, *SCORABLE) & (images >= 0)

    def crashed(self, images: Numbers) -> Flags:
        """Which of these killed the process, bool (N,)."""
        return self._has(images, Status.DECODER_CRASH)

    def spans(self, images: Numbers) -> tuple[Numbers, Numbers]:
        """Where in ``rows`` those of each of these images begin, and how many they are."""
        return self._start[images], self._count[images]

    def _has(self, images: Numbers, *statuses: Status) -> Flags:
        if not len(self._status):
            return np.zeros(len(images), bool)
        has: Flags = pc.is_in(self._status, value_set=pa.array(statuses, pa.string())).to_numpy(zero_copy_only=False)[
            images
        ]
        return has & (images >= 0)


def _of_first_version(keys: pa.Table, image: Numbers) -> Flags:
    """Which rows have the size and time of the first row of their image, bool (N,); ``image`` numbers the images."""
    first = np.zeros(1 + image.max(initial=-1), np.int64)
    first[image[::-1]] = np.arange(len(image))[::-1]
    same: Flags = np.ones(len(image), bool)
    for name in ("size", "mtime_ns"):
        numbers = _numbers(keys[name])
        same &= numbers == numbers[first][image]
    return same


def _numbers(column: pa.ChunkedArray) -> Numbers:
    """int64 (N,), ``_NONE`` where there is nothing."""
    numbers: Numbers = column.cast(pa.int64()).fill_null(_NONE).to_numpy()
    return numbers if numbers.flags.writeable else numbers.copy()
