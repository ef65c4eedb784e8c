"""Azure's Blob Storage, by its emulator, which runs in a process of its own."""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import re
import shutil
import subprocess
import urllib.parse
from collections.abc import Callable
from email.message import Message
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

ACCOUNT = "devstoreaccount1"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
"""What every emulator has, by its documentation."""

_INSTALLED = Path(__file__).parents[2] / ".ci" / "node_modules" / ".bin"


class Azurite:
    """The store in a process of its own, to which this one passes on what it is asked."""

    address = f"@{ACCOUNT}.dfs.core.windows.net"

    def __init__(self) -> None:
        program = shutil.which("azurite-blob") or shutil.which("azurite-blob", path=_INSTALLED)
        if program is None:
            pytest.skip("azurite-blob, which npm's azurite brings, is neither on the PATH nor in .ci/node_modules")
        options = [
            "--blobPort",
            "0",
            "--inMemoryPersistence",
            "--skipApiVersionCheck",
            "--disableTelemetry",
            "--silent",
        ]
        self._process = subprocess.Popen([program, *options], stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        listening = (re.search(r"listens on http://(\S+)", line) for line in self._process.stdout)
        self._host = next(filter(None, listening))[1]

    def __call__(self, request: dict[str, Any], start: Callable[..., Any]) -> Any:
        from werkzeug.datastructures import EnvironHeaders

        body = request["wsgi.input"].read(int(request.get("CONTENT_LENGTH") or 0))
        headers = {name: value for name, value in EnvironHeaders(request) if name != "Connection"}
        answer, content = self._ask(request["REQUEST_METHOD"], request["REQUEST_URI"], body, headers)
        for name in ("Connection", "Keep-Alive", "Transfer-Encoding", "Date", "Server"):
            del answer.headers[name]
        if "Content-Length" not in answer.headers:
            answer.headers["Content-Length"] = str(len(content))
        start(f"{answer.status} {answer.reason}", answer.headers.items())
        return [content]

    def understand(self, request: dict[str, Any], query: dict[str, str], path: str) -> tuple[str, str, bool]:
        key = path.lstrip("/").partition("/")[2].partition("/")[2]
        if query.get("comp") == "list":
            return "list", query.get("prefix", ""), bool(query.get("marker"))
        does = {"HEAD": "look", "PUT": "write", "DELETE": "delete"}.get(request["REQUEST_METHOD"], "read")
        return ("look" if not key else does), key, False

    def paged(self, request: dict[str, Any], page_size: int) -> None:
        """Leave pages as they are: their length is part of what is signed."""

    def environment(self, url: str) -> dict[str, str]:
        return {
            "AZURE_STORAGE_SERVICE_ENDPOINT": f"{url}/{ACCOUNT}",
            "AZURE_STORAGE_ACCOUNT": ACCOUNT,
            "AZURE_STORAGE_KEY": KEY,
        }

    def create(self, bucket: str) -> None:
        from pyarrow.fs import AzureFileSystem

        AzureFileSystem(
            ACCOUNT,
            account_key=KEY,
            blob_storage_authority=self._host,
            blob_storage_scheme="http",
            dfs_storage_authority=self._host,
            dfs_storage_scheme="http",
        ).create_dir(bucket)

    def put(self, bucket: str, key: str, content: bytes) -> None:
        self._do("PUT", bucket, key, content, {"x-ms-blob-type": "BlockBlob"})

    def get(self, bucket: str, key: str) -> bytes:
        return self._do("GET", bucket, key)[1]

    def modified(self, bucket: str, key: str) -> int:
        return int(parsedate_to_datetime(self._do("HEAD", bucket, key)[0]["Last-Modified"]).timestamp())

    def keys(self, bucket: str, prefix: str) -> list[str]:
        query = f"restype=container&comp=list&prefix={urllib.parse.quote(prefix)}&"
        listing = ElementTree.fromstring(self._do("GET", bucket, "", query=query)[1])
        return [name.text or "" for name in listing.iterfind("Blobs/Blob/Name")]

    def delete(self, bucket: str, key: str) -> None:
        self._do("DELETE", bucket, key)

    def close(self) -> None:
        self._process.terminate()
        self._process.communicate()

    def _do(
        self,
        method: str,
        bucket: str,
        key: str,
        content: bytes = b"",
        headers: dict[str, str] | None = None,
        query: str = "",
    ) -> tuple[Message, bytes]:
        path = f"/{ACCOUNT}/{bucket}" + (f"/{urllib.parse.quote(key)}" if key else "")
        all_headers = {"x-ms-version": "2021-12-02", "Content-Length": str(len(content))} | (headers or {})
        answer, body = self._ask(method, f"{path}?{query}{signature(bucket, 'racwdl')}", content, all_headers)
        assert 200 <= answer.status < 300, (answer.status, body)
        return answer.headers, body

    def _ask(
        self, method: str, path: str, body: bytes, headers: dict[str, str]
    ) -> tuple[http.client.HTTPResponse, bytes]:
        connection = http.client.HTTPConnection(self._host)
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return answer, answer.read()
        finally:
            connection.close()


def signature(container: str, may: str) -> str:
    """A shared access signature for one container, and what it allows: ``rl`` is to read and to list."""
    version, end = "2021-12-02", "2100-01-01T00:00:00Z"
    said = [may, "", end, f"/blob/{ACCOUNT}/{container}", "", "", "", version, "c", *[""] * 7]
    signed = hmac.digest(base64.b64decode(KEY), "\n".join(said).encode(), hashlib.sha256)
    fields = {"sv": version, "sr": "c", "sp": may, "se": end, "sig": base64.b64encode(signed).decode()}
    return urllib.parse.urlencode(fields)
