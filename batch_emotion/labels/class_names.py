"""The classes of labelled data where nobody says them: their order, and what is never one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import PurePath

from batch_emotion.errors import UsageError
from batch_emotion.labels.reading import LabelReader

SIX_EMOTIONS = ("angry", "disgust", "fear", "happy", "sad", "surprise")
NEUTRAL = "neutral"
COMMON_EMOTIONS = (*SIX_EMOTIONS, NEUTRAL)
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
    reader = LabelReader(COMMON_EMOTIONS)

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


def kept_classes(class_names: Sequence[str], only: Sequence[str] | None) -> tuple[str, ...]:
    """The classes of a model that are asked for, in any words, in the model's order; all where ``only`` is None.

    Raises:
        UsageError: a class is not the model's, or fewer than two are left.

    Example::

        kept_classes(("happy", "sad", "neutral"), ["sadness", "happy"])  # ("happy", "sad")
    """
    if only is None:
        return tuple(class_names)
    reader = LabelReader(class_names)
    wanted = {name: reader.class_of(name) for name in only}
    unknown = [name for name, found in wanted.items() if found is None]
    if unknown:
        near = reader.nearest(unknown[0])
        hint = f"; did you mean {near}?" if near else ""
        raise UsageError(f"`only`: the model has no class {unknown[0]!r}; it has {', '.join(class_names)}{hint}")
    kept = tuple(name for name in class_names if name in wanted.values())
    if len(kept) < 2:
        raise UsageError(f"`only` needs at least two classes, not {kept[0] if kept else 'none'} alone")
    return kept


def stated_prior(text: str, class_names: Sequence[str]) -> str:
    """A mix of classes as text, such as ``anger=0.1,Happiness=0.9``, with the model's names in the place of others."""
    reader = LabelReader(class_names)
    cells = [cell.partition("=") for cell in text.split(",")]
    return ",".join(f"{(equals and reader.class_of(name)) or name}{equals}{share}" for name, equals, share in cells)


def system_folder(parts: Iterable[str]) -> str:
    """The first of some folders of a path that is a system's; empty where none is."""
    return next((part for part in parts if part.lower() in SYSTEM_FOLDERS), "")


def folders_below(path: str, depth: int) -> tuple[str, ...]:
    """The folders of a path below its first ``depth`` parts, outermost first."""
    return PurePath(path).parts[depth:-1]
