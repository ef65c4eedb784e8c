"""Whole processes with Ray's workers: stopped, killed, carried on."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from batch_emotion import PredictOptions, predict
from batch_emotion.results.reader import read_result
from batch_emotion.storage.places import output_place
from tests.support.deadly import deadly_path
from tests.support.store import Bucket


def _command(source: Path, out: Path, *more: object) -> list[str]:
    how = ("--model", "seed-cnn", "--shard-size", 6, "--batch-size", 3)
    return [sys.executable, "-m", "batch_emotion", "predict", *map(str, (source, "--out", out, *how, *more))]


def _until(is_so: Callable[[], object], process: subprocess.Popen[str] | None = None) -> None:
    deadline = time.monotonic() + 180
    while not is_so():
        assert process is None or process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)


def _processes(word: bytes) -> list[str]:
    """The processes that have a word in their environment."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if word in (entry / "environ").read_bytes():
                found.append(entry.name)
        except OSError:
            continue
    return found


@pytest.mark.parametrize(("signum", "code"), [(signal.SIGKILL, -signal.SIGKILL), (signal.SIGTERM, 143)])
def test_a_killed_driver_leaves_no_worker_and_the_same_command_carries_on(
    faces: Path, tmp_path: Path, signum: int, code: int
) -> None:
    source, hold = tmp_path / "faces", tmp_path / "hold"
    shutil.copytree(faces, source)
    with sorted(source.rglob("*.png"))[-20].open("ab") as file:
        file.write(f"hold {hold}".encode())
    predict(PredictOptions((str(source),), tmp_path / "local.parquet", model="seed-cnn", shard_size=6, batch_size=3))
    hold.touch()
    out, work = tmp_path / "r.parquet", tmp_path / "r.parquet.work"
    environment = os.environ | {"PYTHONPATH": deadly_path(tmp_path / "site"), "THIS_TEST": str(tmp_path)}
    command = _command(source, out, "--engine", "ray", "--num-workers", 1)
    process = subprocess.Popen(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment)
    _until(lambda: list(work.glob("begun-*")) and list(work.glob("part-*")), process)
    process.send_signal(signum)
    _, said = process.communicate(timeout=120)
    assert process.returncode == code, said
    assert "Traceback" not in said
    _until(lambda: not _processes(f"THIS_TEST={tmp_path}".encode()))
    if signum == signal.SIGTERM:
        assert "the same command carries on" in said
        assert list(work.glob("begun-*")) == [], "the shard was dropped, not suspected"
    assert not out.exists()
    hold.unlink()
    again = command if signum == signal.SIGKILL else _command(source, out)  # either engine carries on
    done = subprocess.run([*again, "--quiet"], capture_output=True, text=True, env=environment)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert pq.read_table(out).equals(pq.read_table(tmp_path / "local.parquet"))
    assert not work.exists()


@pytest.mark.parametrize(("bucket", "name"), [("s3", "r.parquet"), ("gs", "r")], indirect=["bucket"])
def test_rays_result_on_a_store_is_the_local_one(faces: Path, tmp_path: Path, bucket: Bucket, name: str) -> None:
    files = sorted(faces.rglob("*.png"))[:20]
    for number, file in enumerate(files):
        bucket.put(f"a b/50%#ü {number:02d}.png", file.read_bytes())
    local, source = tmp_path / "local.parquet", bucket.uri("a b")
    how = ("--model", "seed-cnn", "--shard-size", "6", "--quiet")
    command = [sys.executable, "-m", "batch_emotion", "predict", source, *how, "--out"]
    subprocess.run([*command, str(local)], check=True)
    out = bucket.uri(f"results/50%#ü {name}")
    done = subprocess.run([*command, out, "--engine", "ray", "--num-workers", "2"], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    rows = read_result(output_place(out))
    assert rows["path"].to_pylist() == [f"{source}/50%#ü {number:02d}.png" for number in range(len(files))]
    assert rows.equals(read_result(local))
