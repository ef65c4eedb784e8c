"""A process that measures what decoding takes: ``python -m tests.images.peaks FOLDER``.

For each file of the folder it prints a line: its name, its status, how it is decoded, the bytes at the peak beyond
those before, and the bytes that decoding asked for. It needs Linux, which can forget a process's peak.
"""

from __future__ import annotations

import sys
from pathlib import Path

from batch_emotion.images import decode as decoding
from batch_emotion.options.images import Limits
from batch_emotion.records import InputSpec


def measure(folder: Path) -> None:
    """Decode every file twice, as the first time loads what is loaded once."""
    asked: list[int] = []
    decoding.reserve = asked.append
    for path in sorted(folder.iterdir()):
        data = path.read_bytes()
        for full in (True, False) if "JPEG" in path.name else (True,):
            for _ in range(2):
                Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")
                before = _peak()
                image = decoding.decode(data, InputSpec((48, 48)), Limits(), full)
                taken = _peak() - before
            print(path.name, image.status.value, "in full" if full else "reduced", taken, asked[-1], sep="\t")


def _peak() -> int:
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return 1024 * int(next(line for line in lines if line.startswith("VmHWM")).split()[1])


if __name__ == "__main__":
    measure(Path(sys.argv[1]))
