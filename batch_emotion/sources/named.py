"""Images that are named one by one, in a list or a manifest."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from batch_emotion.errors import SourceError, UsageError
from batch_emotion.options.images import SourceOptions
from batch_emotion.sources.archives.finding import Finder
from batch_emotion.sources.folder import Entry
from batch_emotion.storage.escaping import escape_name
from batch_emotion.storage.locations import locate
from batch_emotion.storage.places import Place, is_uri, place
from batch_emotion.storage.remote import RemotePath

_LONGEST_NAME = 2**20


def listed(options: SourceOptions) -> Iterator[Entry]:
    """The entries of a list on standard input.

    Raises:
        SourceError: it is no list, or a store that it names cannot be read.
    """
    if options.stdin is None and sys.stdin is None:
        raise SourceError("- reads names from standard input, which is closed")
    raw_names = _pieces(options.stdin or sys.stdin.buffer, b"\0" if options.null else b"\n")
    names = (os.fsdecode(raw if options.null else raw.removesuffix(b"\r")) for raw in raw_names)
    named = ((escape_name(name), name) for name in names if name)
    return located(options.root or Path(), named, options.image_column)


def located(root: Place, names: Iterable[tuple[str, str]], image_column: str | None) -> Iterator[Entry]:
    """The entries of names, in archives too; every store that they name is asked once.

    Args:
        root: where relative names start.
        names: each as it is shown, and as it is.
        image_column: of the tables that they lead into; found where None.

    Raises:
        SourceError: a store cannot be read.
    """
    asked: set[tuple[str, str]] = set()
    finder = Finder(image_column)
    for shown, name in names:
        if is_uri(name) or isinstance(root, RemotePath):
            _ask_store(locate(root, name), asked)
        yield finder.entry(shown, root, name)


def _ask_store(location: str, asked: set[tuple[str, str]]) -> None:
    from batch_emotion.storage.objects import bucket_trouble

    try:
        there = place(location)
    except UsageError:  # its row will say so
        return
    if isinstance(there, RemotePath) and (there.scheme, there.bucket) not in asked:
        asked.add((there.scheme, there.bucket))
        if trouble := bucket_trouble(there):
            raise SourceError(trouble)


def _pieces(stream: BinaryIO, separator: bytes) -> Iterator[bytes]:
    rest = b""
    while block := _read(stream):
        *whole, rest = (rest + block).split(separator)
        if len(rest) > _LONGEST_NAME:
            raise SourceError("standard input has no list of names, one a line, or with `null` each ending in NUL")
        yield from whole
    yield rest


def _read(stream: BinaryIO) -> bytes:
    try:
        return stream.read(2**20)
    except OSError as error:
        raise SourceError(f"standard input cannot be read: {error.strerror}") from None
