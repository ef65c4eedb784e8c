"""Azure's Blob Storage and Data Lake: which account a URI means, and what pyarrow opens it with.

The environment is read by the names that ``az storage`` gives its variables. pyarrow finds other credentials itself.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from typing import Any
from urllib.parse import urlsplit

from batch_emotion.errors import UsageError, one_line

_CONTAINER = re.compile(r"[^@]+(?:@[a-z0-9]{3,24}\.(?:dfs|blob)\.core\.windows\.net)?")
_PATIENCE_S = 60.0
_TRIAL = """
import json, sys
from pyarrow.fs import AzureFileSystem
options, container = json.load(sys.stdin)
try:
    AzureFileSystem(**options).get_file_info(container)
except (OSError, ValueError):
    pass
"""


def is_container(text: str) -> bool:
    """Whether what follows a scheme is ``CONTAINER@ACCOUNT.dfs.core.windows.net``, or a container alone.

    Other hosts than Azure's are none, for they would be sent credentials.
    """
    return _CONTAINER.fullmatch(text) is not None


def open_azure(container: str) -> Any:
    """The ``pyarrow.fs.AzureFileSystem`` of a container's account.

    Its first question is asked in a process apart: where credentials are missing or make no sense, the library that
    pyarrow uses ends the whole process, and a host that does not answer keeps it for many minutes.

    Raises:
        UsageError: no account is known, the credentials are of no use, or there is no answer within a minute.
    """
    from pyarrow.fs import AzureFileSystem

    options = azure_options(container)
    try:
        trial = subprocess.run(
            [sys.executable, "-P", "-c", _TRIAL],
            input=json.dumps([options, container.partition("@")[0]]),
            capture_output=True,
            text=True,
            timeout=_PATIENCE_S,
        )
    except subprocess.TimeoutExpired:
        raise UsageError(
            f"the container {container} does not answer within {_PATIENCE_S:g} s; check its name, the endpoint and "
            "the network"
        ) from None
    if trial.returncode:
        reason = one_line(trial.stderr).rpartition("what(): ")[2]
        raise UsageError(
            f"access to the container {container} is denied; give credentials that may list and read it: "
            f"AZURE_STORAGE_KEY, AZURE_STORAGE_SAS_TOKEN, a managed identity or az login ({reason[:300]})"
        )
    return AzureFileSystem(**options)


def azure_options(container: str) -> dict[str, str]:
    """What ``pyarrow.fs.AzureFileSystem`` is given for a container.

    Raises:
        UsageError: neither the URI nor the environment names the account, or the endpoint is no URL.
    """
    account = container.partition("@")[2].partition(".")[0] or os.environ.get("AZURE_STORAGE_ACCOUNT")
    if not account:
        raise UsageError(
            f"no account is named for the container {container}; set AZURE_STORAGE_ACCOUNT or write "
            f"{container}@ACCOUNT.dfs.core.windows.net in its place"
        )
    options = {"account_name": account}
    if key := os.environ.get("AZURE_STORAGE_KEY"):
        options["account_key"] = key
    elif token := os.environ.get("AZURE_STORAGE_SAS_TOKEN"):
        options["sas_token"] = "?" + token.removeprefix("?")  # without it pyarrow takes the token for a folder
    if endpoint := os.environ.get("AZURE_STORAGE_SERVICE_ENDPOINT"):
        options |= _endpoint_options(endpoint, account)
    return options


def _endpoint_options(endpoint: str, account: str) -> dict[str, str]:
    """An endpoint as pyarrow takes it: what follows the account in the host, or a host whose path is the account."""
    url = urlsplit(endpoint)
    if url.scheme not in ("http", "https") or not url.netloc:
        raise UsageError(
            f"AZURE_STORAGE_SERVICE_ENDPOINT must be a URL such as https://host:port, not {one_line(endpoint)}"
        )
    authority = url.netloc.removeprefix(account)
    return {
        "blob_storage_authority": authority,
        "blob_storage_scheme": url.scheme,
        "dfs_storage_authority": authority.replace(".blob.", ".dfs."),
        "dfs_storage_scheme": url.scheme,
    }
