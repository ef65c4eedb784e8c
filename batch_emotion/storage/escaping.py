"""Names of files that are not UTF-8, as text that is."""

from __future__ import annotations

import re

_UNDECODED = re.compile("[\udc80-\udcff]")
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


def unescape_name(text: str) -> str:
    """Undo ``escape_name``: the name as the operating system's calls take it."""
    if "\\x" not in text:
        return text

    def byte(match: re.Match[str]) -> str:
        value = int(match[1], 16)
        return chr(value) if value < 0x80 else chr(0xDC00 + value)

    return _ESCAPE.sub(byte, text)
