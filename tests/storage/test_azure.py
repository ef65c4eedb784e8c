"""Azure's URIs, credentials and refusals, without a server."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from batch_emotion.cli import main
from batch_emotion.errors import UsageError, one_line
from batch_emotion.storage import azure, objects
from batch_emotion.storage.azure import azure_options, open_azure
from batch_emotion.storage.objects import patiently
from batch_emotion.storage.places import place
from batch_emotion.storage.remote import RemotePath

HOST = "acc1.dfs.core.windows.net"


@pytest.fixture(autouse=True)
def _no_account(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ACCOUNT", "KEY", "SAS_TOKEN", "SERVICE_ENDPOINT"):
        monkeypatch.delenv(f"AZURE_STORAGE_{name}", raising=False)


@pytest.mark.parametrize("bucket", ["faces", f"faces@{HOST}", "faces@acc1.blob.core.windows.net"])
@pytest.mark.parametrize("scheme", ["abfs", "abfss"])
@pytest.mark.parametrize("key", ["", "/", "/a b/50%#ü@*?.jpg", "/a%20b/x.jpg"])
def test_a_uri_is_its_container_and_the_raw_key(scheme: str, bucket: str, key: str) -> None:
    there = place(f"{scheme}://{bucket}{key}")
    assert isinstance(there, RemotePath)
    assert str(there) == f"{scheme}://{bucket}{key}"
    assert there.path == f"faces{key}"
    assert str(there.root) == f"{scheme}://{bucket}"
    assert (there / "x").path == f"faces{key.rstrip('/')}/x"
    assert str((there / "x").parent) == f"{scheme}://{bucket}{key.rstrip('/')}"


@pytest.mark.parametrize(
    "text", ["abfs://", "abfs:///key", "abfs://faces@acc1/x", f"abfs://@{HOST}/x", f"abfss://faces@{HOST}.evil.org/x"]
)
def test_other_hosts_than_azure_s_are_refused(text: str) -> None:
    with pytest.raises(
        UsageError, match=r"names no container; write abfss?://CONTAINER@ACCOUNT.dfs\.core\.windows\.net/"
    ):
        place(text)


def test_pyarrow_is_given_what_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    assert azure_options(f"faces@{HOST}") == {"account_name": "acc1"}
    with pytest.raises(UsageError, match="no account is named for the container faces; set AZURE_STORAGE_ACCOUNT or"):
        azure_options("faces")
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT", "mine")
    monkeypatch.setenv("AZURE_STORAGE_SAS_TOKEN", "sv=1&sig=s")
    assert azure_options("faces") == {"account_name": "mine", "sas_token": "?sv=1&sig=s"}
    monkeypatch.setenv("AZURE_STORAGE_KEY", "a2V5")
    assert azure_options(f"faces@{HOST}") == {"account_name": "acc1", "account_key": "a2V5"}


@pytest.mark.parametrize(
    ("endpoint", "blob", "dfs"),
    [
        ("http://127.0.0.1:10000/acc1", "127.0.0.1:10000", "127.0.0.1:10000"),
        ("https://acc1.blob.core.windows.net/", ".blob.core.windows.net", ".dfs.core.windows.net"),
    ],
)
def test_an_endpoint_is_taken_apart(endpoint: str, blob: str, dfs: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_STORAGE_SERVICE_ENDPOINT", endpoint)
    scheme = endpoint.partition(":")[0]
    assert azure_options(f"faces@{HOST}") == {
        "account_name": "acc1",
        "blob_storage_authority": blob,
        "blob_storage_scheme": scheme,
        "dfs_storage_authority": dfs,
        "dfs_storage_scheme": scheme,
    }
    monkeypatch.setenv("AZURE_STORAGE_SERVICE_ENDPOINT", "127.0.0.1:10000")
    with pytest.raises(UsageError, match="must be a URL"):
        azure_options(f"faces@{HOST}")


def test_what_ends_the_library_s_process_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AZURE_STORAGE_SERVICE_ENDPOINT", "http://127.0.0.1:9")  # no token is sent where all may hear it
    uri = f"abfs://faces@{HOST}/x"
    (tmp_path / "m.csv").write_text(f"path\n{uri}.jpg\n")
    for source in (uri, str(tmp_path / "m.csv")):
        assert main(["predict", source, "--out", str(tmp_path / "r.parquet")]) == 2
        said = capsys.readouterr().err
        assert said.count("\n") == 1
        assert f"access to the container faces@{HOST} is denied; give credentials" in said
    assert [file.name for file in tmp_path.iterdir()] == ["m.csv"]


def test_a_host_that_does_not_answer_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_STORAGE_KEY", "a2V5")
    monkeypatch.setattr(azure, "_PATIENCE_S", 2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("AZURE_STORAGE_SERVICE_ENDPOINT", f"http://127.0.0.1:{silent.getsockname()[1]}")
        with pytest.raises(UsageError, match="does not answer within 2 s"):
            open_azure(f"faces@{HOST}")


def test_no_result_is_written_where_it_would_be_seen_half(
    faces: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["predict", str(faces), "--out", f"abfs://faces@{HOST}/r.parquet"]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert f"--out: abfs://faces@{HOST}/r.parquet would be seen before it is whole" in said


def test_no_signature_is_told() -> None:
    said = "GetProperties for 'https://acc1.blob.core.windows.net/faces/a%3Fb.jpg?se=2030&sig=s%2Bs&sv=1' failed.\n403"
    assert one_line(OSError(said)) == (
        "GetProperties for 'https://acc1.blob.core.windows.net/faces/a%3Fb.jpg' failed. 403"
    )


@pytest.mark.parametrize(
    ("said", "asked"),
    [
        ("Azure Error: [ServerBusy] 503 The server is busy", 2),
        ("Azure Error: [] Fail to get a new connection for: https://x", 2),
        ("Azure Error: [AuthorizationFailure] 403 Server failed to authenticate the request", 1),
    ],
)
def test_what_may_pass_is_asked_again(said: str, asked: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(objects, "_PAUSES_S", (0.0,))
    times = []

    def ask() -> None:
        times.append(1)
        raise OSError(said)

    with pytest.raises(OSError):
        patiently(ask)
    assert len(times) == asked
