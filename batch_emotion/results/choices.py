"""What an update does about each image, chosen for some images at a time and kept by number."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from batch_emotion.options.runs import UpdateOptions
from batch_emotion.results.image_rows import ImageRows, Numbers
from batch_emotion.results.keys import KeyParts
from batch_emotion.results.schema import whole_column
from batch_emotion.storage.spool import disk_array

AT_A_TIME = 16_384


class Choices:
    """What is done about each image of a plan, by its row, and with which earlier rows.

    Attributes:
        chosen: uint8, one of the kinds below.
        rows: int64, numbers of earlier rows, those of an image one after the other.
        first, count: where those of each image begin, and how many they are.
        gone: bool, the rows of the earlier result whose images are no longer there, or not known to be.
        unlisted: bool, those of them in a folder or archive that is itself in the plan, as it cannot be listed.
        gone_images, earlier_images: how many images are no longer there, and how many the earlier result has.
        unlisted_images: how many images lie in such folders.
        counts: images by what is done about them, by the names in ``UpdateCounts``, but for those.
    """

    SCORED, ISOLATED, KEPT, REUSED = range(4)

    def __init__(self, images: int, before: int, between: int, folder: Path | None) -> None:
        self.chosen: NDArray[np.uint8] = disk_array(images, np.uint8, folder)
        self.rows: Numbers = disk_array(before + between, np.int64, folder)
        self.first: Numbers = disk_array(images, np.int64, folder)
        self.count: NDArray[np.int32] = disk_array(images, np.int32, folder)
        self.gone: NDArray[np.bool_] = disk_array(before, np.bool_, folder)
        self.unlisted: NDArray[np.bool_] = disk_array(before, np.bool_, folder)
        self.gone_images = self.earlier_images = self.unlisted_images = 0
        self.counts = Counter[str]()
        self._filled = 0

    def choose(
        self,
        planned: pa.Table,
        result: pa.Table,
        leftovers: pa.Table,
        suspects: pa.Array,
        options: UpdateOptions,
        same_model: bool,
        told_by_time: bool,
    ) -> None:
        """Choose for a part of the plan.

        Args:
            planned: the images of the part, in the columns of ``KEYS``.
            result: the rows of the earlier result with paths of that part.
            leftovers: those of an unfinished run.
            suspects: paths that may kill the process.
            options: what may stay.
            same_model: whether rows of the earlier result may.
            told_by_time: the result has no checksums, and is as it was where size and time are.
        """
        known = pc.is_in(planned["path"], value_set=whole_column(result["path"])).to_numpy()
        gone = result.filter(pc.invert(pc.is_in(result["path"], value_set=whole_column(planned["path"]))))
        self.gone[gone["row"].to_numpy()] = True
        self.gone_images += len(pc.unique(gone["path"]))
        self.earlier_images += len(pc.unique(result["path"]))
        before, between = ImageRows(result), ImageRows(leftovers)
        of_before = before.find(planned, options.checksum and not told_by_time)
        of_between = between.find(planned, options.checksum)
        retry = options.retry_failures & before.failed(of_before)
        as_before = (of_before >= 0) & ~retry
        kept = as_before & same_model
        if told_by_time:  # what has no checksum is not known to be the same
            kept &= before.find(planned, checksum=True) >= 0
        reused = ~kept & (of_between >= 0) & ~(options.retry_failures & between.failed(of_between))
        crashed = before.crashed(of_before) | between.crashed(of_between)
        crashed |= pc.is_in(planned["path"], value_set=suspects).to_numpy()
        row = planned["row"].to_numpy()
        self.chosen[row] = np.select([kept, reused, crashed], [self.KEPT, self.REUSED, self.ISOLATED], self.SCORED)
        for which, rows, images in ((kept, before, of_before), (reused, between, of_between)):
            first, self.count[row[which]] = rows.spans(images[which])
            self.first[row[which]] = self._filled + first
            self.rows[self._filled : self._filled + len(rows.rows)] = rows.rows
            self._filled += len(rows.rows)
        self.counts.update(
            unchanged=int(kept.sum()),
            new=int((~known).sum()),
            changed=int((known & ~as_before & ~retry).sum()),
            rescored=int((as_before & ~kept).sum()),
            retried=int(retry.sum()),
            reused=int(reused.sum()),
        )

    def keep_unlisted(self, planned: pa.ChunkedArray, result: KeyParts) -> None:
        """Find the images of which it is not known whether they are gone; called once, when all is chosen.

        Args:
            planned: the paths of the whole plan.
            result: the keys of the earlier result.
        """
        if not self.gone_images:
            return
        folders: set[str] = set()
        for gone in self._gone(result):
            folders.update(*map(_above, pc.unique(_folder(gone["path"])).to_pylist()))
        named = pc.is_in(planned, value_set=pa.array(folders, pa.string()))
        folders = set(planned.filter(named).to_pylist())
        if not folders:
            return
        for gone in self._gone(result):
            below = [any(above in folders for above in _above(each)) for each in _folder(gone["path"]).to_pylist()]
            rows = gone.filter(pa.array(below, pa.bool_()))
            self.unlisted[rows["row"].to_numpy()] = True
            images = len(pc.unique(rows["path"]))
            self.unlisted_images += images
            self.gone_images -= images

    def _gone(self, result: KeyParts) -> Iterator[pa.Table]:
        for number in range(result.count):
            keys = result.part(number)
            gone = keys.filter(pa.array(self.gone[keys["row"].to_numpy()]))
            if len(gone):
                yield gone

    def todo(self, folder: Path | None) -> tuple[Numbers, int]:
        """The rows of the plan that must be scored, and how many of them, the last ones, may kill the process."""
        total = {kind: _count(self.chosen, kind) for kind in (self.SCORED, self.ISOLATED)}
        todo, filled = disk_array(sum(total.values()), np.int64, folder), 0
        for kind in total:
            for rows in places(self.chosen, kind):
                todo[filled : filled + len(rows)] = rows
                filled += len(rows)
        return todo, total[self.ISOLATED]

    def rows_of(self, images: Numbers) -> tuple[Numbers, NDArray[np.int32]]:
        """The earlier rows that stay of these images of the plan, and how many each has."""
        count = self.count[images]
        within = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
        return self.rows[np.repeat(self.first[images], count) + within], count


def _folder(paths: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.replace_substring_regex(paths, r"/[^/]*$", "")


def _above(folder: str) -> Iterator[str]:
    """A folder and those it lies in."""
    while folder:
        yield folder
        folder = folder.rpartition("/")[0]


def places(values: NDArray[np.uint8] | NDArray[np.bool_], wanted: int) -> Iterator[Numbers]:
    """Where a value is found, some places at a time."""
    for first in range(0, len(values), AT_A_TIME):
        yield first + np.flatnonzero(values[first : first + AT_A_TIME] == wanted)


def _count(values: NDArray[np.uint8], wanted: int) -> int:
    return sum(map(len, places(values, wanted)))
