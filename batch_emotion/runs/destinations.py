"""Where a run writes: each place apart from the others and from what is read, and for a check, writable."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from batch_emotion.errors import UsageError
from batch_emotion.options.predict import PredictOptions
from batch_emotion.results.run_document import run_file
from batch_emotion.results.workspace import Workspace
from batch_emotion.storage.locks import lock_file
from batch_emotion.storage.places import Place
from batch_emotion.storage.targets import check_apart, check_spared

_LOG = "log_file"


def check_destinations(options: PredictOptions) -> None:
    """Refuse outputs that would replace one another, what the run keeps beside the result, or what is read.

    Raises:
        UsageError: naming the option.
    """
    targets = _targets(options)
    check_apart(targets)
    for option, target in targets.items():
        _check_apart_from_record(options.out, option, target)
    for option in ("out", "annotate.folder"):
        target = targets[option]
        if target is not None:
            check_spared(target, options.sources, option)


def check_log(log_file: Path, options: PredictOptions, job: Path | None = None) -> None:
    """Refuse a log that is something else of the run, before a line is added to it.

    Args:
        log_file: the log.
        options: of the run.
        job: the file that they are read from.

    Raises:
        UsageError: it is, or lies in, another output or what is kept beside the result, or it is read.
    """
    for option, target in _targets(options).items():
        check_apart({_LOG: log_file, option: target})
    _check_apart_from_record(options.out, _LOG, log_file)
    check_spared(log_file, (*options.sources, options.model, options.monitoring.baseline, job), _LOG)


def check_writable(options: PredictOptions, log_file: Path | None = None, to_be_made: Path | None = None) -> None:
    """Refuse what a run could not write for want of permission; for a check, as a run finds out by itself.

    Args:
        options: of the run.
        log_file: its log.
        to_be_made: a folder that a run makes first.

    Raises:
        UsageError: naming the option and the file or folder.
    """
    for option, target in (_targets(options) | {_LOG: log_file}).items():
        if not isinstance(target, Path):
            continue
        folder = target.absolute().parent
        there = next(each for each in (folder, *folder.parents) if os.path.isdir(each))
        if there != folder and os.access(there, os.X_OK) and folder not in (to_be_made, *_above(to_be_made)):
            continue  # it is refused for not being there
        opened = [target] if option == _LOG else [path for path, _ in _record(target)] if option == "out" else []
        for path in (there, *filter(os.path.exists, opened)):
            is_folder = os.path.isdir(path)
            if not os.access(path, os.W_OK | os.X_OK if is_folder else os.W_OK):
                what = "the folder " if is_folder else ""
                raise UsageError(f"`{option}`: this user may not write to {what}{path}; make it writable")


def _above(folder: Path | None) -> Sequence[Path]:
    return () if folder is None else folder.parents


def _targets(options: PredictOptions) -> dict[str, Place | None]:
    return {
        "out": options.out,
        "report": options.report,
        "annotate.folder": options.annotate.folder if options.annotate else None,
        "metrics_file": options.monitoring.metrics_file,
    }


def _record(out: Path) -> Iterator[tuple[Path, str]]:
    """What a run opens or replaces beside a result on this machine, and what that is."""
    if out.name:
        yield out.with_name(run_file(out).name), "record"
        yield lock_file(out), "lock"
        yield out.absolute().with_name(Workspace(out).folder.name), "folder for unfinished work"


def _check_apart_from_record(out: Place | None, option: str, target: Place | None) -> None:
    if option == "out" or not isinstance(out, Path) or not isinstance(target, Path):
        return
    there = Path(os.path.realpath(target))
    for path, what in _record(out):
        if Path(os.path.realpath(path)) in (there, *there.parents):
            raise UsageError(f"`{option}` {target} is, or lies in, the {what} of `out`; choose another place")
