"""Atomic commits.

The rename is the commit: what has its final name is whole. On a store one whole upload of a finished file is.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from batch_emotion.errors import UsageError, one_line
from batch_emotion.storage.escaping import cut_name, escape_undecoded
from batch_emotion.storage.places import Place
from batch_emotion.storage.remote import RemotePath

_LONGEST = 100
"""Bytes of a name that its temporaries have too; some systems take no name of more than 255."""


def fsync_folder(folder: Path) -> None:
    """Make the names in a folder survive a power cut, where the system can."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def committing(final: Place) -> Iterator[Path]:
    """Give a temporary name beside ``final``; when the block ends well, fsync it and rename it to ``final``.

    For a final name on a store the temporary file is here, and uploaded when it is finished. After an exception nothing
    is left behind and ``final`` is as it was.
    """
    if isinstance(final, RemotePath):
        with tempfile.TemporaryDirectory(prefix="batch-emotion-") as folder:
            temporary = Path(folder) / "finished"
            temporary.touch()
            yield temporary
            final.upload(temporary)
        return
    descriptor, name = tempfile.mkstemp(prefix=_prefix(final.name), suffix=".tmp", dir=final.parent)
    os.close(descriptor)
    temporary = Path(name)
    try:
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(final)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    fsync_folder(final.parent)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def commit_text(final: Place, text: str) -> None:
    """Write a small text file, UTF-8, whole or not at all; see ``escape_undecoded`` for names in it that are not."""
    with committing(final) as temporary:
        temporary.write_text(escape_undecoded(text), encoding="utf-8", newline="\n")


@contextmanager
def committing_folder(final: Path) -> Iterator[Path]:
    """Give an empty folder beside ``final``; when the block ends well, swap it in for ``final``.

    What was there before stays until the new folder is whole; ``restore_output`` mends a swap that was cut short.
    """
    temporary = Path(tempfile.mkdtemp(prefix=_prefix(final.name), suffix=".tmp", dir=final.parent))
    try:
        yield temporary
        for child in temporary.rglob("*"):
            if child.is_file():
                with child.open("rb+") as file:
                    os.fsync(file.fileno())
        fsync_folder(temporary)
        temporary.chmod(0o777 & ~_umask())
        previous = _previous(final)
        if final.exists():
            final.rename(previous)
        temporary.rename(final)
        shutil.rmtree(previous, ignore_errors=True)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    fsync_folder(final.parent)


def restore_output(final: Path) -> None:
    """Mend what a killed writer of ``final`` left: a folder swap between its two renames, unfinished temporaries.

    Only for the holder of the output's lock: another writer's temporaries are in use.
    """
    names = os.listdir(final.parent)
    prefixes = [_prefix(final.name), _prefix(f"{final.name}.run.json")]
    if all(name.startswith(final.name) for name in names if name.startswith(final.name[:_LONGEST])):
        prefixes.append(f".{final.name[:_LONGEST]}.")  # older versions had no hash; it cannot be another output's
    unfinished = re.compile(rf"({'|'.join(map(re.escape, prefixes))})[a-z0-9_]{{8}}\.tmp")
    for name in filter(unfinished.fullmatch, names):
        left = final.parent / name
        if left.is_dir():
            shutil.rmtree(left, ignore_errors=True)
        else:
            left.unlink(missing_ok=True)
    previous = _previous(final)
    if previous.exists():
        if final.exists():
            shutil.rmtree(previous)
        else:
            previous.rename(final)


def _prefix(name: str) -> str:
    """How the names of a file's temporaries begin; of a long name a hash tells it from others that begin alike."""
    if len(os.fsencode(name)) <= _LONGEST:
        return f".{name}."
    return f".{cut_name(name, _LONGEST - 17)}-{hashlib.sha256(os.fsencode(name)).hexdigest()[:16]}."


def _previous(final: Path) -> Path:
    return final.with_name(f".{final.name}.previous")


def check_parent(out: Place, to_be_made: Path | None = None) -> None:
    """Refuse an output that could not be written where it is to be.

    Args:
        out: the output.
        to_be_made: as of ``check_folder``.

    Raises:
        UsageError: there is no such folder or bucket, or the store refuses, is silent, or shows what is not whole.
    """
    if isinstance(out, Path):
        check_folder(out.absolute().parent, "`out`: ", to_be_made)
        return
    if not out.shows_whole:
        raise UsageError(
            f"`out`: {out} would be seen before it is whole, for a blob is empty while pyarrow writes it; "
            "write to this machine, or to s3:// or gs://, and copy the result"
        )
    try:
        if out.is_in_bucket() is False:
            raise UsageError(f"`out`: there is no bucket {out.root}; make it or correct its name")
        out.exists()
    except OSError as error:
        raise UsageError(f"`out`: {store_advice(error, out.parent)}") from None


