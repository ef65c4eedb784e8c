"""The class mix as lines of text, with bars and colours where the terminal has them."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from typing import TextIO

from batch_emotion.visualization.palette import known_colour

_EIGHTHS = " ▏▎▍▌▋▊▉█"
_WIDEST = 40
_NUMBERS = 20


def mix_lines(counts: Counter[str], stream: TextIO) -> list[str]:
    """One line for each class, the most frequent first.

    Bars are drawn on a terminal whose encoding has them, in the classes' colours where it says that it shows any
    colour; ``NO_COLOR`` switches these off.
    """
    longest, total = max(map(len, counts)), counts.total()
    lines = [f"  {name:<{longest}} {count:>9,} {count / total:6.1%}" for name, count in counts.most_common()]
    room = min(_WIDEST, shutil.get_terminal_size().columns - longest - _NUMBERS)
    if not stream.isatty() or not _can_write(stream, _EIGHTHS) or room < 10:
        return lines
    highest = max(counts.values())
    colourful = os.environ.get("COLORTERM") in ("truecolor", "24bit") and not os.environ.get("NO_COLOR")
    bars = [_bar(count / highest, room) for _, count in counts.most_common()]
    if colourful:
        bars = [_coloured(bar, known_colour(name)) for bar, (name, _) in zip(bars, counts.most_common(), strict=True)]
    return [f"{line}  {bar}" for line, bar in zip(lines, bars, strict=True)]


def bar_of(share: float, width: int, stream: TextIO) -> str:
    """A bar of at most ``width`` characters; of number signs where the stream's encoding has no blocks."""
    if _can_write(stream, _EIGHTHS):
        return _bar(share, width)
    return "#" * max(1, round(share * width))


def _bar(share: float, width: int) -> str:
    eighths = max(1, round(share * width * 8))
    return _EIGHTHS[8] * (eighths // 8) + _EIGHTHS[eighths % 8].strip()


def _coloured(text: str, colour: str | None) -> str:
    if colour is None:
        return text
    red, green, blue = bytes.fromhex(colour[1:])
    return f"\x1b[38;2;{red};{green};{blue}m{text}\x1b[0m"


def _can_write(stream: TextIO, text: str) -> bool:
    try:
        text.encode(stream.encoding or "ascii")
    except UnicodeEncodeError:
        return False
    return True
