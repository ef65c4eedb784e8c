"""Local sources that lie in other ones, whose images are planned more than once."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

from batch_emotion.storage.places import is_uri


def overlaps(sources: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Each local source that is named before, or that the walk of another one reaches, and that other one.

    Paths are compared as they are written, made absolute; links are not followed.

    Example::

        list(overlaps(["faces", "faces/happy"]))  # [("faces/happy", "faces")], if both are folders
    """
    local = [(source, os.path.abspath(source)) for source in sources if source != "-" and not is_uri(source)]
    folders = {path: source for source, path in local if os.path.isdir(path)}
    seen: set[str] = set()
    for source, path in local:
        if path in seen:
            yield source, source
        else:
            around = _walked_from(path, folders)
            if around is not None and os.path.lexists(path):
                yield source, around
        seen.add(path)


def _walked_from(path: str, folders: dict[str, str]) -> str | None:
    """The folder among these whose walk reaches the path; a walk leaves out names that begin with a dot."""
    while folders:  # most often there are none: a shell has made files of a pattern
        parent, name = os.path.split(path)
        if not name or name.startswith("."):
            break
        if parent in folders:
            return folders[parent]
        path = parent
    return None
