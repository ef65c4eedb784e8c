"""Real processes: killed, interrupted, crashed by an image, and noisy libraries.

Each start costs seconds of imports, so the runs are chained: every one carries on what the last kill left behind and is
the next to be killed.
"""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pyarrow.parquet as pq
import pytest

import batch_emotion
from batch_emotion import PredictOptions, predict

ROOT = Path(batch_emotion.__file__).parents[1]
KILL_AT = """
import os, signal, batch_emotion.storage as storage
before, _, name = os.environ["KILL_AT"].partition(" ")
real = storage.Path.replace
def replace(self, target):
    if before == "before" and str(target).endswith(name):
        os.kill(os.getpid(), signal.SIGKILL)
    result = real(self, target)
    if str(target).endswith(name):
        os.kill(os.getpid(), signal.SIGKILL)
    return result
storage.Path.replace = replace
"""
SLOW = """
import os, time, batch_emotion.images.decode as decode
real = decode.decode
def slow(data, spec, limits):
    time.sleep(float(os.environ["DECODE_S"]))
    return real(data, spec, limits)
decode.decode = slow
"""
CRASH = """
import os, batch_emotion.images.decode as decode
real = decode.decode
def crashing(data, *how):
    if data == b"crash":
        os.abort()
    return real(data, *how)
decode.decode = crashing
"""


def _command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "batch_emotion", *map(str, arguments)]


def _predict(source: Path, out: Path) -> list[str]:
    return _command("predict", source, "--out", out, "--shard-size", 6, "--batch-size", 3)


def _environment(site: Path | None = None, **variables: str) -> dict[str, str]:
    path = [str(ROOT)] if site is None else [str(site), str(ROOT)]
    return os.environ | {"PYTHONPATH": os.pathsep.join(path)} | variables


def _site(folder: Path, code: str) -> Path:
    """Make a ``sitecustomize`` that every child process runs first."""
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(code)
    return folder


def _start(command: list[str], environment: dict[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment)


def _wait_for(path: Path, process: subprocess.Popen[str], content: str = "") -> None:
    deadline = time.monotonic() + 120
    while not path.exists() or (content and content not in path.read_text()):
        assert process.poll() is None, f"ended before {path.name} was there: {process.communicate()}"
        assert time.monotonic() < deadline
        time.sleep(0.005)


@pytest.fixture(scope="module")
def whole(faces: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("whole") / "r.parquet"
    predict(PredictOptions((str(faces),), out, shard_size=6, batch_size=3))
    return out


def test_kills_at_every_rename_lose_nothing(faces: Path, tmp_path: Path, whole: Path) -> None:
    site, out = _site(tmp_path / "site", KILL_AT), tmp_path / "r.parquet"
    work = tmp_path / "r.parquet.work"
    for name in ("fingerprint.json", "part-000004.parquet", "r.parquet", "run.json"):
        for moment in ("before", "after"):
            environment = _environment(site, KILL_AT=f"{moment} {name}")
            killed = subprocess.run(_predict(faces, out), capture_output=True, text=True, env=environment)
            assert killed.returncode == -signal.SIGKILL, (moment, name, killed.stderr)
            folder = tmp_path if name in ("r.parquet", "run.json") else work
            reached = next(folder.glob(f"*{name}"), None) is not None
            assert reached == (moment == "after")
    done = subprocess.run(_predict(faces, out), capture_output=True, text=True, env=_environment())
    assert done.returncode == 0, done.stderr
    assert pq.read_table(out).equals(pq.read_table(whole))
    assert not work.exists()


def test_signals_stop_a_run_with_their_codes_and_the_same_command_carries_on(
    faces: Path, tmp_path: Path, whole: Path
) -> None:
    site, out = _site(tmp_path / "site", SLOW), tmp_path / "r.parquet"
    work = tmp_path / "r.parquet.work"
    environment = _environment(site, DECODE_S="0.05")
    for signum, code, moment in (
        (signal.SIGINT, 130, "imports"),
        (signal.SIGTERM, 143, "imports"),
        (signal.SIGINT, 130, "begun-000001"),
        (signal.SIGTERM, 143, "begun-000003"),
    ):
        process = _start(_predict(faces, out), environment)
        if moment == "imports":
            _wait_for(tmp_path / "r.parquet.lock", process, f"pid {process.pid}")
            time.sleep(0.3)
        else:
            _wait_for(work / moment, process)
        if moment == "begun-000001":
            second = subprocess.run(_predict(faces, out), capture_output=True, text=True, env=environment)
            assert second.returncode == 75
            assert f"pid {process.pid}" in second.stderr
        process.send_signal(signum)
        _, said = process.communicate(timeout=60)
        assert process.returncode == code, said
        assert "the same command carries on" in said
        assert "Traceback" not in said
        assert list(work.glob("begun-*")) == []
        assert not out.exists()
    process = _start(_predict(faces, out), environment)
    _wait_for(work / "begun-000005", process)
    process.kill()
    process.communicate()
    assert (work / "begun-000005").exists()
    done = subprocess.run(_predict(faces, out), capture_output=True, text=True, env=_environment())
    assert done.returncode == 0, done.stderr
    assert pq.read_table(out).equals(pq.read_table(whole))
    assert not work.exists()


def test_a_signal_is_obeyed_while_native_code_does_not_come_back(faces: Path, tmp_path: Path) -> None:
    environment = _environment(_site(tmp_path / "site", SLOW), DECODE_S="600")
    process = _start(_predict(faces, tmp_path / "r.parquet"), environment)
    _wait_for(tmp_path / "r.parquet.work" / "begun-000000", process)
    time.sleep(0.5)
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 143
    assert "the same command carries on" in said


def test_an_image_that_kills_the_process_is_a_row_at_the_next_start(tmp_path: Path) -> None:
    source = tmp_path / "faces"
    source.mkdir()
    for number in range(10):
        cv2.imwrite(str(source / f"{number}.png"), np.full((20, 20, 3), number * 20, np.uint8))
    (source / "7.png").write_bytes(b"crash")
    out, environment = tmp_path / "r.parquet", _environment(_site(tmp_path / "site", CRASH))
    first = subprocess.run(_predict(source, out), capture_output=True, env=environment)
    assert first.returncode == -signal.SIGABRT
    again = subprocess.run(_predict(source, out), capture_output=True, text=True, env=environment)
    assert again.returncode == 0, again.stderr
    statuses = pq.read_table(out)["status"].to_pylist()
    assert statuses == ["ok"] * 7 + ["decoder_crash"] + ["ok"] * 2


def test_what_native_libraries_print_does_not_reach_the_user(tmp_path: Path) -> None:
    source = tmp_path / "faces"
    source.mkdir()
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    for form in ("jpg", "png"):
        data = bytearray(cv2.imencode(f".{form}", noise)[1].tobytes())
        data[len(data) // 2 : len(data) // 2 + 40] = b"\xff\xd4" * 20
        (source / f"damaged.{form}").write_bytes(bytes(data))
        (source / f"cut.{form}").write_bytes(bytes(data[: len(data) // 2]))
    done = subprocess.run(
        _command("predict", source, "--out", tmp_path / "r.csv", "--quiet"),
        capture_output=True,
        text=True,
        env=_environment(),
    )
    assert done.returncode == 0
    assert done.stdout + done.stderr == ""
