"""A process that is killed while it lists."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from batch_emotion import PredictOptions, predict
from batch_emotion.options.images import SourceOptions
from tests.support.children import command, environment

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc for the files a process has open")


def _unnamed_files(pid: int, folder: Path) -> list[str]:
    """What a process has open in a folder that has no name there."""
    found = []
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        try:
            opened = str(descriptor.readlink())
        except FileNotFoundError:
            continue
        if opened.startswith(f"{folder}/") and opened.endswith("(deleted)"):
            found.append(opened)
    return found


def test_a_kill_while_the_names_are_listed_leaves_nothing_and_the_next_run_lists_anew(
    faces: Path, tmp_path: Path
) -> None:
    out = tmp_path / "r.parquet"
    arguments = command("predict", "-", "--root", faces, "--out", out)
    listing = subprocess.Popen(arguments, stdin=subprocess.PIPE, env=environment())
    assert listing.stdin is not None
    lines = b"".join(b"some/folder/of/faces-that-are-not-there/%09d.png\n" % number for number in range(200_000))
    listing.stdin.write(lines)
    listing.stdin.flush()
    deadline = time.monotonic() + 120
    while not _unnamed_files(listing.pid, tmp_path):
        assert listing.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    os.kill(listing.pid, signal.SIGKILL)
    assert listing.wait() == -signal.SIGKILL
    listing.stdin.close()
    assert os.listdir(tmp_path) == []
    names = "\n".join(str(image.relative_to(faces)) for image in sorted(faces.rglob("*.png")))
    (tmp_path / "names").write_text(names)
    with (tmp_path / "names").open("rb") as stdin:
        made = predict(PredictOptions(("-",), out, source=SourceOptions(stdin=stdin, root=faces)))
    assert made.summary.statuses == {"ok": 48}
    assert {name for name in os.listdir(tmp_path) if "work" in name or "tmp" in name} == set()
