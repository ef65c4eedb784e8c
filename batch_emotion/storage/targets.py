"""Where a command may write: a named place, apart from what it reads and from what else it writes."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import permutations
from pathlib import Path

from batch_emotion.errors import OutputMismatch, UsageError
from batch_emotion.storage.commits import check_folder, restore_output
from batch_emotion.storage.escaping import escape_undecoded, printable
from batch_emotion.storage.locks import lock_file, output_lock
from batch_emotion.storage.places import Place

_TEMPORARY = re.compile(r"\..+\.[a-z0-9_]{8}\.tmp(\..+)?", re.DOTALL)
"""The name of what a killed writer left in a folder."""


def check_named(out: Place, what: str, option: str = "out") -> None:
    """Refuse an output without a name of its own, such as ``.``.

    Args:
        out: the output.
        what: what the message says to name, such as ``folder, such as charts``.
        option: which it is.

    Raises:
        UsageError: it has none.
    """
    if out.name in ("", ".."):
        raise UsageError(f"`{option}` must name a new {what}, not {str(out)!r}")


def check_parquet(out: Place) -> None:
    """Refuse an output on this machine that Parquet files cannot be written to, for its path is not UTF-8.

    Raises:
        UsageError: it is not.
    """
    if isinstance(out, Path) and escape_undecoded(str(out.absolute())) != str(out.absolute()):
        path = printable(str(out.absolute()))
        raise UsageError(f"`out` {path} is not UTF-8, and Parquet files cannot be written there; choose another name")


def check_makeable(folder: Path, option: str) -> None:
    """Refuse a folder to be made, with those above it, where a file is in the way.

    Raises:
        UsageError: naming the file.
    """
    there = next(each for each in (folder.absolute(), *folder.absolute().parents) if os.path.lexists(each))
    if not there.is_dir():
        raise UsageError(f"`{option}` {folder} cannot be made a folder: {there} is a file; choose another place")


def check_replaceable(folder: Path, is_ours: Callable[[str], bool], option: str = "out") -> None:
    """Refuse to replace a folder that holds what its command does not write.

    Args:
        folder: need not be there.
        is_ours: whether the command writes a file or folder of this name into it.
        option: which output it is.

    Raises:
        OutputMismatch: it is a file, or holds something else.
    """
    if not folder.exists():
        return
    if not folder.is_dir():
        raise OutputMismatch(f"{folder} is a file; `{option}` is a folder")
    foreign = foreign_names(folder, is_ours)
    if foreign:
        raise OutputMismatch(f"the folder {folder} holds other things ({printable(foreign[0])}, …); choose a new one")


def check_work_folder(work: Path, is_ours: Callable[[str], bool]) -> None:
    """Refuse to use ``<out>.work`` for unfinished work where it is a file, or a folder of something else.

    Raises:
        OutputMismatch: it is.
    """
    if work.is_file():
        raise OutputMismatch(f"{work}, the folder for unfinished work, is a file; move it, or choose another `out`")
    if not work.is_dir() or (work / "fingerprint.json").is_file():
        return
    foreign = foreign_names(work, is_ours)
    if foreign:
        raise OutputMismatch(
            f"{work}, the folder for unfinished work, holds other things ({printable(foreign[0])}, …); move it, or "
            "choose another `out`"
        )


def foreign_names(folder: Path, is_ours: Callable[[str], bool]) -> list[str]:
    """The names of what is in a folder and not this tool's, in their order."""
    names = (child.name for child in folder.iterdir())
    return sorted(name for name in names if not is_ours(name) and not _TEMPORARY.fullmatch(name))


@contextmanager
def replacing_folder(folder: Path, check: Callable[[], None]) -> Iterator[None]:
    """Hold the lock of a folder that is to be replaced, for the block; what killed writers left is mended first.

    Args:
        folder: the folder.
        check: refuses what may not be replaced; called before there is a lock beside it, and with the lock.

    Raises:
        UsageError: there is no folder to write it into, or by ``check``.
        OutputBusy: another run holds it.
    """
    check_folder(folder.absolute().parent)
    check()
    with output_lock(lock_file(folder)):
        restore_output(folder)
        check()
        yield


def check_apart(targets: Mapping[str, Place | None], kept: Collection[str] = ()) -> None:
    """Refuse outputs of one command that are the same, or of which one lies in another, which would replace it.

    Args:
        targets: the outputs by their options; None where one is not asked for.
        kept: those that are folders whose other content stays, so that something may lie in them.

    Raises:
        UsageError: naming two of them.
    """
    found = {option: _real(path) for option, path in targets.items() if isinstance(path, Path)}
    for (option, path), (other, there) in permutations(found.items(), 2):
        if path == there:
            raise UsageError(f"`{option}` and `{other}` are both {targets[option]}; give each a place of its own")
        if other not in kept and there in path.parents:
            raise UsageError(
                f"`{option}` {targets[option]} lies in `{other}` {targets[other]}, which is replaced as a whole; "
                "choose another place for one of them"
            )


def check_spared(out: Place, read: Iterable[object], option: str = "out", *, inside: bool = False) -> None:
    """Refuse an output that is, or holds, something that its command reads: writing it would destroy that.

    Args:
        out: the output.
        read: what is read: paths and patterns; tables, names of models and the like are passed over.
        option: which output it is.
        inside: refuse an output within a folder that is read, too.

    Raises:
        UsageError: naming both.
    """
    for each in read:
        if not isinstance(out, Path):
            if str(each) == str(out):
                raise UsageError(f"`{option}` {out} is itself read; choose another place")
            continue
        there, target = _read_from(each), _real(out)
        if there is None:
            continue
        if there == target:
            raise UsageError(f"`{option}` {out} is itself read; choose another place")
        if target in there.parents:
            raise UsageError(f"`{option}` {out} holds {each}, which is read; choose another place")
        if inside and there in target.parents:
            raise UsageError(f"`{option}` {out} lies in {each}, which is read; choose another place")


def _read_from(path: object) -> Path | None:
    """What is read on this machine, of a pattern the folder that all its matches lie in; None where nothing is."""
    if isinstance(path, str):
        path = path.removeprefix("file://")
        while glob.has_magic(path) and not os.path.lexists(path):
            path = os.path.dirname(path) or "."
    return _real(Path(path)) if isinstance(path, str | Path) and os.path.lexists(path) else None


def _real(path: Path) -> Path:
    return Path(os.path.realpath(path))
