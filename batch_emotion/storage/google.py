"""Google's Cloud Storage: what pyarrow opens it with.

Credentials are found by pyarrow itself. An emulator is named as Google's own libraries want it, and needs none.
"""

from __future__ import annotations

import os
from datetime import timedelta
from typing import Any

from batch_emotion.errors import UsageError, one_line

_PATIENCE = timedelta(seconds=20)


def open_google() -> Any:
    """The ``pyarrow.fs.GcsFileSystem`` of all buckets.

    Raises:
        UsageError: the credentials that the environment names are of no use.
    """
    from pyarrow.fs import GcsFileSystem

    try:
        return GcsFileSystem(retry_time_limit=_PATIENCE, **google_options())
    except (OSError, ValueError) as error:
        raise UsageError(f"Google's credentials cannot be used: {one_line(error)[:300]}") from None


def google_options() -> dict[str, Any]:
    """What ``pyarrow.fs.GcsFileSystem`` is given for the emulator at ``STORAGE_EMULATOR_HOST``, if there is one."""
    scheme, _, host = os.environ.get("STORAGE_EMULATOR_HOST", "").rpartition("://")
    if not host:
        return {}
    return {"endpoint_override": host.rstrip("/"), "scheme": scheme or "http", "anonymous": True}
