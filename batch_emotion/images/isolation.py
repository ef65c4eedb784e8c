"""Decode in a child process, one image at a time, for a shard whose images have brought the process down before."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Self

from batch_emotion.errors import BatchEmotionError
from batch_emotion.images.loading import Loader
from batch_emotion.records import DecodedImage, Status
from batch_emotion.storage.held import is_held
from batch_emotion.storage.reading import FileBytes, read_file

_PATIENCE_S = 120.0
# Not multiprocessing: its child would import the caller's own script, which may start the whole run again.
_CHILD = (sys.executable, "-P", "-c", "from batch_emotion.images.isolation import serve; serve()")


class IsolatedLoader:
    """A loader that outlives its images: whatever kills or stalls the child becomes ``decoder_crash``.

    The child's own loader is made by ``make``, which must be picklable.

    Raises:
        BatchEmotionError: the child cannot be started at all, which is no image's fault.
    """

    def __init__(self, make: Callable[[], Loader], patience_s: float = _PATIENCE_S) -> None:
        self._make, self._patience_s = make, patience_s
        self._start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stop()

    def __call__(self, location: str, file: FileBytes | None = None, /) -> Sequence[DecodedImage]:
        """Read, unless that is done already, and decode one file in the child."""
        if file is None and is_held(location):  # in the memory of this process, not of the child's
            file = read_file(location, sys.maxsize)
        try:
            rows: Sequence[DecodedImage] = self._ask((location, file), self._patience_s)
            return rows
        except (EOFError, OSError, pickle.UnpicklingError):
            reason = f"decoding ended the process ({_cause(self._child.wait())})"
        if self._out_of_patience.is_set():
            reason = f"decoding took more than {self._patience_s:g} s"
        self._stop()
        self._start()
        return [DecodedImage(None, Status.DECODER_CRASH, error=reason)]

    def _start(self) -> None:
        path = os.pathsep.join([os.environ.get("PYTHONPATH", ""), *sys.path]).strip(os.pathsep)
        debugging = os.environ.get("BATCH_EMOTION_DEBUG")
        self._child = subprocess.Popen(
            _CHILD,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=None if debugging else subprocess.DEVNULL,
            env=os.environ | {"PYTHONPATH": path},
        )
        try:
            self._ask(self._make, _PATIENCE_S)
        except (EOFError, OSError, pickle.UnpicklingError):
            cause = _cause(self._child.wait())
            self._stop()
            raise BatchEmotionError(
                f"the child process that decodes images apart ended as it began ({cause}); "
                "BATCH_EMOTION_DEBUG=1 shows what it says, the same command carries on"
            ) from None

    def _ask(self, question: object, patience_s: float) -> Any:
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        self._out_of_patience = threading.Event()
        watch = threading.Timer(patience_s, self._give_up)
        watch.start()
        try:
            pickle.dump(question, self._child.stdin)
            self._child.stdin.flush()
            return pickle.load(self._child.stdout)
        finally:
            watch.cancel()

    def _give_up(self) -> None:
        self._out_of_patience.set()
        self._child.kill()

    def _stop(self) -> None:
        self._child.kill()
        self._child.communicate()


def serve() -> None:
    """Answer on standard output what is asked on standard input: first what makes the loader, then each image."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    questions, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints must not come between the answers
    load: Loader = pickle.load(questions)()
    answer: object = "ready"
    while True:
        pickle.dump(answer, answers)
        answers.flush()
        try:
            location, file = pickle.load(questions)
        except EOFError:
            return
        answer = load(location) if file is None else load(location, file)


def _cause(exitcode: int) -> str:
    return signal.Signals(-exitcode).name if exitcode < 0 else f"exit code {exitcode}"
