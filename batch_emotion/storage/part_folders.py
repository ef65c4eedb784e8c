"""A folder of parts as one output: swapped in whole here, and on a store counted by a manifest that is written last."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from typing import Protocol

from batch_emotion.errors import SourceError
from batch_emotion.storage.commits import commit_text, committing, committing_folder, file_sha256, restore_output
from batch_emotion.storage.places import Place
from batch_emotion.storage.remote import RemotePath

MANIFEST = "_manifest.json"
"""Its name begins with an underscore, so that those who read a folder of Parquet files pass it over."""

_OF_A_RUN = re.compile(r"part-\d{6,}-[0-9a-f]{8}\.parquet")


class Parts(Protocol):
    """A folder that is being written."""

    def adding(self) -> AbstractContextManager[Path]:
        """Give a name for the next part; when the block ends well, the part is there."""

    def digest(self) -> str:
        """The ``folder_digest`` that the folder will have."""


@contextmanager
def committing_parts(final: Place) -> Iterator[Parts]:
    """Write the parts of a folder; when the block ends well they are what ``final`` holds, and nothing else is.

    After an exception ``final`` reads as it did.
    """
    if isinstance(final, Path):
        with committing_folder(final) as folder:
            yield _LocalParts(folder)
        return
    parts = _StoreParts(final)
    try:
        yield parts
        commit_text(final / MANIFEST, json.dumps({"parts": parts.written}, indent=2) + "\n")
    except BaseException:
        parts.take_back()
        raise
    restore_parts(final)


def part_files(folder: Place) -> list[Place]:
    """The parts that count, in the order of their rows."""
    if isinstance(folder, RemotePath):
        listed = _listed_parts(folder)
        if listed is not None:
            return [folder / part["name"] for part in listed]
    return sorted(folder.glob("part-*.parquet"), key=lambda part: part.name)


def is_unfinished(folder: Place) -> bool:
    """Whether a folder on a store has no manifest; here a folder that is there was finished."""
    return isinstance(folder, RemotePath) and folder.is_dir() and not (folder / MANIFEST).is_file()


def is_part(path: Place) -> bool:
    """Whether a file in a folder of parts is one of them, or says which they are."""
    return path.name == MANIFEST or (path.name.startswith("part-") and path.suffix == ".parquet")


def folder_digest(folder: Place) -> str:
    """Hex sha256 of the names and contents of the parts."""
    files = part_files(folder) if isinstance(folder, RemotePath) else sorted(folder.iterdir())
    return _digest((part.name, _content(part)) for part in files)


def restore_parts(final: Place) -> None:
    """Mend what a killed writer of ``final`` left, a folder or a file; only for the holder of the output's lock."""
    if isinstance(final, Path):
        restore_output(final)
        return
    listed = _listed_parts(final)
    if listed is None:
        return
    counted = {part["name"] for part in listed}
    for left in final.glob("part-*.parquet"):
        if _OF_A_RUN.fullmatch(left.name) and left.name not in counted:
            left.unlink(missing_ok=True)


class _LocalParts:
    def __init__(self, folder: Path) -> None:
        self._folder, self._count = folder, 0

    @contextmanager
    def adding(self) -> Iterator[Path]:
        yield self._folder / f"part-{self._count:06d}.parquet"
        self._count += 1

    def digest(self) -> str:
        return folder_digest(self._folder)


class _StoreParts:
    """Parts under names of this run alone, so that a reader who goes by the manifest never meets old and new ones."""

    def __init__(self, folder: RemotePath) -> None:
        self._folder, self._run = folder, secrets.token_hex(4)
        self.written: list[dict[str, str]] = []

    @contextmanager
    def adding(self) -> Iterator[Path]:
        name = f"part-{len(self.written):06d}-{self._run}.parquet"
        with committing(self._folder / name) as temporary:
            yield temporary
            content = file_sha256(temporary)
        self.written.append({"name": name, "sha256": content})

    def digest(self) -> str:
        return _digest((part["name"], part["sha256"]) for part in self.written)

    def take_back(self) -> None:
        """Delete what was written, where the store still answers and the manifest does not name it."""
        with suppress(OSError, SourceError):
            if self.written != _listed_parts(self._folder):
                for part in self.written:
                    (self._folder / part["name"]).unlink(missing_ok=True)


def _listed_parts(folder: RemotePath) -> list[dict[str, str]] | None:
    """What the manifest names; None where there is none."""
    try:
        listed: list[dict[str, str]] = json.loads((folder / MANIFEST).read_bytes())["parts"]
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError):
        raise SourceError(f"{folder / MANIFEST} does not name the parts of a result; delete it") from None
    return listed


def _content(part: Place) -> str:
    try:
        return file_sha256(part)
    except FileNotFoundError:
        return "gone"


def _digest(parts: Iterable[tuple[str, str]]) -> str:
    return sha256("".join(f"{name} {content}\n" for name, content in parts).encode()).hexdigest()
