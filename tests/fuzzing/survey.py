"""Many mutants through the decoder in child processes, and what came of them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.children import ROOT

_SHOWN = 20
_SHARE = 2000
"""Mutants of one process, unless it ends before."""


@dataclass
class Survey:
    """What came of the mutants.

    Attributes:
        statuses: how many got each status.
        faults: of each mutant that broke a rule or ended its process, which and how.
        slowest: (seconds of the processor, mutant).
        hungriest: (bytes of the process at its peak, mutant).
    """

    statuses: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    slowest: tuple[float, str] = (0.0, "")
    hungriest: tuple[int, str] = (0, "")

    def __str__(self) -> str:
        counts = ", ".join(f"{count} {status}" for status, count in self.statuses.most_common())
        return (
            f"{self.statuses.total()} mutants: {counts}; {len(self.faults)} faults\n"
            f"slowest: {self.slowest[0]:.2f} s, {self.slowest[1]}\n"
            f"peak memory: {self.hungriest[0] / 2**20:.0f} MiB, {self.hungriest[1]}"
        )

    @property
    def shown_faults(self) -> str:
        """The first of them, a line each."""
        return "\n".join(["", *sorted(self.faults)[:_SHOWN]])


def survey(folder: Path, numbers: range, workers: int = 2) -> Survey:
    """Try the mutants of these numbers; the files of those with a fault are kept in the folder."""
    found = Survey()
    with ThreadPoolExecutor(workers) as pool:
        length = min(_SHARE, -(-len(numbers) // workers))
        shares = [numbers[at : at + length] for at in range(0, len(numbers), length)]
        for part in pool.map(lambda share: _share(folder, share), shares):
            found.statuses += part.statuses
            found.faults += part.faults
            found.slowest = max(found.slowest, part.slowest)
            found.hungriest = max(found.hungriest, part.hungriest)
    return found


def _share(folder: Path, numbers: range) -> Survey:
    """Try mutants in one process after the other, a new one where one has ended."""
    found = Survey()
    while numbers:
        command = [sys.executable, "-m", "tests.fuzzing.worker", str(folder)]
        command += map(str, (numbers.start, numbers.stop, numbers.step))
        path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]).strip(os.pathsep)
        environment = os.environ | {"PYTHONPATH": path, "OPENCV_LOG_LEVEL": "SILENT"}
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment, cwd=ROOT, text=True
        ) as child:
            assert child.stdout is not None
            for line in child.stdout:
                numbers = numbers[1:]
                _add(found, folder, *json.loads(line))
        if child.returncode == 0:
            break
        how = signal.Signals(-child.returncode).name if child.returncode < 0 else f"exit code {child.returncode}"
        culprit = folder / f"{numbers[0]}.image"
        assert culprit.exists(), f"a worker ended by itself ({how}), at mutant {numbers[0]}"
        found.statuses["ended the process"] += 1
        found.faults.append(f"{how}: {culprit}")
        numbers = numbers[1:]
    return found


def _add(
    found: Survey, folder: Path, number: int, name: str, size: int, status: str | None, fault: str | None, *cost: float
) -> None:
    seconds, peak = cost
    described = f"mutant {number} of {name}, {size} bytes"
    found.statuses[status or "broke a rule"] += 1
    if fault:
        found.faults.append(f"{fault}: {folder / str(number)}.image, of {name}")
    found.slowest = max(found.slowest, (seconds, described))
    if peak > found.hungriest[0]:
        found.hungriest = int(peak), described
