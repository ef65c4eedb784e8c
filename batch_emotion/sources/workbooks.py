"""Spreadsheets' own files, which are no manifests until they are saved as CSV."""

from __future__ import annotations

import os

from batch_emotion.errors import SourceError
from batch_emotion.storage.escaping import escape_name

_KINDS = {
    **dict.fromkeys((".xlsx", ".xlsm", ".xlsb", ".xls"), "an Excel workbook"),
    ".ods": "an OpenDocument spreadsheet",
    ".numbers": "a Numbers spreadsheet",
}
_BEGINNINGS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")


def refuse_workbook(name: str, beginning: bytes = b"") -> None:
    """Refuse a spreadsheet's own file where a manifest is expected.

    Args:
        name: of the file.
        beginning: its first bytes, where it should be text.

    Raises:
        SourceError: saying how to save it.
    """
    kind = _KINDS.get(os.path.splitext(name)[1].lower())
    if kind is None and beginning.startswith(_BEGINNINGS):
        kind = "an Excel workbook under another name"
    if kind is not None:
        raise SourceError(f"{escape_name(name)} is {kind}; save it as CSV UTF-8 and give that")
