"""A simulated month: a folder that lives, a job that looks after its result, and nights in which something happens."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from batch_emotion import PredictOptions, predict
from batch_emotion.commands.predict import PredictResult
from batch_emotion.errors import BatchEmotionError, OutputBusy, SourceError
from batch_emotion.options.runs import MonitoringOptions, UpdateOptions
from batch_emotion.results.reader import read_result
from tests.support.children import path_with

SHARD = 4
_IN_CHILD = """
import os, signal, time, batch_emotion.storage.commits as storage, batch_emotion.images.decode as decode
replace, real = storage.Path.replace, decode.decode
def dying(self, target):
    moved = replace(self, target)
    if os.environ.get("DIE_AFTER") and str(target).endswith(os.environ["DIE_AFTER"]):
        os.kill(os.getpid(), signal.SIGKILL)
    return moved
def slow(data, *how):
    time.sleep(float(os.environ.get("DECODE_S", "0")))
    return real(data, *how)
storage.Path.replace, decode.decode = dying, slow
"""


class Month:
    """The folder, its result, and what may happen."""

    def __init__(self, folder: Path, disk: Path, faces: Sequence[Path], name: str, images: int) -> None:
        self.source, self.out, self.metrics = folder / "photos", disk / name, folder / "x.prom"
        self._disk, self._faces, self._rng, self._made = disk, faces, random.Random(0), 0
        self._python_path = path_with(folder / "site", _IN_CHILD)
        self.source.mkdir()
        for _ in range(images):
            self._add()

    def day(self) -> None:
        """Images are added, changed, removed, corrupted and repaired."""
        for _ in range(4):
            self._add()
        here = sorted(self.source.iterdir())
        changed, corrupted, removed, also_removed, cut = self._rng.sample(here, 5)
        self._draw(changed)
        corrupted.write_bytes(b"no image " * self._rng.randint(1, 9))
        cut.write_bytes(cut.read_bytes()[: cut.stat().st_size // 2])
        removed.unlink()
        also_removed.unlink()
        broken = [path for path in sorted(self.source.iterdir()) if path.read_bytes()[:2] == b"no"]
        self._draw(broken[0])

    def quiet_night(self) -> None:
        """Nothing happens."""
        self._adds_up(self._run())

    def killed_night(self) -> None:
        """The process is killed after its first shard."""
        child = subprocess.run(self._command(), env=self._environment(DIE_AFTER="part-000000.parquet"))
        assert child.returncode == -signal.SIGKILL

    def night_with_a_full_disk(self, is_small: bool) -> None:
        """Space runs out somewhere on the way: the old result stays, and the metrics say that the night failed."""
        before = read_result(self.out)
        if is_small:
            with (self._disk / "ballast").open("wb") as ballast, pytest.raises(OSError):
                while True:
                    os.write(ballast.fileno(), b"x" * 4096)
            with pytest.raises(BatchEmotionError, match=r"No space left.*free some space.*same command again"):
                self._run()
            (self._disk / "ballast").unlink()
        else:
            child = subprocess.run(
                self._command(), env=self._environment(), preexec_fn=_small_files, capture_output=True, text=True
            )
            assert child.returncode == 1
            assert "free some space" in child.stderr
            assert child.stderr.count("\n") == 1
        assert read_result(self.out).equals(before)
        assert 'exit_code{job="photos"} 1.0' in self.metrics.read_text()

    def night_with_two_runs(self) -> None:
        """A second run ends at once and names the first; a third that waits has its turn."""
        first = subprocess.Popen(self._command(), env=self._environment(DECODE_S="0.3"))
        lock = self.out.with_name(self.out.name + ".lock")
        deadline = time.monotonic() + 120
        while f"pid {first.pid} since " not in lock.read_text():
            assert first.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.01)
        with pytest.raises(OutputBusy, match=rf"pid {first.pid} since \d{{4}}-"):
            self._run()
        self._adds_up(self._run(wait_s=300))
        assert first.wait() == 0

    def night_with_an_empty_folder(self) -> None:
        """The disk with the images is not there; the result stays, and the run is told to have failed."""
        before = read_result(self.out)
        away = self.source.rename(self.source.with_name("away"))
        self.source.mkdir()
        with pytest.raises(SourceError, match="no images found"):
            self._run()
        self.source.rmdir()
        away.rename(self.source)
        assert read_result(self.out).equals(before)
        assert self._told()["exit_code"] == 2

    def equals_a_fresh_run(self, fresh: Path) -> None:
        """The result is the one that a run over the folder as it is now would make."""
        predict(PredictOptions((str(self.source),), fresh, shard_size=SHARD))
        assert read_result(self.out).equals(read_result(fresh))
        work = self.out.with_name(self.out.name + ".work")
        assert not work.exists()

    def _run(self, wait_s: float = 0.0) -> PredictResult:
        update = UpdateOptions(prune=True, retry_failures=True)
        return predict(
            PredictOptions(
                (str(self.source),),
                self.out,
                shard_size=SHARD,
                update=update,
                wait=wait_s,
                monitoring=MonitoringOptions("photos", self.metrics),
            )
        )

    def _command(self) -> list[str]:
        arguments = ["predict", str(self.source), "--out", str(self.out), "--shard-size", str(SHARD), "--quiet"]
        arguments += ["--update", "--prune", "--retry-failures", "--job", "photos", "--metrics-file", str(self.metrics)]
        return [sys.executable, "-m", "batch_emotion", *arguments]

    def _environment(self, **variables: str) -> dict[str, str]:
        return os.environ | {"PYTHONPATH": self._python_path} | variables

    def _told(self) -> dict[str, Any]:
        told: dict[str, Any] = json.loads(self.out.with_name(self.out.name + ".run.json").read_text())["last_run"]
        return told

    def _adds_up(self, result: PredictResult) -> None:
        told, update = self._told(), self._told()["update"]
        planned = len(list(self.source.iterdir()))
        assert told["exit_code"] == 0
        assert update["unchanged"] + update["new"] + update["changed"] + update["retried"] == planned
        assert told["scored_in_this_run"] + update["reused"] == planned - update["unchanged"]
        assert told["images"] == sum(told["statuses"].values()) == planned == result.summary.rows
        assert sum(told["emotions"].values()) == told["statuses"]["ok"]
        assert update["vanished"] == 0

    def _add(self) -> None:
        self._made += 1
        self._draw(self.source / f"{self._rng.randint(0, 999):03d}-{self._made:04d}.png")

    def _draw(self, file: Path) -> None:
        pixels = cv2.imread(str(self._rng.choice(self._faces)))
        assert pixels is not None
        cv2.imwrite(str(file), np.roll(pixels, self._rng.randint(-9, 9), axis=1))


def _small_files() -> None:
    """No file may grow over a few KiB, as under a quota that is used up; Python and Arrow get EFBIG."""
    import resource

    resource.setrlimit(resource.RLIMIT_FSIZE, (6000, 6000))


@contextmanager
def small_disk(folder: Path) -> Iterator[bool]:
    """Make a folder that holds 2 MiB, where the system lets this process mount one; gives whether it did."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)]
    try:
        mounted = subprocess.run(mount, capture_output=True).returncode == 0
    except FileNotFoundError:
        mounted = False
    try:
        yield mounted
    finally:
        if mounted:
            subprocess.run(["umount", "--lazy", str(folder)], check=True)


def live_through(month: Month, nights: int, is_small: bool) -> None:
    """Let ``nights`` pass, with trouble spread over them, and end with a night after the last trouble."""
    month.quiet_night()
    trouble = {
        nights // 5: month.killed_night,
        2 * nights // 5: lambda: month.night_with_a_full_disk(is_small),
        3 * nights // 5: month.night_with_two_runs,
        4 * nights // 5: month.night_with_an_empty_folder,
    }
    for night in range(1, nights):
        month.day()
        trouble.get(night, month.quiet_night)()
