"""Signals that stop the process: an exception where Python is running, the end where native code does not come back.

Python's own handler waits until the main thread leaves native code, which can be a whole batch of large images or the
loading of a library; a thread that hears of it at once ends the process when the exception has not.
"""

from __future__ import annotations

import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from batch_emotion.errors import Interrupted

_GRACE_S = 4.0
_LOADING_S = 15.0
_ASKED_AGAIN_S = 0.01  # a small run is done in a tenth of a second once its libraries are there

_stopping = [signal.SIGINT, signal.SIGTERM]
_last_words: list[Callable[[Interrupted], None]] = []
_waiting = threading.Event()  # set while signals wait for accept_signals()
_early: list[int] = []


def watch_signals(leave: Callable[[Interrupted], None]) -> None:
    """Stop soon after a signal, once :func:`accept_signals` was called.

    Args:
        leave: ends the process; called in another thread, after last words, where no exception stopped it in time.
    """
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # ignored below nohup
        _stopping.append(signal.SIGHUP)
    _waiting.set()
    arrivals, signals = socket.socketpair()
    signals.setblocking(False)

    def insist() -> None:
        signum = 0
        while signum not in _stopping:
            signum = arrivals.recv(1)[0]
        loaded_by = time.monotonic() + _LOADING_S
        while _waiting.is_set() and time.monotonic() < loaded_by:
            time.sleep(0.1)
        patience_ends = time.monotonic() + _GRACE_S
        while time.monotonic() < patience_ends:
            time.sleep(_ASKED_AGAIN_S)
            if signal.getsignal(signum) is _interrupt:
                signal.raise_signal(signum)
        interrupted = Interrupted(signum)
        speaker = threading.Thread(target=_speak, args=(interrupted,), daemon=True)
        speaker.start()
        speaker.join(_GRACE_S)  # it may wait for a store, or for a lock that the main thread holds
        leave(interrupted)

    threading.Thread(target=insist, daemon=True).start()
    signal.set_wakeup_fd(signals.detach(), warn_on_full_buffer=False)
    for signum in _stopping:
        signal.signal(signum, _interrupt)


def accept_signals() -> None:
    """From here on a signal interrupts; one that came while the program was loading does so now.

    Raises:
        Interrupted: it came.
    """
    _waiting.clear()
    if _early:
        _raise(_early.pop())


def _speak(interrupted: Interrupted) -> None:
    for tell in reversed(_last_words):
        with suppress(Exception):
            tell(interrupted)


@contextmanager
def last_words(tell: Callable[[Interrupted], None]) -> Iterator[None]:
    """Have ``tell`` called, in another thread and for some seconds, if the process is ended by force in the block."""
    _last_words.append(tell)
    try:
        yield
    finally:
        _last_words.remove(tell)


def _interrupt(signum: int, frame: FrameType | None) -> None:
    if _waiting.is_set():
        _early[:] = [signum]
    elif not _is_importing(frame):  # many a library swallows what is raised while it is imported; we are asked again
        _raise(signum)


def _raise(signum: int) -> None:
    for each in _stopping:
        signal.signal(each, signal.SIG_IGN)
    Interrupted.arrived = Interrupted(signum)
    raise Interrupted.arrived


def _is_importing(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False
