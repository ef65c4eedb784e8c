"""The colour of each class, the same in every picture and page, and the two schemes, light and dark.

The hues are those of Okabe and Ito, which people with any kind of colour vision can tell apart; they mean classes and
nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

_CLASS_COLOURS = {
    "angry": "#d55e00",
    "disgust": "#009e73",
    "fear": "#cc79a7",
    "happy": "#e69f00",
    "sad": "#0072b2",
    "surprise": "#56b4e9",
    "neutral": "#999999",
}
_SPARE = ("#f0e442", "#000000", *_CLASS_COLOURS.values())


@dataclass(frozen=True)
class Scheme:
    """The colours of everything that is not a class.

    Attributes:
        name: ``light`` or ``dark``.
        paper: the background.
        ink: text and lines.
        faint: grid lines and frames.
        mark: bars and the like.
        ramp: from none to all, of a matrix.
    """

    name: str
    paper: str
    ink: str
    faint: str
    mark: str
    ramp: tuple[str, str]


LIGHT = Scheme("light", "#ffffff", "#1d2024", "#d5d9de", "#5c6670", ("#f4f5f7", "#30363d"))
DARK = Scheme("dark", "#181b20", "#e7e9ec", "#3a4048", "#a3adb8", ("#23272e", "#d3d9e0"))


def known_colour(name: str) -> str | None:
    """The colour that a class has in every set of classes; None where it depends on the others."""
    return _CLASS_COLOURS.get(name)


def class_colours(class_names: Sequence[str]) -> dict[str, str]:
    """The colour of each class, as ``#rrggbb``; classes that are not well known take the spare ones in their order."""
    spare = [colour for colour in _SPARE if colour not in {_CLASS_COLOURS.get(name) for name in class_names}]
    strangers = [name for name in class_names if name not in _CLASS_COLOURS]
    return {name: _CLASS_COLOURS.get(name) or spare[strangers.index(name) % len(spare)] for name in class_names}
