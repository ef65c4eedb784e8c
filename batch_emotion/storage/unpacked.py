"""Compressed archives as the bytes that are in them: read in order, the last of them kept."""

from __future__ import annotations

import io
from collections import OrderedDict
from threading import Lock
from typing import Any

import pyarrow as pa

from batch_emotion.errors import one_line
from batch_emotion.storage.ranges import OpenFiles, Ranges, open_ranges

_BLOCK = 2**20
_KEPT = 64
_BUFFER = 8 * 2**20
_UNKNOWN_SIZE = 2**62
_HARMLESS, _MOST_RATIO = 2**30, 100
_MOST_OPEN = 2

_CODECS = {"gz": "gzip", "tgz": "gzip", "zst": "zstd", "tzst": "zstd"}


class _Packed(io.RawIOBase):
    """A file as pyarrow reads it from its beginning; ``failure`` is what kept it from being read."""

    def __init__(self, file: Ranges) -> None:
        self.failure: Exception | None = None
        self._file = file
        self._start, self._at, self._data = 0, 0, b""

    def readable(self) -> bool:
        """It is."""
        return True

    def read(self, size: int = -1) -> bytes:
        """The bytes from here on, as many as are at hand where not all are."""
        if self._at == len(self._data):
            self._start, self._at = self._start + self._at, 0
            try:
                self._data = self._file.read(self._start, _BUFFER)
            except (OSError, pa.ArrowException) as error:
                self.failure = error
                raise
        data = self._data[self._at : self._at + size if size >= 0 else None]
        self._at += len(data)
        return data


class UnpackedRanges:
    """What is in a compressed file, for any thread: blocks in order, of which the last 64 MiB are kept.

    Whoever asks for what is no longer kept has it unpacked from the beginning. What is damaged or cut short ends where
    that is found, and ``damage`` says why; so does what grows a hundredfold, once it is more than a gigabyte.
    """

    size = _UNKNOWN_SIZE
    leap = _UNKNOWN_SIZE

    def __init__(self, location: str, kept: int = _KEPT) -> None:
        self._file = open_ranges(location)
        self.mtime_ns = self._file.mtime_ns
        self.damage: str | None = None
        self._codec, self._kept = _CODECS[location.lower().rpartition(".")[2]], kept
        self._blocks: OrderedDict[int, bytes] = OrderedDict()
        self._lock = Lock()
        self._packed = _Packed(self._file)
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
            self._packed, self._next = _Packed(self._file), 0
            self._stream = pa.CompressedInputStream(pa.PythonFile(self._packed, "r"), self._codec)
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
        if self._next * _BLOCK > max(_HARMLESS, _MOST_RATIO * self._file.size):
            self.damage = f"it unpacks to more than {_MOST_RATIO} times its size"
            return b""
        pieces: list[bytes] = []
        missing = _BLOCK
        try:
            while missing and (piece := self._stream.read(min(missing, 2**16))):
                pieces.append(piece)
                missing -= len(piece)
        except (OSError, pa.ArrowException) as error:
            if self._packed.failure is not None:
                self._stream = None  # as it lacks what was not read
                raise self._packed.failure from None
            self.damage = f"its compression is damaged or cut short ({one_line(error)[:200]})"
        return b"".join(pieces)


_OPEN_FILES = OpenFiles(UnpackedRanges, _MOST_OPEN)


def open_unpacked(location: str, anew: bool = False) -> UnpackedRanges:
    """The content of a compressed file, shared by all who read it.

    Args:
        location: a path or a URI, escaped.
        anew: open it again, as it may have been replaced since it was opened.

    Raises:
        OSError: it is not there or cannot be read.
    """
    if anew:
        _OPEN_FILES.forget(location)
        open_ranges(location, anew=True)
    return _OPEN_FILES.get(location)


def unpack_once(location: str) -> UnpackedRanges:
    """The content of a compressed file, opened anew, for one who goes through it once; little of it is kept.

    Args:
        location: a path or a URI, escaped.

    Raises:
        OSError: it is not there or cannot be read.
    """
    _OPEN_FILES.forget(location)
    open_ranges(location, anew=True)
    return UnpackedRanges(location, kept=1)
