"""The archives among a run's files become the images in them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pyarrow as pa

from batch_emotion.errors import SourceError, one_line
from batch_emotion.sources.archives.listing import Listing
from batch_emotion.sources.archives.opening import Reading, list_archive
from batch_emotion.sources.folder import Entry, is_archive
from batch_emotion.storage.members import SEPARATOR, find_member
from batch_emotion.storage.places import is_uri

_AT_A_TIME = 12
"""Archives on stores that are listed at a time."""

_WAITING = 4096
_ROWS = ""
"""A column without values, by which a table without others keeps its number of rows."""


class Expansion:
    """Replaces archives by their members, and counts what was passed over in them."""

    def __init__(self, reading: Reading) -> None:
        self.left_out = 0
        self._reading = reading
        self._given = 0
        self._carried: list[tuple[int, pa.Table]] = []

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
        pieces, filled = [], 0
        for first, table in self._carried:
            pieces += [_nothing(first - filled), table]
            filled = first + len(table)
        pieces.append(_nothing(self._given - filled))
        try:
            return pa.concat_tables(pieces, promote_options="permissive").drop_columns([_ROWS])
        except pa.ArrowException as error:
            raise SourceError(
                f"the tables' columns do not fit together: {one_line(error)}; score the tables apart"
            ) from None

    def _taken(self, file: Entry, listed: Callable[[], Listing] | None) -> Iterator[Entry]:
        if listed is None:
            self._given += 1
            yield file
            return
        listing = listed()
        if listing.attributes is not None and len(listing.attributes):
            self._carried.append((self._given, _with_rows(listing.attributes)))
        for number in listing.images():
            self._given += 1
            yield Entry(
                f"{file.path}{SEPARATOR}{listing.name(number)}", listing.location(number), listing.facts(number)
            )
        self.left_out += listing.left_out
        if listing.trouble is not None:
            self._given += 1
            yield Entry(file.path, listing.trouble.location, file.facts)


def _nothing(rows: int) -> pa.Table:
    return pa.table({_ROWS: pa.nulls(rows)})


def _with_rows(table: pa.Table) -> pa.Table:
    return table.append_column(_ROWS, pa.nulls(len(table)))
