"""Decode in a child process, one image at a time, for a shard whose images have brought the process down before."""

from __future__ import annotations

import multiprocessing
import signal
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Self

from batch_emotion.images.decode import load_image
from batch_emotion.records import DecodedImage, InputSpec, Limits, Status

_PATIENCE_S = 120.0


class IsolatedLoader:
    """A loader that outlives its images: whatever kills or stalls the child becomes ``decoder_crash``."""

    def __init__(self, spec: InputSpec, limits: Limits, full: bool = False, patience_s: float = _PATIENCE_S) -> None:
        self._how, self._patience_s = (spec, limits, full), patience_s
        self._context = multiprocessing.get_context("spawn")
        self._start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stop()

    def __call__(self, location: str) -> DecodedImage:
        """Read and decode one file in the child."""
        try:
            self._pipe.send(location)
            if self._pipe.poll(self._patience_s):
                image: DecodedImage = self._pipe.recv()
                return image
            reason = f"decoding took more than {self._patience_s:g} s"
        except (EOFError, OSError):
            self._child.join(5)
            reason = f"decoding ended the process ({_cause(self._child.exitcode)})"
        self._stop()
        self._start()
        return DecodedImage(None, Status.DECODER_CRASH, error=reason)

    def _start(self) -> None:
        self._pipe, theirs = self._context.Pipe()
        self._child = self._context.Process(target=_serve, args=(theirs, *self._how), daemon=True)
        self._child.start()
        theirs.close()

    def _stop(self) -> None:
        self._child.kill()
        self._child.join()
        self._pipe.close()


def _serve(pipe: Connection, spec: InputSpec, limits: Limits, full: bool) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while True:
        try:
            location = pipe.recv()
        except EOFError:
            return
        pipe.send(load_image(location, spec, limits, full))


def _cause(exitcode: int | None) -> str:
    if exitcode is not None and exitcode < 0:
        return signal.Signals(-exitcode).name
    return f"exit code {exitcode}"
