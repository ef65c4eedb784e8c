"""An object store on loopback, moto's as S3, that can be told to fail."""

from __future__ import annotations

import logging
import threading
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from batch_emotion.storage.places import open_filesystem

Answer = Callable[[dict[str, Any]], "tuple[str, bytes] | None"]
"""Of a request (a WSGI environment): what to answer in the store's place, as (status line, body); None lets it pass."""

SLOW_DOWN = (
    "503 Slow Down",
    b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>",
)
FORBIDDEN = ("403 Forbidden", b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>")


@dataclass
class Server:
    """Moto behind a door.

    Attributes:
        url: the endpoint.
        answer: asked about each request.
        requests: the method and the path of each, since they were last cleared.
    """

    url: str = ""
    answer: Answer = lambda request: None
    requests: list[tuple[str, str]] = field(default_factory=list)


@dataclass(frozen=True)
class Bucket:
    """An empty bucket of a test's own.

    Attributes:
        name: its name.
        client: boto3's for S3.
        server: where it lies.
    """

    name: str
    client: Any
    server: Server

    def uri(self, key: str = "") -> str:
        """How the tool is told of a key."""
        return f"s3://{self.name}/{key}"

    def put(self, key: str, content: bytes = b"x") -> str:
        """Store an object; gives its URI."""
        self.client.put_object(Bucket=self.name, Key=key, Body=content)
        return self.uri(key)

    def put_folder(self, folder: Path, prefix: str = "") -> str:
        """Store every file below a local folder; gives the URI of the prefix."""
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                self.put(f"{prefix}{file.relative_to(folder).as_posix()}", file.read_bytes())
        return self.uri(prefix)

    def get(self, key: str) -> bytes:
        """The content of an object."""
        content: bytes = self.client.get_object(Bucket=self.name, Key=key)["Body"].read()
        return content

    def keys(self, prefix: str = "") -> list[str]:
        """The keys that begin with the prefix, in order."""
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.name, Prefix=prefix)
        return [item["Key"] for page in pages for item in page.get("Contents", ())]

    def delete(self, key: str) -> None:
        """Take an object away."""
        self.client.delete_object(Bucket=self.name, Key=key)


@pytest.fixture(scope="session")
def store_server() -> Iterator[Server]:
    from moto.server import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import make_server

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    moto = DomainDispatcherApplication(create_backend_app)
    server = Server()

    def door(request: dict[str, Any], start: Callable[..., Any]) -> Any:
        # as bytes of UTF-8, which WSGI holds as Latin-1
        server.requests.append((request["REQUEST_METHOD"], request["PATH_INFO"].encode("latin-1").decode()))
        instead = server.answer(request)
        if instead is None:
            return moto(request, start)
        status, body = instead
        start(status, [("Content-Type", "application/xml"), ("Content-Length", str(len(body)))])
        return [] if request["REQUEST_METHOD"] == "HEAD" else [body]

    listening = make_server("127.0.0.1", 0, door, threaded=True)
    server.url = f"http://127.0.0.1:{listening.server_port}"
    thread = threading.Thread(target=listening.serve_forever, daemon=True)
    thread.start()
    yield server
    listening.shutdown()
    listening.server_close()
    thread.join()


@pytest.fixture
def bucket(store_server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Bucket]:
    """An empty bucket; the environment says where it is and who may read it, to this process and its children."""
    import boto3

    for name, value in {
        "AWS_ENDPOINT_URL": store_server.url,
        "AWS_ACCESS_KEY_ID": "someone",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": str(tmp_path / "no-config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "no-credentials"),
    }.items():
        monkeypatch.setenv(name, value)
    for name in ("AWS_ENDPOINT_URL_S3", "AWS_REGION", "AWS_PROFILE", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    open_filesystem.cache_clear()
    made = Bucket(f"faces-{uuid.uuid4().hex[:8]}", boto3.client("s3"), store_server)
    made.client.create_bucket(Bucket=made.name)
    store_server.requests.clear()
    yield made
    store_server.answer = lambda request: None
    made.client.close()
    open_filesystem.cache_clear()
