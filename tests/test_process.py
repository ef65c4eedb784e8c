"""Real processes: killed, interrupted, crashed by an image, and noisy libraries.

Each start costs seconds of imports, so the runs are chained: every one carries on what the last kill left behind and is
the next to be killed.
"""

import json
import signal
import subprocess
from pathlib import Path

import cv2
import numpy as np
import pyarrow.parquet as pq
import pytest

from batch_emotion import PredictOptions, predict
from tests.support.children import CRASHING, command, environment, path_with, start, wait_for

KILL_AT = """
import os, signal, batch_emotion.storage.commits as storage
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
HELD = """
import os, time, batch_emotion.images.decode as decode
real, seen = decode.decode, []
def held(data, *how):
    seen.append(1)
    while len(seen) > 6 and os.path.exists(os.environ["HOLD"]):
        time.sleep(0.01)
    time.sleep(0.05)
    return real(data, *how)
decode.decode = held
"""


def _predict(source: Path, out: Path) -> list[str]:
    return command("predict", source, "--out", out, "--shard-size", 6, "--batch-size", 3)


@pytest.fixture(scope="module")
def whole(faces: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("whole") / "r.parquet"
    predict(PredictOptions((str(faces),), out, shard_size=6, batch_size=3))
    return out


def test_kills_at_every_rename_lose_nothing(faces: Path, tmp_path: Path, whole: Path) -> None:
    path, out = path_with(tmp_path / "site", KILL_AT), tmp_path / "r.parquet"
    work = tmp_path / "r.parquet.work"
    for name in ("fingerprint.json", "part-000004.parquet", "r.parquet", "run.json"):
        for moment in ("before", "after"):
            variables = environment(path, KILL_AT=f"{moment} {name}")
            killed = subprocess.run(_predict(faces, out), capture_output=True, text=True, env=variables)
            assert killed.returncode == -signal.SIGKILL, (moment, name, killed.stderr)
            folder = tmp_path if name in ("r.parquet", "run.json") else work
            reached = next(folder.glob(f"*{name}"), None) is not None
            assert reached == (moment == "after")
    done = subprocess.run(_predict(faces, out), capture_output=True, text=True, env=environment())
    assert done.returncode == 0, done.stderr
    assert pq.read_table(out).equals(pq.read_table(whole))
    assert not work.exists()


@pytest.fixture
def hold(tmp_path: Path) -> Path:
    """A file that, while it is there, holds a run of ``HELD`` in the decoding of the second shard that it scores."""
    hold = tmp_path / "hold"
    hold.touch()
    return hold


def test_signals_stop_a_run_with_their_codes_and_the_same_command_carries_on(
    faces: Path, tmp_path: Path, whole: Path, hold: Path
) -> None:
    out, work = tmp_path / "r.parquet", tmp_path / "r.parquet.work"
    variables = environment(path_with(tmp_path / "site", HELD), HOLD=str(hold))
    for signum, code, moment in (
        (signal.SIGINT, 130, "imports"),
        (signal.SIGTERM, 143, "imports"),
        (signal.SIGINT, 130, "scoring"),
        (signal.SIGTERM, 143, "native code that does not come back"),
    ):
        process = start(_predict(faces, out), variables)
        if moment == "imports":
            wait_for(tmp_path / "r.parquet.lock", process, f"pid {process.pid}")
        else:
            committed = len(list(work.glob("part-*")))
            wait_for(work / f"begun-{committed + 1:06d}", process)
        if moment == "scoring":
            hold.unlink()
        process.send_signal(signum)
        _, said = process.communicate(timeout=60)
        assert process.returncode == code, said
        assert json.loads((tmp_path / "r.parquet.run.json").read_text())["last_run"]["exit_code"] == code
        assert "the same command carries on" in said
        assert "Traceback" not in said
        assert not out.exists()
        if moment == "scoring":
            assert list(work.glob("begun-*")) == [], "the shard was dropped, not suspected"
            hold.touch()

    process = start(_predict(faces, out), variables)
    wait_for(tmp_path / "r.parquet.lock", process, f"pid {process.pid}")
    second = subprocess.run(_predict(faces, out), capture_output=True, text=True, env=variables)
    assert second.returncode == 75
    assert f"pid {process.pid}" in second.stderr
    hold.unlink()
    wait_for(work / "part-000002.parquet", process)
    process.kill()
    process.communicate()
    done = subprocess.run(_predict(faces, out), capture_output=True, text=True, env=environment())
    assert done.returncode == 0, done.stderr
    assert pq.read_table(out).equals(pq.read_table(whole))
    assert not work.exists()


def test_an_image_that_kills_the_process_is_a_row_at_the_next_start(
    tmp_path: Path,
) -> None:
    source = tmp_path / "faces"
    source.mkdir()
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    for number in range(10):
        cv2.imwrite(str(source / f"{number}.png"), noise // (number + 1))
    for name, form in (("1", "jpg"), ("2", "png")):
        data = bytearray(cv2.imencode(f".{form}", noise)[1].tobytes())
        data[len(data) // 2 : len(data) // 2 + 40] = b"\xff\xd4" * 20
        (source / f"{name}.png").write_bytes(bytes(data))
        (source / f"{name}-cut.png").write_bytes(bytes(data[: len(data) // 2]))
    (source / "7.png").write_bytes(b"crash")
    out, variables = tmp_path / "r.parquet", environment(path_with(tmp_path / "site", CRASHING))
    first, again = (
        subprocess.run([*_predict(source, out), "--quiet"], capture_output=True, text=True, env=variables)
        for _ in range(2)
    )
    assert first.returncode == -signal.SIGABRT
    assert again.returncode == 0, again.stderr
    assert first.stdout + first.stderr + again.stdout + again.stderr == ""
    rows = pq.read_table(out).to_pylist()
    statuses = {Path(row["path"]).stem: row["status"] for row in rows}
    assert statuses.pop("7") == "decoder_crash"
    assert {name for name, status in statuses.items() if status != "ok"} <= {"1-cut", "2", "2-cut"}
    assert statuses["1-cut"] == statuses["2-cut"] == "corrupt"
