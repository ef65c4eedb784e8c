"""Memory over time stays flat: in one long run, and in one process that runs night after night.

``SOAK_MINUTES`` says for how long each of the two; what is seen is printed (``-s``).
"""

import csv
import itertools
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from batch_emotion import SampleOptions, sample
from batch_emotion.errors import ExitCode

pytestmark = [
    pytest.mark.soak,
    pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="only Linux tells a process's memory so"),
]

MINUTES = float(os.environ.get("SOAK_MINUTES", "10"))
MOST_IMAGES_PER_SECOND = 6000
_NIGHTS = """
import itertools, shutil, sys, time
from pathlib import Path
from batch_emotion import PredictOptions, UpdateOptions, predict

faces, source, out, seconds = *map(Path, sys.argv[1:4]), float(sys.argv[4])
pictures = sorted(faces.rglob("*.png"))
source.mkdir()
options = PredictOptions((str(source),), out, shard_size=64, update=UpdateOptions(prune=True, max_prune=0.5))
until = time.monotonic() + seconds
for night in itertools.count():
    if time.monotonic() > until:
        break
    for number in range(100):  # half of them new or changed, and some gone
        picture = pictures[(night * 37 + number) % len(pictures)]
        shutil.copyfile(picture, source / f"{(night * 50 + number) % 300:03d}.png")
    for number in range(20):
        (source / f"{(night * 71 + number) % 300:03d}.png").unlink(missing_ok=True)
    print(predict(options).summary.scored, flush=True)
"""


def _own_memory(pid: int) -> int:
    """Bytes that a process holds and that no file backs."""
    found = re.search(r"^RssAnon:\s+(\d+) kB$", Path(f"/proc/{pid}/status").read_text(), re.M)
    return int(found[1]) * 1024 if found else 0


def _watched(process: subprocess.Popen[str]) -> Iterator[int]:
    while process.poll() is None:
        yield _own_memory(process.pid)
        time.sleep(0.5)


def _is_flat(memory: list[int]) -> bool:
    """Whether the last quarter needs at most a twentieth more than the one before."""
    quarter = len(memory) // 4
    most = [max(memory[at : at + quarter]) for at in range(0, 4 * quarter, quarter)]
    print(f"{len(memory) // 2} s, MiB in each quarter: {[round(each / 2**20) for each in most]}")
    return most[3] <= 1.05 * most[2]


def test_a_long_run_needs_no_more_memory_the_longer_it_lasts(tmp_path: Path, faces: Path) -> None:
    names = [str(face) for face in sorted(faces.rglob("*.png"))]
    with (tmp_path / "m.csv").open("w", newline="", encoding="utf-8") as file:
        rows = itertools.islice(itertools.cycle(names), int(MINUTES * 60 * MOST_IMAGES_PER_SECOND))
        csv.writer(file).writerows([["path"], *([name] for name in rows)])
    words = ["predict", str(tmp_path / "m.csv"), "--out", str(tmp_path / "r.parquet"), "--quiet"]
    words += ["--time-limit", f"{MINUTES}m", "--shard-size", "2048"]
    command = [sys.executable, "-m", "batch_emotion", *words]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        memory = list(_watched(process))
        assert process.stderr is not None
        told = process.stderr.read()
    print(told.strip())
    assert process.returncode == ExitCode.TIME_LIMIT, told
    assert _is_flat(memory)


def test_nights_in_one_process_need_no_more_memory_than_the_first_ones(tmp_path: Path) -> None:
    sample(SampleOptions(tmp_path / "faces", count=50))
    words = [str(tmp_path / name) for name in ("faces", "source", "r.parquet")]
    command = [sys.executable, "-c", _NIGHTS, *words, str(MINUTES * 60)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        memory = list(_watched(process))
        assert process.stdout is not None
        scored = [int(line) for line in process.stdout]
    print(f"{len(scored)} nights, {sum(scored)} images scored")
    assert process.returncode == 0
    assert _is_flat(memory)
