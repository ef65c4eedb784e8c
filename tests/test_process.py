"""Real processes: killed, interrupted, crashed by an image, and noisy libraries."""

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

ROOT = Path(batch_emotion.__file__).parents[1]


def _command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "batch_emotion", *map(str, arguments)]


def _predict(source: Path, out: Path) -> list[str]:
    return _command("predict", source, "--out", out, "--shard-size", 6, "--batch-size", 3)


def _environment(site: Path | None = None) -> dict[str, str]:
    path = [str(ROOT)] if site is None else [str(site), str(ROOT)]
    return os.environ | {"PYTHONPATH": os.pathsep.join(path)}


def _wait_for(path: Path, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 120
    while not path.exists():
        assert process.poll() is None, f"ended before {path.name} was there: {process.communicate()}"
        assert time.monotonic() < deadline
        time.sleep(0.005)


@pytest.fixture(scope="module")
def whole(faces: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("whole") / "r.parquet"
    subprocess.run(_predict(faces, out), check=True, capture_output=True, env=_environment())
    return out


COMMIT_POINTS = ["part-000001.parquet", "begun-000003"]


@pytest.mark.parametrize("reached", COMMIT_POINTS)
def test_a_killed_run_carries_on_to_the_same_rows(faces: Path, tmp_path: Path, whole: Path, reached: str) -> None:
    out = tmp_path / "r.parquet"
    process = subprocess.Popen(
        _predict(faces, out), text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=_environment()
    )
    _wait_for(tmp_path / "r.parquet.work" / reached, process)
    process.kill()
    process.communicate()
    assert not out.exists()
    done = subprocess.run(_predict(faces, out), capture_output=True, text=True, env=_environment())
    assert done.returncode == 0, done.stderr
    assert pq.read_table(out).equals(pq.read_table(whole))
    assert not (tmp_path / "r.parquet.work").exists()


KILL_AT = """
import os, signal, batch_emotion.storage as storage
real = storage.Path.replace
def replace(self, target):
    if {before} and str(target).endswith({name!r}):
        os.kill(os.getpid(), signal.SIGKILL)
    result = real(self, target)
    if str(target).endswith({name!r}):
        os.kill(os.getpid(), signal.SIGKILL)
    return result
storage.Path.replace = replace
"""


@pytest.mark.parametrize("name", ["part-000004.parquet", "r.parquet", "fingerprint.json", "run.json"])
@pytest.mark.parametrize("before", [True, False])
def test_a_kill_at_a_rename_loses_nothing(faces: Path, tmp_path: Path, whole: Path, name: str, before: bool) -> None:
    site = tmp_path / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(KILL_AT.format(before=before, name=name))
    out = tmp_path / "r.parquet"
    killed = subprocess.run(_predict(faces, out), capture_output=True, env=_environment(site))
    assert killed.returncode == -signal.SIGKILL
    done = subprocess.run(_predict(faces, out), capture_output=True, text=True, env=_environment())
    assert done.returncode == 0, done.stderr
    assert pq.read_table(out).equals(pq.read_table(whole))


@pytest.mark.parametrize(("signum", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("when", ["imports", "scoring"])
def test_a_signal_stops_the_run_soon_with_its_code_and_a_line(
    faces: Path, tmp_path: Path, whole: Path, signum: signal.Signals, code: int, when: str
) -> None:
    out = tmp_path / "r.parquet"
    process = subprocess.Popen(
        _predict(faces, out), text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=_environment()
    )
    _wait_for(tmp_path / "r.parquet.work" / ("plan.arrow" if when == "imports" else "begun-000001"), process)
    sent = time.monotonic()
    process.send_signal(signum)
    _, said = process.communicate(timeout=60)
    assert process.returncode == code
    assert time.monotonic() - sent < 15, "the promise is 5 s; this allows for a busy machine"
    assert "the same command carries on" in said
    assert "Traceback" not in said
    assert list((tmp_path / "r.parquet.work").glob("begun-*")) == []
    subprocess.run(_predict(faces, out), check=True, capture_output=True, env=_environment())
    assert pq.read_table(out).equals(pq.read_table(whole))


CRASH = """
import os, batch_emotion.images.decode as decode
real = decode.decode
def crashing(data, *how):
    if data == b"crash":
        os.abort()
    return real(data, *how)
decode.decode = crashing
"""


def test_an_image_that_kills_the_process_is_a_row_at_the_next_start(tmp_path: Path) -> None:
    site, source = tmp_path / "site", tmp_path / "faces"
    site.mkdir()
    source.mkdir()
    (site / "sitecustomize.py").write_text(CRASH)
    for number in range(10):
        cv2.imwrite(str(source / f"{number}.png"), np.full((20, 20, 3), number * 20, np.uint8))
    (source / "7.png").write_bytes(b"crash")
    out = tmp_path / "r.parquet"
    first = subprocess.run(_predict(source, out), capture_output=True, env=_environment(site))
    assert first.returncode == -signal.SIGABRT
    again = subprocess.run(_predict(source, out), capture_output=True, text=True, env=_environment(site))
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


def test_two_runs_on_one_output_do_not_overlap(faces: Path, tmp_path: Path) -> None:
    out = tmp_path / "r.parquet"
    first = subprocess.Popen(
        _predict(faces, out), text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=_environment()
    )
    _wait_for(tmp_path / "r.parquet.work" / "plan.arrow", first)
    second = subprocess.run(_predict(faces, out), capture_output=True, text=True, env=_environment())
    assert second.returncode == 75
    assert f"pid {first.pid}" in second.stderr
    first.communicate()
    assert first.returncode == 0
