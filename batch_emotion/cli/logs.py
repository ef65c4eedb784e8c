"""The log of a process: lines on stderr and in a file, as text or as JSON with a run id on each."""

from __future__ import annotations

import logging
import secrets
import sys
from contextlib import suppress
from datetime import UTC, datetime
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any, Literal

from batch_emotion.errors import UsageError, spelled
from batch_emotion.storage.escaping import json_text, printable

LogFormat = Literal["text", "json"]


class _OwnLogger(logging.Logger):
    """A logger that goes on where the logs of libraries are switched off by ``logging.disable``."""

    def isEnabledFor(self, level: int) -> bool:  # noqa: N802 - the name is logging's
        return level >= self.getEffectiveLevel()


logging.setLoggerClass(_OwnLogger)
LOG = logging.getLogger("batch_emotion")
logging.setLoggerClass(logging.Logger)
_FILE_BYTES, _FILES = 10 * 2**20, 5
_run_id = secrets.token_hex(8)


def begin_log(
    form: LogFormat = "text",
    file: Path | None = None,
    quiet: bool = False,
    dry: bool = False,
    to_be_made: Path | None = None,
) -> None:
    """Say where the log goes from now on.

    Args:
        form: of every line. On stderr, text tells only what is wrong, as the rest is shown otherwise; JSON tells all.
        file: takes every line too; when it has 10 MiB it becomes ``<file>.1`` and so on, and the sixth is dropped.
        quiet: only what is wrong on stderr.
        dry: do not write the file.
        to_be_made: a folder that a run makes first.

    Raises:
        UsageError: the file cannot be written.
    """
    for handler in LOG.handlers[:]:
        LOG.removeHandler(handler)
        handler.close()
    LOG.setLevel(logging.INFO)
    LOG.propagate = False
    stderr = _Stderr(logging.WARNING if quiet or form == "text" else logging.INFO)
    stderr.setFormatter(_JsonLines() if form == "json" else _Errors())
    LOG.addHandler(stderr)
    if file is not None:
        from batch_emotion.storage.commits import check_folder  # most commands have no file

        check_folder(file.absolute().parent, "--log-file: ", to_be_made)
    if file is not None and not dry:
        try:
            lines = _RotatingFile(file, maxBytes=_FILE_BYTES, backupCount=_FILES, encoding="utf-8")
        except OSError as error:
            raise UsageError(f"--log-file: {file} cannot be written: {error.strerror}") from None
        lines.setFormatter(_JsonLines() if form == "json" else _TextLines())
        LOG.addHandler(lines)


def run_id() -> str:
    """What every line of this process's log carries."""
    return _run_id


def is_json() -> bool:
    """Whether stderr takes nothing but JSON."""
    return any(isinstance(handler.formatter, _JsonLines) for handler in LOG.handlers)


class _Stderr(logging.Handler):
    """Whatever is ``sys.stderr`` at the time."""

    def emit(self, record: logging.LogRecord) -> None:
        with suppress(OSError, ValueError):
            sys.stderr.write(self.format(record) + "\n")
            sys.stderr.flush()


class _RotatingFile(RotatingFileHandler):
    """A full disk must not end a run for the sake of its log."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the name is logging's
        pass


class _Errors(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return f"batch-emotion: {record.levelname.lower()}: {printable(spelled(record.getMessage()))}"


class _TextLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        fields = " ".join(f"{name}={json_text(value)}" for name, value in _fields(record).items())
        message = printable(spelled(record.getMessage()))
        return f"{_time(record)} {_run_id} {record.levelname} {message} {fields}".rstrip()


class _JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "run_id": _run_id,
            "message": spelled(record.getMessage()),
        }
        return json_text(line | _fields(record))


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    return getattr(record, "fields", {})


def _time(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
