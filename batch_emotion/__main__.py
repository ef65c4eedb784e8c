"""The process: signals and streams are taken care of before anything heavy is imported."""

import os
import sys
from collections.abc import Sequence

from batch_emotion.errors import Interrupted
from batch_emotion.signals import watch_signals
from batch_emotion.streams import close_streams, open_streams


def main() -> None:
    """Run the command line and end the process with its exit code."""
    open_streams()
    watch_signals(_stop)
    try:
        from batch_emotion.cli import main as run_command_line

        code = run_command_line(sys.argv[1:])
    except Interrupted as interrupted:
        _stop(interrupted)
    else:
        _leave(code)


def _stop(interrupted: Interrupted) -> None:
    _print_goodbye(interrupted)
    _leave(int(interrupted.exit_code))


def _print_goodbye(interrupted: Interrupted) -> None:
    logs = sys.modules.get("batch_emotion.cli.logs")  # not imported here: the main thread may hold the import lock
    message = f"stopped by {interrupted}; {what_is_left(sys.argv[1:])}"
    if logs is not None and logs.is_json():
        logs.LOG.error(message)
        return
    print(f"\nbatch-emotion: {message}", file=sys.stderr, flush=True)


def what_is_left(arguments: Sequence[str]) -> str:
    """What a command that is stopped leaves, and how it is taken up again.

    Args:
        arguments: of the command line.
    """
    command = next((each for each in arguments if not each.startswith("-")), "")
    has_out = "BATCH_EMOTION_OUT" in os.environ or any(each.startswith("--out") for each in arguments)
    if command == "run" or (command == "predict" and has_out):
        return "what is committed is kept, the same command carries on"
    if command == "train" and "--find-batch-size" not in arguments:
        return "the epochs that are done are kept, the same command with --resume carries on"
    return "the same command begins anew"


def _leave(code: int) -> None:
    """End at once: threads of the image pipeline must not hold the process back."""
    os._exit(close_streams(code))


if __name__ == "__main__":
    main()
