"""Azure's Blob Storage on loopback, by its emulator, where that is on the PATH."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import shutil
import subprocess
import urllib.parse
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from batch_emotion.storage.azure import azure_options
from batch_emotion.storage.places import open_filesystem

ACCOUNT = "devstoreaccount1"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
"""What every emulator has, by its documentation."""


@dataclass(frozen=True)
class Container:
    """An empty container of a test's own.

    Attributes:
        name: its name.
        filesystem: pyarrow's, of the account.
    """

    name: str
    filesystem: Any

    def uri(self, key: str = "") -> str:
        """How the tool is told of a key."""
        return f"abfs://{self.name}@{ACCOUNT}.dfs.core.windows.net/{key}"

    def put(self, key: str, content: bytes = b"x") -> str:
        """Store a blob; gives its URI."""
        with self.filesystem.open_output_stream(f"{self.name}/{key}") as stream:
            stream.write(content)
        return self.uri(key)

    def put_folder(self, folder: Path, prefix: str) -> str:
        """Store every file below a local folder; gives the URI of the prefix."""
        for file in folder.rglob("*"):
            if file.is_file():
                self.put(prefix + file.relative_to(folder).as_posix(), file.read_bytes())
        return self.uri(prefix)

    def signature(self) -> str:
        """A shared access signature that may read and list this container, and nothing else."""
        version, end, may = "2021-12-02", "2100-01-01T00:00:00Z", "rl"
        said = [may, "", end, f"/blob/{ACCOUNT}/{self.name}", "", "", "", version, "c", *[""] * 7]
        signed = hmac.digest(base64.b64decode(KEY), "\n".join(said).encode(), hashlib.sha256)
        fields = {"sv": version, "sr": "c", "sp": may, "se": end, "sig": base64.b64encode(signed).decode()}
        return urllib.parse.urlencode(fields)


@pytest.fixture(scope="session")
def azurite() -> Iterator[str]:
    """The emulator's endpoint."""
    program = shutil.which("azurite-blob")
    if program is None:
        pytest.skip("azurite-blob, which npm's azurite brings, is not on the PATH")
    options = ["--blobPort", "0", "--inMemoryPersistence", "--skipApiVersionCheck", "--disableTelemetry", "--silent"]
    with subprocess.Popen([program, *options], stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        listening = (re.search(r"listens on (\S+)", line) for line in server.stdout)
        yield f"{next(filter(None, listening))[1]}/{ACCOUNT}"
        server.terminate()


@pytest.fixture
def container(azurite: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Container]:
    """An empty container; the environment says where it is and who may read it, to this process and its children."""
    monkeypatch.setenv("AZURE_STORAGE_SERVICE_ENDPOINT", azurite)
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT", ACCOUNT)
    monkeypatch.setenv("AZURE_STORAGE_KEY", KEY)
    monkeypatch.delenv("AZURE_STORAGE_SAS_TOKEN", raising=False)
    from pyarrow.fs import AzureFileSystem

    made = Container(f"faces-{uuid.uuid4().hex[:8]}", AzureFileSystem(**azure_options("any")))
    made.filesystem.create_dir(made.name)
    open_filesystem.cache_clear()
    yield made
    open_filesystem.cache_clear()
