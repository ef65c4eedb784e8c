"""The process: signals and native messages are taken care of before anything heavy is imported."""

import os
import signal
import socket
import sys
import threading
import time
from types import FrameType
from typing import Any

from batch_emotion.errors import Interrupted

_GRACE_S = 4.0
_STOPPING = (signal.SIGINT, signal.SIGTERM)


def main() -> None:
    """Run the command line and end the process with its exit code."""
    _watch_signals()
    try:
        _mute_native_messages()
        from batch_emotion.cli import main as run_command_line

        code = run_command_line(sys.argv[1:])
    except Interrupted as interrupted:
        _say_goodbye(interrupted)
        code = int(interrupted.exit_code)
    _leave(code)


def _watch_signals() -> None:
    """Stop soon after a signal: by an exception where Python is running, by force where native code does not come back.

    Python's own handler waits until the main thread leaves native code, which can be a whole batch of large images; the
    number of the signal arrives in the socket at once.
    """
    arrivals, signals = socket.socketpair()
    signals.setblocking(False)

    def insist() -> None:
        signum = 0
        while signum not in _STOPPING:
            signum = arrivals.recv(1)[0]
        patience_ends = time.monotonic() + _GRACE_S
        while time.monotonic() < patience_ends:
            time.sleep(0.1)
            if signal.getsignal(signum) is _interrupt:
                signal.raise_signal(signum)
        interrupted = Interrupted(signum)
        _say_goodbye(interrupted)
        _leave(int(interrupted.exit_code))

    threading.Thread(target=insist, daemon=True).start()
    signal.set_wakeup_fd(signals.detach(), warn_on_full_buffer=False)
    for signum in _STOPPING:
        signal.signal(signum, _interrupt)


def _interrupt(signum: int, frame: FrameType | None) -> None:
    if _is_importing(frame):
        return  # many a library swallows what is raised while it is imported; the watch will ask again
    for each in _STOPPING:
        signal.signal(each, signal.SIG_IGN)
    Interrupted.arrived = Interrupted(signum)
    raise Interrupted.arrived


def _is_importing(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False


def _say_goodbye(interrupted: Interrupted) -> None:
    logs = sys.modules.get("batch_emotion.cli.logs")  # not imported here: the main thread may hold the import lock
    if logs is not None and logs.is_json():
        logs.LOG.error(f"stopped by {interrupted}; what is committed is kept, the same command carries on")
        return
    print(
        f"\nbatch-emotion: stopped by {interrupted}; what is committed is kept, the same command carries on "
        "(train: with --resume)",
        file=sys.stderr,
        flush=True,
    )


def _leave(code: int) -> None:
    """End at once: threads of the image pipeline must not hold the process back."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            code = code or 1
    os._exit(code)


def _mute_native_messages() -> None:
    """Keep what native libraries print to file descriptor 2 from the user; Python's own stderr still arrives.

    ``BATCH_EMOTION_DEBUG=1`` lets everything through.
    """
    if os.environ.get("BATCH_EMOTION_DEBUG"):
        return
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("PYTHONWARNINGS", "ignore")
    import logging
    import warnings

    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")
    visible: Any = os.fdopen(os.dup(2), "w", buffering=1, encoding="utf-8", errors="backslashreplace")
    sys.stderr = visible
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)


if __name__ == "__main__":
    main()
