"""Compressed archives as the bytes that are in them: read in order, the last of them kept."""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock
from typing import Any

import pyarrow as pa

from batch_emotion.errors import one_line
from batch_emotion.storage.escaping import unescape_name
from batch_emotion.storage.objects import patiently
from batch_emotion.storage.places import is_uri, place
from batch_emotion.storage.ranges import open_ranges
from batch_emotion.storage.remote import RemotePath

_BLOCK = 2**20
_KEPT = 64
_BUFFER = 8 * 2**20
_UNKNOWN_SIZE = 2**62
_HARMLESS, _MOST_RATIO = 2**30, 100
_MOST_OPEN = 2

_CODECS = {"gz": "gzip", "tgz": "gzip", "zst": "zstd", "tzst": "zstd"}


class UnpackedRanges:
    """What is in a compressed file, for any thread: blocks in order, of which the last 64 MiB are kept.

    Whoever asks for what is no longer kept has it unpacked from the beginning. What is damaged or cut short ends where
    that is found, and ``damage`` says why; so does what grows a hundredfold, once it is more than a gigabyte.
    """

    size = _UNKNOWN_SIZE
    leap = _UNKNOWN_SIZE

    def __init__(self, location: str, kept: int = _KEPT) -> None:
        packed = open_ranges(location)
        self.mtime_ns, self._packed_size = packed.mtime_ns, packed.size
        self.damage: str | None = None
        self._location, self._kept = location, kept
        self._blocks: OrderedDict[int, bytes] = OrderedDict()
        self._lock = Lock()
        self._stream: Any = None
        self._next = 0
        self._blocks_in_all: int | None = None

    def read(self, offset: int, length: int) -> bytes:
        """The bytes from there on, fewer where the content ends."""
        pieces = []
        with self._lock:
            while length > 0:
                block = self._block(offset // _BLOCK)
                piece = block[offset % _BLOCK :][:length]
                if not piece:
                    break
                pieces.append(piece)
                offset += len(piece)
                length -= len(piece)
        return b"".join(pieces)

    def _block(self, number: int) -> bytes:
        if number in self._blocks:
            return self._blocks[number]
        if self._blocks_in_all is not None and number >= self._blocks_in_all:
            return b""
        if self._stream is None or number < self._next:
            self._stream, self._next = self._opened(), 0
        data = b""
        while self._next <= number:
            data = self._unpack()
            self._blocks[self._next] = data
            self._next += 1
            while len(self._blocks) > self._kept:
                self._blocks.popitem(last=False)
            if len(data) < _BLOCK:
                self._blocks_in_all = self._next
                break
        return data if self._next == number + 1 else b""

    def _unpack(self) -> bytes:
        if self._next * _BLOCK > max(_HARMLESS, _MOST_RATIO * self._packed_size):
            self.damage = f"it unpacks to more than {_MOST_RATIO} times its size"
            return b""
        pieces: list[bytes] = []
        missing = _BLOCK
        try:
            while missing and (piece := self._stream.read(min(missing, 2**16))):
                pieces.append(piece)
                missing -= len(piece)
        except (OSError, pa.ArrowException) as error:
            self.damage = f"its compression is damaged or cut short ({one_line(error)[:200]})"
        return b"".join(pieces)

    def _opened(self) -> Any:
        name = unescape_name(self._location)
        there = place(name) if is_uri(name) else name
        if isinstance(there, RemotePath):
            packed = patiently(lambda: there.filesystem.open_input_stream(there.path, None, _BUFFER))
        else:
            packed = pa.OSFile(str(there))
        return pa.CompressedInputStream(packed, _CODECS[name.lower().rpartition(".")[2]])


_OPEN: OrderedDict[str, UnpackedRanges] = OrderedDict()
_OPENING = Lock()


def open_unpacked(location: str, anew: bool = False) -> UnpackedRanges:
    """The content of a compressed file, shared by all who read it.

    Args:
        location: a path or a URI, escaped.
        anew: open it again, as it may have been replaced since it was opened.

    Raises:
        OSError: it is not there or cannot be read.
    """
    with _OPENING:
        if anew:
            _OPEN.pop(location, None)
            open_ranges(location, anew=True)
        if location not in _OPEN:
            _OPEN[location] = UnpackedRanges(location)
        _OPEN.move_to_end(location)
        while len(_OPEN) > _MOST_OPEN:
            _OPEN.popitem(last=False)
        return _OPEN[location]
