"""Google's Cloud Storage: what pyarrow opens it with.

Credentials are found by pyarrow itself. An emulator is named as Google's own libraries want it, and needs none.
"""

from __future__ import annotations

import os
from datetime import timedelta
from typing import Any

_PATIENCE = timedelta(seconds=20)


def open_google() -> Any:
    """The ``pyarrow.fs.GcsFileSystem`` of all buckets; that credentials are of no use comes out where it is used."""
    from pyarrow.fs import GcsFileSystem

    return GcsFileSystem(retry_time_limit=_PATIENCE, **google_options())


def google_options() -> dict[str, Any]:
    """What ``pyarrow.fs.GcsFileSystem`` is given for the emulator at ``STORAGE_EMULATOR_HOST``, if there is one."""
    scheme, _, host = os.environ.get("STORAGE_EMULATOR_HOST", "").rpartition("://")
    if not host:
        return {}
    return {"endpoint_override": host.rstrip("/"), "scheme": scheme or "http", "anonymous": True}
