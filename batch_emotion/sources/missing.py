"""Images that are not there: a root that is no folder, and what to do where all of them are missing."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pyarrow.compute as pc

from batch_emotion.errors import UsageError, one_line
from batch_emotion.plan import Plan
from batch_emotion.sources.folder import is_image
from batch_emotion.storage.escaping import escape_name, unescape_name
from batch_emotion.storage.places import Place, is_uri


def check_root(root: Place | None) -> None:
    """Refuse a place where relative paths are to start that is no folder; a store is not asked.

    Raises:
        UsageError: naming it.
    """
    if isinstance(root, Path) and not root.is_dir():
        raise UsageError(f"`root`: there is no folder {root}")


def all_missing(plan: Plan, again: str = "run again") -> str:
    """What to say of a plan of which every image is missing.

    Args:
        plan: at least one image.
        again: what to do when the cause is mended.
    """
    location = plan.images["location"][0].as_py()
    first = one_line(location) or "an empty path"
    images = "the only image is missing," if len(plan) == 1 else f"all {len(plan):,} images are missing, the first"
    if similar := _similar_file(location):
        there = escape_name(similar)
        return f"{images} at {first}, but there is {there}: write the paths as the files are called, and {again}"
    path = plan.images["path"][0].as_py()
    if not is_uri(path) and path and os.path.lexists(unescape_name(path)):
        return f"{images} at {first}, but there is {path} from here: give `root` ., and {again}"
    return f"{images} at {first}: correct `root`, where relative paths start, or mount what is not mounted, and {again}"


def is_gone(source: str, plan: Plan) -> bool:
    """Whether a local folder or archive whose images are in the plan is no longer there, or a folder is empty now."""
    if is_uri(source):
        return False
    try:
        with os.scandir(source) as entries:
            if next(entries, None) is not None:
                return False
    except NotADirectoryError:
        return False
    except OSError:
        pass
    below = escape_name(os.path.join(source, ""))
    return bool(pc.any(pc.starts_with(plan.images["path"], below)).as_py())


def _similar_file(location: str) -> str:
    """A local file whose path is that of a missing one but for its slashes, spaces, case or extension."""
    if is_uri(location):
        return ""
    name = unescape_name(location)
    for path in dict.fromkeys((_trimmed(name), name.replace("\\", "/"), _trimmed(name.replace("\\", "/")))):
        if os.path.isfile(path):
            return path
        with suppress(OSError), os.scandir(os.path.dirname(path)) as entries:
            found = min(_alike(os.path.basename(path), (entry.name for entry in entries)), default=None)
            if found is not None:
                return os.path.join(os.path.dirname(path), found[1])
    return ""


def _trimmed(path: str) -> str:
    return "/".join(part.strip() for part in path.split("/"))


def _alike(name: str, others: Iterator[str]) -> Iterator[tuple[int, str]]:
    """The names of images that differ in case only, as 0, or else in their extension, as 1."""
    whole, stem = name.casefold(), _stem(name)
    for other in others:
        if other.casefold() == whole:
            yield 0, other
        elif _stem(other) == stem and is_image(other):
            yield 1, other


def _stem(name: str) -> str:
    return (os.path.splitext(name)[0] if is_image(name) else name).casefold()
