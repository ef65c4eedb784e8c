"""Decode in a child process, one image at a time, for a shard whose images have brought the process down before."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Self

from batch_emotion.images.loading import Loader
from batch_emotion.records import DecodedImage, Status

_PATIENCE_S = 120.0


class IsolatedLoader:
    """A loader that outlives its images: whatever kills or stalls the child becomes ``decoder_crash``.

    The child's own loader is made by ``make``, which must be picklable.
    """

    def __init__(self, make: Callable[[], Loader], patience_s: float = _PATIENCE_S) -> None:
        self._make, self._patience_s = make, patience_s
        self._context = multiprocessing.get_context("spawn")
        self._start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stop()

    def __call__(self, location: str) -> Sequence[DecodedImage]:
        """Read and decode one file in the child."""
        try:
            self._pipe.send(location)
            if self._pipe.poll(self._patience_s):
                rows: Sequence[DecodedImage] = self._pipe.recv()
                return rows
            reason = f"decoding took more than {self._patience_s:g} s"
        except (EOFError, OSError):
            self._child.join(5)
            reason = f"decoding ended the process ({_cause(self._child.exitcode)})"
        self._stop()
        self._start()
        return [DecodedImage(None, Status.DECODER_CRASH, error=reason)]

    def _start(self) -> None:
        self._pipe, theirs = self._context.Pipe()
        self._child = self._context.Process(target=_serve, args=(theirs, self._make), daemon=True)
        self._child.start()
        theirs.close()

    def _stop(self) -> None:
        self._child.kill()
        self._child.join()
        self._pipe.close()


def _serve(pipe: Connection, make: Callable[[], Loader]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    load = make()
    while True:
        try:
            location = pipe.recv()
        except EOFError:
            return
        pipe.send(load(location))


def _cause(exitcode: int | None) -> str:
    if exitcode is not None and exitcode < 0:
        return signal.Signals(-exitcode).name
    return f"exit code {exitcode}"
