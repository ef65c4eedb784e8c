"""Fixtures: a folder of synthetic faces, and every way in which a file can be bad."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from batch_emotion import SampleOptions, sample
from tests.images.pictures import wide_bmp

pytest_plugins = ("tests.support.store",)


@pytest.fixture(scope="session")
def faces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data") / "faces"
    sample(SampleOptions(folder, count=8))
    return folder


@pytest.fixture
def bad_files(tmp_path: Path) -> dict[str, str]:
    """Make one file of every kind of badness; gives the status that each name must get."""
    folder = tmp_path / "bad"
    folder.mkdir()
    face = np.random.default_rng(0).integers(0, 255, (64, 48, 3), np.uint8)
    jpeg = cv2.imencode(".jpg", face)[1].tobytes()
    (folder / "cut.jpg").write_bytes(jpeg[: len(jpeg) // 2])
    (folder / "empty.jpg").write_bytes(b"")
    (folder / "text.jpg").write_bytes(b"this is no image")
    (folder / "film.heic").write_bytes(b"\0\0\0\x18ftypmp42\0\0\0\0isommp42\0\0\0\x08moov")
    (folder / "wide.bmp").write_bytes(wide_bmp())
    (folder / "directory.jpg").mkdir()
    os.mkfifo(folder / "fifo.jpg")
    (folder / "dangling.jpg").symlink_to("nowhere.jpg")
    Image.new("1", (12_000, 12_000)).save(folder / "bomb.png")
    with (folder / "large.jpg").open("wb") as file:
        file.truncate(300 * 2**20)
    (folder / "header.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"\0" * 40)
    return {
        "cut.jpg": "corrupt",
        "empty.jpg": "empty",
        "text.jpg": "unsupported",
        "film.heic": "unsupported",
        "wide.bmp": "too_large",
        "directory.jpg": "not_a_file",
        "fifo.jpg": "not_a_file",
        "dangling.jpg": "missing",
        "bomb.png": "too_large",
        "large.jpg": "too_large",
        "header.png": "corrupt",
        "gone.jpg": "missing",
    }
