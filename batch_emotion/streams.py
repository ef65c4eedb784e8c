"""The standard streams of the process: always open, broken without harm, and free of what libraries print."""

from __future__ import annotations

import errno
import io
import logging
import os
import select
import sys
import threading
import warnings

from batch_emotion.errors import BatchEmotionError


def open_streams() -> None:
    """Make descriptors 0 to 2 and ``sys.stdout`` and ``sys.stderr`` safe to use, and silence libraries.

    ``BATCH_EMOTION_DEBUG=1`` lets through what libraries print.
    """
    _fill_gaps()
    debugging = bool(os.environ.get("BATCH_EMOTION_DEBUG"))
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    sys.stdout = _text(1 if debugging else os.dup(1), encoding, is_answer=True)
    sys.stderr = _text(2 if debugging else os.dup(2), "utf-8", is_answer=False)
    if not debugging:
        _silence_libraries()


def close_streams(code: int) -> int:
    """Write out what is still buffered; gives the exit code, which is not 0 where an answer could not be written."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError, BatchEmotionError):
            code = code or 1
    return code


class _Descriptor(io.FileIO):
    """A descriptor that can break: what is written afterwards is dropped.

    Args:
        descriptor: an open one.
        is_answer: what is written here is what was asked for, so that losing it is an error, unless its reader has
            left. Other lines, such as progress, never fail a run.
    """

    def __init__(self, descriptor: int, is_answer: bool) -> None:
        super().__init__(descriptor, "w", closefd=False)
        self._is_answer, self._is_broken, self._is_terminal = is_answer, False, self.isatty()

    def write(self, data: object) -> int:
        """Write, or drop what cannot be written.

        Raises:
            BatchEmotionError: an answer is lost; only once.
        """
        size = memoryview(data).nbytes  # type: ignore[arg-type]
        if self._is_broken:
            return size
        try:
            while (written := super().write(data)) is None:  # type: ignore[arg-type]
                select.select([], [self], [])  # whoever shares it with us has made it non-blocking
            return written
        except OSError as error:
            self._is_broken = True
            gone = error.errno == errno.EPIPE or (self._is_terminal and error.errno == errno.EIO)
            if self._is_answer and not gone:
                raise BatchEmotionError(f"standard output cannot be written: {error.strerror}") from None
            return size


def _text(descriptor: int, encoding: str, *, is_answer: bool) -> io.TextIOWrapper:
    buffer = io.BufferedWriter(_Descriptor(descriptor, is_answer))
    return io.TextIOWrapper(buffer, encoding, "backslashreplace", line_buffering=True)


def _fill_gaps() -> None:
    """Open closed descriptors on nothing, or the next file that is opened takes the number and gets what is printed."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
            os.set_inheritable(descriptor, True)


def _silence_libraries() -> None:
    os.environ.setdefault("PYTHONWARNINGS", "ignore")  # for child processes
    logging.disable(logging.CRITICAL)  # the log of this program goes on; see logs
    warnings.simplefilter("ignore")
    threading.excepthook = lambda args: None
    sys.unraisablehook = lambda unraisable: None
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for descriptor in (1, 2):
        os.dup2(nowhere, descriptor)
    os.close(nowhere)
