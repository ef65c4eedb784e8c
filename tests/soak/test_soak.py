"""What takes long: kills at random moments, and data of full size."""

import csv
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from batch_emotion import SampleOptions, load_bundle, sample
from batch_emotion.images.decode import load_image
from batch_emotion.images.synthetic import EMOTIONS
from batch_emotion.options.images import Limits
from tests.support.month import Month, live_through, small_disk

pytestmark = pytest.mark.soak

KILLS = int(os.environ.get("SOAK_KILLS", "100"))
FACES = 26_730


def _command(source: Path, out: Path, shard_size: int = 64) -> list[str]:
    arguments = ["predict", str(source), "--out", str(out), "--shard-size", str(shard_size), "--quiet"]
    return [sys.executable, "-m", "batch_emotion", *arguments]


def test_runs_killed_at_random_moments_end_with_the_same_rows(tmp_path: Path) -> None:
    sample(SampleOptions(tmp_path / "faces", count=100))
    began = time.monotonic()
    subprocess.run(_command(tmp_path / "faces", tmp_path / "whole.parquet", shard_size=16), check=True)
    duration = time.monotonic() - began
    whole = pq.read_table(tmp_path / "whole.parquet")
    rng = random.Random(0)
    killed = 0
    while killed < KILLS:
        out = tmp_path / f"{killed}.parquet"
        began = time.monotonic()
        process = subprocess.Popen(_command(tmp_path / "faces", out, shard_size=16))
        try:
            process.wait(rng.uniform(0, duration))
            duration = time.monotonic() - began  # it was faster than the runs before
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            killed += 1
        subprocess.run(_command(tmp_path / "faces", out, shard_size=16), check=True)
        assert pq.read_table(out).equals(whole)
        out.unlink()


def test_faces_at_full_size_with_bad_files_among_them_equal_keras(tmp_path: Path, bad_files: dict[str, str]) -> None:
    """``SOAK_FACES`` names folders, each with a folder per class, such as FER-2013's; without it, faces are drawn."""
    named = os.environ.get("SOAK_FACES")
    if not named:
        sample(SampleOptions(tmp_path / "faces", count=FACES // len(EMOTIONS)))
    folders = [Path(folder) for folder in named.split(os.pathsep)] if named else [tmp_path / "faces"]
    faces = [str(path) for folder in folders for emotion in EMOTIONS for path in sorted((folder / emotion).iterdir())]
    order = list(faces)
    for number, name in enumerate(bad_files):
        order.insert((number + 1) * len(faces) // len(bad_files), str(tmp_path / "bad" / name))
    with (tmp_path / "m.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["path"], *([path] for path in order)])
    subprocess.run(_command(tmp_path / "m.csv", tmp_path / "r.parquet", shard_size=4096), check=True)
    table = pq.read_table(tmp_path / "r.parquet")
    assert table["path"].to_pylist() == order
    statuses = dict(zip(order, table["status"].to_pylist(), strict=True))
    assert {Path(path).name: statuses[path] for path in order if path not in set(faces)} == bad_files
    assert {statuses[path] for path in faces} == {"ok"}

    bundle = load_bundle()
    model, spec = bundle.keras_model(), bundle.card.input
    scored = table.filter(pc.equal(table["status"], "ok"))
    got = np.stack([scored[f"p_{name}"].to_numpy() for name in bundle.card.class_names], axis=1)
    for start in range(0, len(faces), 1024):
        pixels = [load_image(path, spec, Limits()).pixels for path in faces[start : start + 1024]]
        expected = model.predict_on_batch(np.stack(pixels).astype(np.float32))
        assert np.abs(got[start : start + 1024] - expected).max() <= 1e-4


@pytest.mark.parametrize("name", ["r.parquet", "r.csv", "r"])
def test_a_month_of_nights_ends_like_a_fresh_run(tmp_path: Path, faces: Path, name: str) -> None:
    with small_disk(tmp_path / "disk") as is_small:
        month = Month(tmp_path, tmp_path / "disk", sorted(faces.rglob("*.png")), name, images=60)
        live_through(month, 30, is_small)
        month.equals_a_fresh_run((tmp_path / "fresh").with_suffix(Path(name).suffix))
