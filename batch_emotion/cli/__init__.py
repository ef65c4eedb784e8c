"""The command line: parse, make options, call a command, turn the outcome into text and an exit code."""

from __future__ import annotations

import os

# isort: off
from batch_emotion.cli import predict, run, merge, report, review, explain, train, evaluate, export, models, sample  # noqa: F401 - in the order that --help shows

# isort: on
from batch_emotion.cli.app import app
from batch_emotion.cli.logs import LOG, begin_log
from batch_emotion.cli.options import in_flags
from batch_emotion.errors import BatchEmotionError, ExitCode, one_line, spelling

__all__ = ["app", "main"]


def main(arguments: list[str]) -> int:
    """Run the command line and give its exit code; a failed run is one line on stderr."""
    begin_log()
    with spelling(in_flags):
        return _run(arguments)


def _run(arguments: list[str]) -> int:
    try:
        code = app(arguments, prog_name="batch-emotion", standalone_mode=True)
    except SystemExit as stop:
        code = stop.code
    except BatchEmotionError as error:
        LOG.error(str(error), extra={"fields": {"exit_code": int(error.exit_code)}})
        return int(error.exit_code)
    except Exception as error:
        if os.environ.get("BATCH_EMOTION_DEBUG"):
            raise
        text = one_line(error)
        LOG.error(
            f"unexpected {type(error).__name__}: {text}; what is committed is kept, "
            "BATCH_EMOTION_DEBUG=1 shows the traceback"
        )
        return int(ExitCode.FAILED)
    return code if isinstance(code, int) else int(ExitCode.OK)
