"""Google's Cloud Storage, by gcp-storage-emulator."""

from __future__ import annotations

import io
import json
import logging
import threading
from collections.abc import Callable
from datetime import datetime
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, quote

from gcp_storage_emulator.handlers.objects import _checksums, _make_object_resource
from gcp_storage_emulator.server import Router
from gcp_storage_emulator.storage import Storage


class _Memory(Storage):  # type: ignore[misc]
    """Objects in memory, under any key; the emulator's own takes ``a//b`` for ``a/b`` and writes all down each time."""

    def _object_path(self, bucket_name: str, file_name: str) -> str:
        return f"{bucket_name}/{quote(file_name, safe='')}"

    def _write_config_to_file(self) -> None:
        pass


class Google:
    """The store in this process, one request at a time, as the emulator wants it."""

    address = ""

    def __init__(self) -> None:
        logging.getLogger("gcp_storage_emulator").setLevel(logging.CRITICAL)
        logging.getLogger("api").setLevel(logging.CRITICAL)
        self._objects = _Memory(use_memory_fs=True)
        self._one = threading.RLock()

    def __call__(self, request: dict[str, Any], start: Callable[..., Any]) -> Any:
        from werkzeug.datastructures import EnvironHeaders

        answer: dict[str, Any] = {"headers": []}
        body = io.BytesIO()
        handler = SimpleNamespace(
            path=request["REQUEST_URI"],
            headers=EnvironHeaders(request),
            rfile=request["wsgi.input"],
            wfile=body,
            storage=self._objects,
            server=SimpleNamespace(server_address=(request["SERVER_NAME"], request["SERVER_PORT"])),
            send_response=lambda code, phrase: answer.update(status=f"{code} {phrase}"),
            send_header=lambda name, value: answer["headers"].append((name, value)),
            end_headers=lambda: None,
        )
        with self._one:
            Router(handler).handle(request["REQUEST_METHOD"])
        content = body.getvalue()
        if "page_size" in request and answer["status"].startswith("200"):
            content = _page(json.loads(content), request)
        headers = [(name, value) for name, value in answer["headers"] if name != "Content-Length"]
        start(answer["status"], [*headers, ("Content-Length", str(len(content)))])
        return [content]

    def understand(self, request: dict[str, Any], query: dict[str, str], path: str) -> tuple[str, str, bool]:
        method = request["REQUEST_METHOD"]
        if path.startswith("/upload/"):
            return "write", query["name"], False
        _, objects, key = path.partition("/o/")
        if method == "GET" and path.endswith("/o") and not objects:
            return "list", query.get("prefix", ""), bool(query.get("pageToken"))
        if method == "POST":
            return "copy", key.partition("/rewriteTo/")[0], False
        return {"DELETE": "delete"}.get(method, "read" if query.get("alt") == "media" else "look"), key, False

    def paged(self, request: dict[str, Any], page_size: int) -> None:
        request["page_size"] = page_size

    def environment(self, url: str) -> dict[str, str]:
        return {"STORAGE_EMULATOR_HOST": url}

    def create(self, bucket: str) -> None:
        time = "2026-01-01T00:00:00.000Z"
        facts = {"kind": "storage#bucket", "id": bucket, "name": bucket, "timeCreated": time, "updated": time}
        with self._one:
            self._objects.create_bucket(bucket, facts)

    def put(self, bucket: str, key: str, content: bytes) -> None:
        facts = _make_object_resource("", bucket, key, "application/octet-stream", str(len(content)))
        with self._one:
            self._objects.create_file(bucket, key, content, _checksums(content, facts))

    def get(self, bucket: str, key: str) -> bytes:
        content: bytes = self._objects.get_file(bucket, key)
        return content

    def modified(self, bucket: str, key: str) -> int:
        return int(datetime.fromisoformat(self._objects.get_file_obj(bucket, key)["updated"]).timestamp())

    def keys(self, bucket: str, prefix: str) -> list[str]:
        with self._one:
            return [item["name"] for item in self._objects.get_file_list(bucket, prefix)[0]]

    def delete(self, bucket: str, key: str) -> None:
        with self._one:
            self._objects.delete_file(bucket, key)

    def close(self) -> None:
        pass


def _page(listing: dict[str, Any], request: dict[str, Any]) -> bytes:
    """One page of a listing, which the emulator gives whole."""
    first = int(parse_qs(request["QUERY_STRING"]).get("pageToken", ["0"])[0])
    end = first + request["page_size"]
    if end < len(listing["items"]):
        listing["nextPageToken"] = str(end)
    listing["items"] = listing["items"][first:end]
    return json.dumps(listing).encode()
