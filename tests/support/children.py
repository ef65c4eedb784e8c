"""Child processes that run a test's code before their own."""

from __future__ import annotations

import os
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
