"""Child processes that run a test's code before their own."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import batch_emotion

ROOT = Path(batch_emotion.__file__).parents[1]

CRASHING = """
import os, batch_emotion.images.decode as decode
real = decode.decode
def crashing(data, *how):
    if data == b"crash":
        os.abort()
    return real(data, *how)
decode.decode = crashing
"""
"""A process that decodes an image whose whole content is ``crash`` ends."""


def path_with(folder: Path, code: str) -> str:
    """A ``PYTHONPATH`` by which every child process runs the code first; it is put into a new folder."""
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(code)
    return os.pathsep.join([str(folder), str(ROOT)])


def command(*arguments: object) -> list[str]:
    """The command line of the program."""
    return [sys.executable, "-m", "batch_emotion", *map(str, arguments)]


def environment(path: str = str(ROOT), **variables: str) -> dict[str, str]:
    """This process's environment, in which children find the package, and more variables."""
    return os.environ | {"PYTHONPATH": path} | variables


def start(arguments: list[str], variables: dict[str, str]) -> subprocess.Popen[str]:
    """Start a process whose output is read from pipes."""
    return subprocess.Popen(arguments, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=variables)


def wait_for(path: Path, process: subprocess.Popen[str], content: str = "") -> None:
    """Wait until a process that is still running has made a file, or put the content into it."""
    deadline = time.monotonic() + 120
    while not path.exists() or (content and content not in path.read_text()):
        assert process.poll() is None, f"ended before {path.name} was there: {process.communicate()}"
        assert time.monotonic() < deadline
        time.sleep(0.005)
