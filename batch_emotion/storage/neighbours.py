"""Members that lie close together in an archive on a store: read by a few large requests that they share."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock

from batch_emotion.storage.local import FileBytes
from batch_emotion.storage.members import Member, find_member
from batch_emotion.storage.places import is_uri
from batch_emotion.storage.ranges import Ranges, open_ranges

Group = Sequence[tuple[str, int | None]]
"""Locations and what is known of their sizes; more than one only if they are neighbours."""

_BLOCK = 4 * 2**20
_KEPT = 16
_SMALL = 2**20
_GAP = 256 * 2**10
_MOST = 128


def grouped(items: Iterable[tuple[str, int | None]]) -> Iterator[Group]:
    """Put neighbours together: small members of one archive on a store, each a little after the one before."""
    group: list[tuple[str, int | None]] = []
    last: Member | None = None
    for item in items:
        member = _small_member(item[0])
        if group and not (member and last and len(group) < _MOST and _are_neighbours(last, member)):
            yield group
            group = []
        group.append(item)
        last = member
    if group:
        yield group


def _small_member(location: str) -> Member | None:
    member = find_member(location)
    if not isinstance(member, Member) or member.form not in ("tar", "zip", "deflated") or not is_uri(member.archive):
        return None
    return member if member.length <= _SMALL else None


def _are_neighbours(before: Member, member: Member) -> bool:
    gap = member.offset - before.offset - before.length
    return member.archive == before.archive and 0 <= gap <= _GAP


class Blocks:
    """Parts of archives of 4 MiB, each read with one request, of which the last 64 MiB are kept; for any thread.

    When one part follows another, the next one is asked for ahead.
    """

    def __init__(self) -> None:
        self._parts: OrderedDict[tuple[str, int], Future[bytes]] = OrderedDict()
        self._lock = Lock()
        self._ahead = ThreadPoolExecutor(2, "read-ahead")

    def read(self, group: Group, max_bytes: int) -> list[FileBytes]:
        """What ``read_member`` says of each of a group of neighbours."""
        from batch_emotion.storage.archived import attempt, read_member

        files = []
        for location, _ in group:
            member = find_member(location)
            assert isinstance(member, Member)

            def read(member: Member = member) -> FileBytes:
                return read_member(member, max_bytes, _Blockwise(self, member.archive, open_ranges(member.archive)))

            files.append(attempt(member.archive, read))
        return files

    def close(self) -> None:
        """Ask for no more."""
        self._ahead.shutdown(wait=False, cancel_futures=True)

    def part(self, archive: str, file: Ranges, number: int) -> bytes:
        """One part, by whoever asks for it first."""
        with self._lock:
            part = self._parts.get((archive, number))
            is_mine = part is None
            if part is None:
                part = self._parts[archive, number] = Future()
            self._parts.move_to_end((archive, number))
            follows = is_mine and (archive, number - 1) in self._parts
            while len(self._parts) > _KEPT:
                self._parts.popitem(last=False)
        if is_mine:
            self._fill(part, archive, file, number)
        if follows and (number + 1) * _BLOCK < file.size:
            self._ask_ahead(archive, file, number + 1)
        return part.result()

    def _fill(self, part: Future[bytes], archive: str, file: Ranges, number: int) -> None:
        try:
            part.set_result(file.read(number * _BLOCK, _BLOCK))
        except BaseException as error:
            with self._lock:
                self._parts.pop((archive, number), None)
            part.set_exception(error)

    def _ask_ahead(self, archive: str, file: Ranges, number: int) -> None:
        def ask() -> None:
            with self._lock:
                if (archive, number) in self._parts:
                    return
                part = self._parts[archive, number] = Future()
            self._fill(part, archive, file, number)

        try:
            self._ahead.submit(ask)
        except RuntimeError:  # it is closed: all is over
            return


class _Blockwise:
    """An archive as it is read by parts."""

    damage: str | None = None

    def __init__(self, blocks: Blocks, archive: str, file: Ranges) -> None:
        self._blocks, self._archive, self._file = blocks, archive, file
        self.size, self.mtime_ns, self.leap = file.size, file.mtime_ns, file.leap

    def read(self, offset: int, length: int) -> bytes:
        """See ``Ranges``."""
        end = min(offset + length, self.size)
        if offset >= end:
            return b""
        numbers = range(offset // _BLOCK, (end - 1) // _BLOCK + 1)
        parts = [self._blocks.part(self._archive, self._file, number) for number in numbers]
        first = offset - numbers[0] * _BLOCK
        data = parts[0] if len(parts) == 1 else b"".join(parts)
        return data[first : first + end - offset]
