"""Names of files that are not UTF-8, as text that is, and names as they can be shown."""

from __future__ import annotations

import json
import os
import re
from typing import Any

_UNDECODED = re.compile("[\udc80-\udcff]")
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\udc80-\udcff]")
_ESCAPE = re.compile(r"\\x([0-9a-f]{2})")
_LOOKS_ESCAPED = re.compile(r"\\(?=x[0-9a-f]{2})")


def escape_name(name: str) -> str:
    r"""Make a file name valid UTF-8, losslessly.

    A byte that is not UTF-8 (which Python holds as a lone surrogate) becomes ``\xNN``; a backslash that would read as
    such an escape becomes ``\x5c``. Every other name stays as it is.
    """
    if "\\x" in name:
        name = _LOOKS_ESCAPED.sub(r"\\x5c", name)
    return _UNDECODED.sub(lambda m: f"\\x{ord(m[0]) - 0xDC00:02x}", name)


def escape_undecoded(text: str) -> str:
    r"""Text for people in which names may stand, as valid UTF-8: a byte of a name that is not becomes ``\xNN``."""
    return _UNDECODED.sub(lambda m: f"\\x{ord(m[0]) - 0xDC00:02x}", text)


def json_text(document: Any, indent: int | None = None, *, allow_nan: bool = True) -> str:
    """A document as ``json.dumps`` has it, in UTF-8, its strings as by ``escape_undecoded``."""
    text = json.dumps(document, indent=indent, ensure_ascii=False, allow_nan=allow_nan)
    return _UNDECODED.sub(lambda m: f"\\\\x{ord(m[0]) - 0xDC00:02x}", text)


def unescape_name(text: str) -> str:
    """Undo ``escape_name``: the name as the operating system's calls take it."""
    if "\\x" not in text:
        return text

    def byte(match: re.Match[str]) -> str:
        value = int(match[1], 16)
        return chr(value) if value < 0x80 else chr(0xDC00 + value)

    return _ESCAPE.sub(byte, text)


def cut_name(name: str, most: int) -> str:
    """As much of a file's name as that many bytes hold; systems take names of 255."""
    while len(os.fsencode(name)) > most:
        name = name[:-1]
    return name


def printable(text: str) -> str:
    r"""Text as one line on a terminal or in a log, for people only: names of files come from strangers.

    What could move the cursor, colour the screen or begin a line becomes ``\x1b`` or ``\x0a``; so does a byte that is
    not UTF-8.
    """
    return _UNPRINTABLE.sub(lambda m: f"\\x{ord(m[0]) % 0xDC00:02x}", text)


def printable_lines(text: str) -> str:
    """As ``printable``, of text that is several lines on purpose."""
    return "\n".join(map(printable, text.split("\n")))
