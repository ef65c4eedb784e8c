"""Images that end whatever process decodes them, for the workers of Ray."""

from __future__ import annotations

from pathlib import Path

from tests.support.children import path_with

SITE = """
import os, signal, sys, time
if any("default_worker" in word or "isolation" in word for word in sys.orig_argv):
    import batch_emotion.images.decode as decode
    real = decode.decode
    def deadly(data, *how):
        if data == b"crash":
            os.abort()
        if data == b"full disk":
            raise OSError(28, "No space left on device")
        _, told, name = data.rpartition(b"kill once ")
        if told and os.path.exists(name):
            os.unlink(name)
            os.kill(os.getpid(), signal.SIGKILL)
        _, told, name = data.rpartition(b"hold ")
        while told and os.path.exists(name):
            time.sleep(0.01)
        return real(data, *how)
    decode.decode = deadly
"""


def deadly_path(folder: Path) -> str:
    """A ``PYTHONPATH`` whose ``sitecustomize`` has every worker of Ray, and every child that decodes, obey images.

    ``crash`` and ``full disk`` are whole contents of a file; ``kill once FILE`` and ``hold FILE`` follow an image, and
    mean nothing when the file is gone.
    """
    return path_with(folder, SITE)
