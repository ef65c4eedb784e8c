"""The process: signals and native messages are taken care of before anything heavy is imported."""

import os
import signal
import sys
import threading
from types import FrameType
from typing import Any

from batch_emotion.errors import Interrupted

_GRACE_S = 4.0


def main() -> None:
    """Run the command line and end the process with its exit code."""
    for signum in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, _interrupt)
    try:
        _mute_native_messages()
        from batch_emotion.cli import run

        code = run(sys.argv[1:])
    except Interrupted as interrupted:
        _say_goodbye(str(interrupted))
        code = int(interrupted.exit_code)
    _leave(code)


def _interrupt(signum: int, _frame: FrameType | None) -> None:
    """Stop soon: by an exception where Python is running, by force where native code does not come back."""
    signal.signal(signum, signal.SIG_IGN)
    interrupted = Interrupted(signum)

    def give_up() -> None:
        _say_goodbye(str(interrupted))
        _leave(int(interrupted.exit_code))

    timer = threading.Timer(_GRACE_S, give_up)
    timer.daemon = True
    timer.start()
    raise interrupted


def _say_goodbye(name: str) -> None:
    logs = sys.modules.get("batch_emotion.logs")  # not imported here: the main thread may hold the import lock
    if logs is not None and logs.is_json():
        logs.LOG.error(f"stopped by {name}; what is committed is kept, the same command carries on")
        return
    print(
        f"\nbatch-emotion: stopped by {name}; what is committed is kept, the same command carries on "
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
    import warnings

    warnings.simplefilter("ignore")
    visible: Any = os.fdopen(os.dup(2), "w", buffering=1, encoding="utf-8", errors="backslashreplace")
    sys.stderr = visible
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)


if __name__ == "__main__":
    main()
