"""Earlier rows, put together by image, in whole columns; an image may have any number of rows."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from batch_emotion.plan import Plan
from batch_emotion.records import CHECKSUM, SCORABLE, Status
from batch_emotion.results.schema import whole_column

Numbers = NDArray[np.int64]
Flags = NDArray[np.bool_]

_NONE = -1


class ImageRows:
    """Earlier rows put together by image, each image's in their order; of an image listed twice, its first."""

    def __init__(self, table: pa.Table) -> None:
        self._table = table
        encoded = whole_column(table["path"].cast(pa.large_string())).dictionary_encode()
        self._paths, image = encoded.dictionary, encoded.indices.to_numpy()
        faces = "face_index" in table.column_names
        face = _numbers(table["face_index"]) if faces else np.full(len(image), -1, np.int64)
        order = np.lexsort((face, image))
        image, face = image[order], face[order]
        first = np.ones(len(order), bool)
        first[1:] = (image[1:] != image[:-1]) | (face[1:] != face[:-1])
        self._order = order[first]
        self._count = np.bincount(image[first], minlength=len(self._paths))
        self._start = np.cumsum(self._count) - self._count
        self._status = whole_column(table["status"]).take(pa.array(self._order[self._start]))

    def find(self, plan: Plan, checksum: bool) -> Numbers:
        """Which of these images is each image of the plan, int64 (N,); -1 where none is the same, unchanged."""
        found = _numbers(pc.index_in(plan.images["path"].cast(pa.large_string()), value_set=self._paths))
        here = np.flatnonzero(found >= 0)
        rows = self._table.take(self._order[self._start[found[here]]])
        now = plan.images.take(here)
        size, mtime_ns = _numbers(now["size"]), _numbers(now["mtime_ns"])
        unsized = (size == _NONE) & (
            mtime_ns != _NONE
        )  # a table's rows, whose sizes are not known before they are read
        same = unsized | (_numbers(rows["size"]) == size)
        same &= _numbers(rows["mtime_ns"]) == mtime_ns
        if checksum:
            equal = pc.equal(rows[CHECKSUM], now[CHECKSUM]).fill_null(False).to_numpy()
            neither = pc.and_(pc.is_null(rows[CHECKSUM]), pc.is_null(now[CHECKSUM])).to_numpy()
            same = equal | (neither & same)
        found[here[~same]] = -1
        return found

    def failed(self, images: Numbers) -> Flags:
        """Which of these could not be scored, bool (N,)."""
        return ~self._has(images, *SCORABLE) & (images >= 0)

    def crashed(self, images: Numbers) -> Flags:
        """Which of these killed the process, bool (N,)."""
        return self._has(images, Status.DECODER_CRASH)

    def rows(self, plan: Plan, index: Numbers, images: Numbers) -> pa.Table:
        """The rows of these images, with the plan's ``index``, size and time."""
        count = self._count[images]
        within = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
        rows = self._table.take(self._order[np.repeat(self._start[images], count) + within])
        index = np.repeat(index, count)
        for name in ("size", "mtime_ns"):
            now = pc.coalesce(plan.images[name].take(index), rows[name])
            rows = rows.set_column(rows.column_names.index(name), rows.schema.field(name), now)
        return rows.add_column(0, pa.field("index", pa.int64()), [pa.array(index)])

    def _has(self, images: Numbers, *statuses: Status) -> Flags:
        if not len(self._status):
            return np.zeros(len(images), bool)
        has: Flags = pc.is_in(self._status, value_set=pa.array(statuses, pa.string())).to_numpy(zero_copy_only=False)[
            images
        ]
        return has & (images >= 0)


def _numbers(column: pa.ChunkedArray) -> Numbers:
    """int64 (N,), ``_NONE`` where there is nothing."""
    numbers: Numbers = column.cast(pa.int64()).fill_null(_NONE).to_numpy()
    return numbers if numbers.flags.writeable else numbers.copy()
