"""What a source, a manifest or a result names to what is opened: an absolute path, or a URI."""

from __future__ import annotations

import os
from pathlib import Path

from batch_emotion.errors import UsageError
from batch_emotion.storage.escaping import escape_name
from batch_emotion.storage.places import Place, is_uri, place
from batch_emotion.storage.remote import RemotePath


def locate(root: Place, name: str) -> str:
    """The location of a name, escaped as ``escape_name`` does; empty for an empty name.

    A URI that nothing can open stays as it is: reading it says so.

    Args:
        root: where relative names start. On a store, ``./`` and ``../`` at a name's beginning are steps from there, and
            all that follows is a key as it is.
        name: a path or a URI.
    """
    if not name:
        return ""
    if is_uri(name):
        try:
            there = place(name)
        except UsageError:
            return escape_name(name)
        return escape_name(str(there) if isinstance(there, RemotePath) else os.path.abspath(there))
    if isinstance(root, RemotePath) and not Path(name).is_absolute():
        while name.startswith(("./", "../")):
            step, _, name = name.partition("/")
            root = root.parent if step == ".." else root
        return escape_name(str(root / name))
    return escape_name(os.path.abspath(os.path.join(str(root), name)))