def check_folder(folder: Path, what: str = "", to_be_made: Path | None = None) -> None:
    """Refuse to write into a folder that is not there.

    Args:
        folder: an absolute path.
        what: what the message begins with.
        to_be_made: a folder that counts as there, with those above it, as the run makes it first; an absolute path.

    Raises:
        UsageError: naming the folder, and the first one above it that is not there either: a disk may not be mounted;
            or this user may not look at it.
    """
    try:
        is_there = stat.S_ISDIR(folder.stat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        is_there = False
    except PermissionError:
        raise UsageError(f"{what}this user may not look at the folder {folder}; allow that") from None
    if is_there or (to_be_made is not None and folder in (to_be_made, *to_be_made.parents)):
        return
    lacking = folder
    while not lacking.parent.is_dir():
        lacking = lacking.parent
    if lacking.exists():
        raise UsageError(f"{what}{lacking} is a file, not a folder")
    above = f", nor does {lacking}; make or mount that first" if lacking != folder else "; make it first"
    raise UsageError(f"{what}the folder {folder} does not exist{above}")


def rename_file(file: Place, name: str) -> None:
    """Give a file another name in its folder."""
    if isinstance(file, RemotePath):
        file.rename(file.with_name(name))
    else:
        file.rename(file.with_name(name))


def remove_folder(folder: Place) -> None:
    """Take a folder away with all that is in it; none is no error."""
    if isinstance(folder, RemotePath):
        folder.rmtree()
        return
    with suppress(FileNotFoundError):
        shutil.rmtree(folder)


def write_advice(error: OSError, folder: Place) -> str:
    """What a failed write means and what to do about it, in words for the user."""
    if isinstance(folder, RemotePath):
        if error.errno in (None, errno.ENOENT, errno.EACCES) and not error.filename:
            # as pyarrow has it; others are of this machine
            return store_advice(error, folder)
        folder = Path(tempfile.gettempdir())
    reason = f"{error.strerror or error}{f' ({error.filename})' if error.filename else ''}"
    if error.errno in (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC), errno.EFBIG):
        todo = f"free some space for {folder}, or have the quota raised,"
    elif error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        todo = f"make {folder} writable"
    elif not os.path.isdir(folder):
        todo = f"the folder {folder} is gone: make or mount it again"
    else:
        todo = "mend that"
    return f"{reason}; {todo} and run the same command again, what is committed is kept"


def read_advice(error: OSError, file: Place) -> str:
    """What a failed read of what an earlier run wrote means and what to do about it, in words for the user."""
    if isinstance(file, RemotePath):
        return store_advice(error, file)
    todo = "make it readable" if error.errno in (errno.EACCES, errno.EPERM) else "mend that"
    return (
        f"{file} cannot be read: {error.strerror or error}; {todo} and run the same command again, it is left as it is"
    )


def store_advice(error: OSError, place: RemotePath) -> str:
    """What a store's refusal means and what to do about it, in words for the user."""
    reason = one_line(error)
    todo = next((todo for pattern, todo in _REFUSALS if re.search(pattern, reason)), "mend that").format(place=place)
    return f"{place} cannot be used: {reason}; {todo} and run the same command again, what is committed is kept"


_REFUSALS = (
    ("NO_SUCH_BUCKET|NoSuchBucket|NOT_FOUND", "make that bucket or correct its name"),
    (
        "ACCESS_DENIED|INVALID_ACCESS_KEY|InvalidAccessKey|SIGNATURE|UNRECOGNIZED_CLIENT|MISSING_AUTHENTICATION|TOKEN"
        "|CREDENTIAL|403|401|[Cc]redentials|[Pp]ermission|PERMISSION|UNAUTHENTICATED|access token",
        "check the credentials in the environment, and that they may list, read, write and delete below {place},",
    ),
    ("NETWORK_CONNECTION|curl|resolve|connect|TIMEOUT|timed out", "check the network and the endpoint's address"),
    ("SLOW_DOWN|UNAVAILABLE|503|INTERNAL_FAILURE|500", "wait until the store answers again"),
)


def file_sha256(path: Place) -> str:
    """Hex sha256 of a file's content."""
    opened: Any = path.open("rb")
    with opened as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
