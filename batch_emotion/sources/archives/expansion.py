"""The archives among a run's files become the images in them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pyarrow as pa

from batch_emotion.sources.archives.carried import Carried
from batch_emotion.sources.archives.listing import Listing
from batch_emotion.sources.archives.opening import Reading, list_archive
from batch_emotion.sources.archives.webdataset import COLUMNS
from batch_emotion.sources.folder import Entry, is_archive
from batch_emotion.storage.members import SEPARATOR, find_member
from batch_emotion.storage.places import is_uri

_AT_A_TIME = 12
"""Archives on stores that are listed at a time."""

_WAITING = 4096


class Expansion:
    """Replaces archives by their members, and counts what was passed over in them."""

    def __init__(self, reading: Reading, folder: Path | None = None) -> None:
        """Begin with nothing.

        Args:
            reading: how archives and tables are read.
            folder: where long tables are kept on disk; that for temporary files where None.
        """
        self.left_out = 0
        self._reading = reading
        self._given = 0
        self._carried = Carried(folder)

    def entries(self, files: Iterable[Entry]) -> Iterator[Entry]:
        """The images of these files, in order; archives on stores are listed ahead, some at a time.

        Raises:
            BatchEmotionError: a whole store has ceased to answer.
        """
        waiting: deque[tuple[Entry, Callable[[], Listing] | None]] = deque()
        pool: ThreadPoolExecutor | None = None
        pending = 0
        try:
            for file in files:
                listed: Callable[[], Listing] | None = None
                if is_archive(file.location) and find_member(file.location) is None:
                    if is_uri(file.location):
                        pool = pool or ThreadPoolExecutor(_AT_A_TIME, "list-archive")
                        listed = pool.submit(list_archive, file.location, self._reading).result
                    else:
                        listed = partial(list_archive, file.location, self._reading)
                    pending += 1
                if not waiting and listed is None:
                    self._given += 1
                    yield file
                    continue
                waiting.append((file, listed))
                while waiting and (
                    pending > _AT_A_TIME or len(waiting) > _WAITING or not is_uri(waiting[0][0].location)
                ):
                    pending -= waiting[0][1] is not None
                    yield from self._taken(*waiting.popleft())
            while waiting:
                yield from self._taken(*waiting.popleft())
        finally:
            if pool is not None:
                pool.shutdown(wait=False, cancel_futures=True)

    def attributes(self) -> pa.Table:
        """What is carried beside the images that were given, a row for each; without columns where that is nothing.

        Raises:
            SourceError: a column is of different types in different tables.
        """
        table = self._carried.table(self._given)
        if not self._reading.webdataset:
            return table
        nothing = [name for name in COLUMNS if name in table.column_names and table[name].null_count == len(table)]
        return table.drop_columns(nothing)

    def _taken(self, file: Entry, listed: Callable[[], Listing] | None) -> Iterator[Entry]:
        if listed is None:
            self._given += 1
            yield file
            return
        listing = listed()
        if listing.attributes is not None:
            self._carried.add(self._given, listing.attributes)
        for number in listing.images():
            self._given += 1
            yield Entry(
                f"{file.path}{SEPARATOR}{listing.name(number)}", listing.location(number), listing.facts(number)
            )
        self.left_out += listing.left_out
        if listing.trouble is not None:
            self._given += 1
            yield Entry(file.path, listing.trouble.location, file.facts)
