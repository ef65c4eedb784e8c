"""The classes of labelled data where nobody says them: their order, and what is never one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import PurePath

from batch_emotion.labels.reading import LabelReader

SIX_EMOTIONS = ("angry", "disgust", "fear", "happy", "sad", "surprise")
NEUTRAL = "neutral"
SYSTEM_FOLDERS = frozenset(
    {
        *("@eadir", "__macosx", ".ipynb_checkpoints", "__pycache__", "lost+found"),
        *("$recycle.bin", "system volume information", ".thumbnails", "thumbnails", "thumbs"),
    }
)
"""Folders, in lower case, that systems and programs make beside images; what is in them is no data."""


def in_class_order(names: Iterable[str]) -> tuple[str, ...]:
    """Names in the order of outputs: the six emotions, then others by the alphabet, ``neutral`` last.

    Other words for these, such as ``anger``, stand in their places.

    Example:
        ``in_class_order({"neutral", "sad", "contempt", "angry"})`` is ``("angry", "sad", "contempt", "neutral")``.
    """
    reader = LabelReader((*SIX_EMOTIONS, NEUTRAL))

    def rank(name: str) -> tuple[int, str]:
        meaning = reader.class_of(name)
        if meaning == NEUTRAL:
            return len(SIX_EMOTIONS) + 1, name
        return SIX_EMOTIONS.index(meaning) if meaning else len(SIX_EMOTIONS), name

    return tuple(sorted(set(names), key=rank))


def matched_names(names: Iterable[str], class_names: Sequence[str]) -> tuple[str, ...]:
    """The classes of one model as another names them: those that mean one of ``class_names`` under its name."""
    reader = LabelReader(class_names)
    return tuple(reader.class_of(name) or name for name in names)


def system_folder(parts: Iterable[str]) -> str:
    """The first of some folders of a path that is a system's; empty where none is."""
    return next((part for part in parts if part.lower() in SYSTEM_FOLDERS), "")


def folders_below(path: str, depth: int) -> tuple[str, ...]:
    """The folders of a path below its first ``depth`` parts, outermost first."""
    return PurePath(path).parts[depth:-1]
