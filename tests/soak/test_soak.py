"""What takes long: kills at random moments, and the full-size data where it is at hand."""

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from batch_emotion import load_bundle
from batch_emotion.commands.sample import SampleOptions, sample
from batch_emotion.images.decode import load_image
from batch_emotion.records import Limits
from tests.month import Month, live_through, small_disk

pytestmark = pytest.mark.soak

KILLS = int(os.environ.get("SOAK_KILLS", "100"))


def _command(source: Path, out: Path) -> list[str]:
    arguments = ["predict", str(source), "--out", str(out), "--shard-size", "64", "--quiet"]
    return [sys.executable, "-m", "batch_emotion", *arguments]


def test_runs_killed_at_random_moments_end_with_the_same_rows(tmp_path: Path) -> None:
    sample(SampleOptions(tmp_path / "faces", count=800))
    began = time.monotonic()
    subprocess.run(_command(tmp_path / "faces", tmp_path / "whole.parquet"), check=True)
    duration = time.monotonic() - began
    whole = pq.read_table(tmp_path / "whole.parquet")
    rng = random.Random(0)
    killed = 0
    for number in range(KILLS):
        out = tmp_path / f"{number}.parquet"
        process = subprocess.Popen(_command(tmp_path / "faces", out))
        time.sleep(rng.uniform(0, 1.1 * duration))
        process.kill()
        killed += process.wait() != 0
        subprocess.run(_command(tmp_path / "faces", out), check=True)
        assert pq.read_table(out).equals(whole)
    assert killed > KILLS // 2


def test_a_folder_of_faces_at_full_size_equals_keras(tmp_path: Path) -> None:
    """``SOAK_FACES`` names a folder of FER-2013's size, or of any other."""
    source = os.environ.get("SOAK_FACES")
    if not source:
        pytest.skip("SOAK_FACES does not name a folder of faces")
    subprocess.run(_command(Path(source), tmp_path / "r.parquet"), check=True)
    table = pq.read_table(tmp_path / "r.parquet")
    planned = sum(len(files) for _, _, files in os.walk(source))
    assert len(table) == planned
    scored = table.filter(np.array(table["status"].to_pylist()) == "ok")
    bundle = load_bundle()
    pixels = [load_image(path, bundle.card.input, Limits()).pixels for path in scored["path"].to_pylist()]
    expected = bundle.keras_model().predict(np.stack(pixels), batch_size=256, verbose=0)
    got = np.stack([scored[f"p_{name}"].to_numpy() for name in bundle.card.class_names], axis=1)
    assert np.abs(got - expected).max() <= 1e-4


@pytest.mark.parametrize("name", ["r.parquet", "r.csv", "r"])
def test_a_month_of_nights_ends_like_a_fresh_run(tmp_path: Path, faces: Path, name: str) -> None:
    with small_disk(tmp_path / "disk") as is_small:
        month = Month(tmp_path, tmp_path / "disk", sorted(faces.rglob("*.png")), name, images=60)
        live_through(month, 30, is_small)
        month.equals_a_fresh_run((tmp_path / "fresh").with_suffix(Path(name).suffix))
