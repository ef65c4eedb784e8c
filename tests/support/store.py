"""Object stores on loopback, S3's, Google's and Azure's, that can be told to fail."""

from __future__ import annotations

import logging
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import pytest

from batch_emotion.storage.filesystems import open_filesystem
from tests.support.azurite import Azurite
from tests.support.emulated_google import Google
from tests.support.moto_s3 import Amazon


@dataclass(frozen=True)
class Request:
    """What a store is asked.

    Attributes:
        does: ``read``, ``look`` (at an object or a bucket), ``list``, ``write``, ``copy`` or ``delete``.
        key: of which object, without its bucket; of a listing, the folder with its slash.
        later_page: whether a listing is carried on.
        signed: whether it brings credentials.
        raw: the WSGI environment.
    """

    does: str
    key: str
    later_page: bool
    signed: bool
    raw: dict[str, Any]


Answer = Callable[[Request], "tuple[str, bytes] | None"]
"""What to answer in the store's place, as (status line, body); None lets the request pass."""

SLOW_DOWN = (
    "503 Slow Down",
    b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>",
)
FORBIDDEN = ("403 Forbidden", b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>")


class Store(Protocol):
    """One kind of store, emulated.

    Attributes:
        address: its account's host as URIs have it, with an ``@``; empty where they have none.
    """

    address: str

    def __call__(self, request: dict[str, Any], start: Callable[..., Any]) -> Any:
        """Answer a request, by WSGI."""

    def understand(self, request: dict[str, Any], query: dict[str, str], path: str) -> tuple[str, str, bool]:
        """What a request does, of which key, and whether it carries a listing on; the path is unquoted."""

    def paged(self, request: dict[str, Any], page_size: int) -> None:
        """Make a listing's pages no longer than that."""

    def environment(self, url: str) -> dict[str, str]:
        """The variables by which the tool finds the store at that address, and may use it."""

    def create(self, bucket: str) -> None:
        """Make an empty bucket."""

    def put(self, bucket: str, key: str, content: bytes) -> None:
        """Store an object."""

    def get(self, bucket: str, key: str) -> bytes:
        """The content of an object."""

    def modified(self, bucket: str, key: str) -> int:
        """When an object was stored, in whole seconds since the epoch."""

    def keys(self, bucket: str, prefix: str) -> list[str]:
        """The keys that begin with the prefix, in order."""

    def delete(self, bucket: str, key: str) -> None:
        """Take an object away."""

    def close(self) -> None:
        """End what it started."""


@dataclass
class Server:
    """A store behind a door.

    Attributes:
        store: what is behind it.
        url: the endpoint.
        answer: asked about each request.
        page_size: how many keys a listing gives at a time.
        requests: what was asked, since they were last cleared.
    """

    store: Store
    url: str = ""
    answer: Answer = lambda request: None
    page_size: int = 1000
    requests: list[Request] = field(default_factory=list)

    def __call__(self, raw: dict[str, Any], start: Callable[..., Any]) -> Any:
        """The door."""
        from urllib.parse import parse_qsl

        path = raw["PATH_INFO"].encode("latin-1").decode()  # WSGI holds bytes of UTF-8 as Latin-1
        query = dict(parse_qsl(raw["QUERY_STRING"], keep_blank_values=True))
        does, key, later_page = self.store.understand(raw, query, path)
        request = Request(does, key, later_page, "HTTP_AUTHORIZATION" in raw, raw)
        self.requests.append(request)
        instead = self.answer(request)
        if instead is None:
            if does == "list":
                self.store.paged(raw, self.page_size)
            return self.store(raw, start)
        raw["wsgi.input"].read(int(raw.get("CONTENT_LENGTH") or 0))
        status, body = instead
        start(status, [("Content-Type", "application/xml"), ("Content-Length", str(len(body)))])
        return [] if raw["REQUEST_METHOD"] == "HEAD" else [body]


@dataclass(frozen=True)
class Bucket:
    """An empty bucket of a test's own.

    Attributes:
        scheme: of its URIs.
        name: its name.
        server: where it lies.
    """

    scheme: str
    name: str
    server: Server

    @property
    def root(self) -> str:
        """Its URI, without a slash."""
        return f"{self.scheme}://{self.name}{self.server.store.address}"

    def uri(self, key: str = "") -> str:
        """How the tool is told of a key."""
        return f"{self.root}/{key}"

    def elsewhere(self, name: str) -> str:
        """The URI of another bucket of the same store."""
        return f"{self.scheme}://{name}{self.server.store.address}"

    def put(self, key: str, content: bytes = b"x") -> str:
        """Store an object; gives its URI."""
        self.server.store.put(self.name, key, content)
        return self.uri(key)

    def put_folder(self, folder: Path, prefix: str = "") -> str:
        """Store every file below a local folder; gives the URI of the prefix."""
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                self.put(f"{prefix}{file.relative_to(folder).as_posix()}", file.read_bytes())
        return self.uri(prefix)

    def get(self, key: str) -> bytes:
        """The content of an object."""
        return self.server.store.get(self.name, key)

    def modified(self, key: str) -> int:
        """When an object was stored, in whole seconds since the epoch."""
        return self.server.store.modified(self.name, key)

    def objects(self, prefix: str = "") -> list[str]:
        """The keys that begin with the prefix, in order, but for folders' own."""
        return [key for key in self.server.store.keys(self.name, prefix) if not key.endswith("/")]

    def delete(self, key: str) -> None:
        """Take an object away."""
        self.server.store.delete(self.name, key)


STORES: dict[str, Callable[[], Store]] = {"s3": Amazon, "gs": Google, "abfs": Azurite}
"""By the scheme of their URIs."""

only = {scheme: pytest.mark.parametrize("bucket", [scheme], indirect=True) for scheme in STORES}
"""Marks of tests about one kind of store."""

writable = pytest.mark.parametrize("bucket", ["s3", "gs"], indirect=True)
"""The mark of tests about results on a store; Azure's are only read."""


@contextmanager
def serving(store: Store) -> Iterator[Server]:
    """A server on loopback, for as long as the block runs."""
    from werkzeug.serving import make_server

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = Server(store)
    listening = make_server("127.0.0.1", 0, server, threaded=True)
    server.url = f"http://127.0.0.1:{listening.server_port}"
    thread = threading.Thread(target=listening.serve_forever, daemon=True)
    thread.start()
    yield server
    listening.shutdown()
    listening.server_close()
    thread.join()
    store.close()


@pytest.fixture(scope="session")
def store_servers() -> Iterator[Callable[[str], Server]]:
    """A server for each kind of store, started when it is first asked for."""
    started: dict[str, Server] = {}
    with ExitStack() as stack:

        def server(scheme: str) -> Server:
            if scheme not in started:
                started[scheme] = stack.enter_context(serving(STORES[scheme]()))
            return started[scheme]

        yield server


@pytest.fixture(params=STORES)
def bucket(
    request: pytest.FixtureRequest,
    store_servers: Callable[[str], Server],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> Iterator[Bucket]:
    """An empty bucket; the environment says where it is and who may read it, to this process and its children."""
    server = store_servers(request.param)
    for name in (
        *("AWS_ENDPOINT_URL_S3", "AWS_REGION", "AWS_PROFILE", "AWS_SESSION_TOKEN"),
        *("CLOUD_STORAGE_EMULATOR_ENDPOINT", "AZURE_STORAGE_SAS_TOKEN"),
    ):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    for name, value in server.store.environment(server.url).items():
        monkeypatch.setenv(name, value)
    open_filesystem.cache_clear()
    made = Bucket(request.param, f"faces-{uuid.uuid4().hex[:8]}", server)
    server.store.create(made.name)
    server.requests.clear()
    yield made
    server.answer, server.page_size = lambda request: None, 1000
    open_filesystem.cache_clear()
