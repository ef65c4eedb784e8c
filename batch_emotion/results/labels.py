"""Labels from the folders in a result's paths."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath

import numpy as np

_DEEPEST = 8


def folder_labels(paths: Sequence[str], class_names: Sequence[str]) -> list[str]:
    """The label of each path by one of its folders, lower case; empty where it has no such folder.

    The level, counted from the file, is the one at which the most paths have a folder named like a class.
    """
    parts = [PurePosixPath(path.replace("\\", "/").lower()).parts for path in paths]
    known = set(class_names)
    hits = [sum(_folder(each, level) in known for each in parts) for level in range(1, _DEEPEST + 1)]
    level = 1 + int(np.argmax(hits))
    return [_folder(each, level) for each in parts] if max(hits) else ["" for _ in parts]


def _folder(parts: Sequence[str], level: int) -> str:
    return parts[-1 - level] if len(parts) > level else ""
