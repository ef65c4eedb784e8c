"""What finding faces costs, and what it costs those who do not ask for it.

``BENCH_FACES`` names a folder of face crops, such as FER-2013's public test, that are pasted into the photos; without
it they show the one face of scikit-image's ``astronaut``. ``BENCH_BASELINE`` names the source tree of an earlier
version, whose speed over crops is compared with this one's.
"""

import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

import batch_emotion
from batch_emotion.images.decode import decode, decode_whole
from batch_emotion.images.detectors import HaarDetector
from batch_emotion.images.faces import FaceLoader, find_faces
from batch_emotion.images.synthetic import write_samples
from batch_emotion.model.bundle import load_bundle
from batch_emotion.options.images import FaceOptions, Limits
from batch_emotion.records import InputSpec
from tests.support.composites import Box, iou, paste_head, skimage_file

pytestmark = pytest.mark.bench

WIDTH, HEIGHT = 1632, 1224
PHOTOS = int(os.environ.get("BENCH_PHOTOS", "40"))
CROPS = int(os.environ.get("BENCH_CROPS", "10000"))
CELL = 408
SIDES = (60, 80, 100, 140, 200)


def _photos(folder: Path) -> list[tuple[Path, list[Box]]]:
    """Photos of 2 megapixels as JPEG, with six faces each, of any size that a cell holds, and where they are."""
    rng = random.Random(0)
    backgrounds = [cv2.imread(str(skimage_file(name))) for name in ("coffee.png", "rocket.jpg", "chelsea.png")]
    crops = sorted(Path(os.environ["BENCH_FACES"]).rglob("*.*")) if "BENCH_FACES" in os.environ else []
    made = []
    for number in range(PHOTOS):
        photo = cv2.resize(backgrounds[number % len(backgrounds)], (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
        photo = cv2.cvtColor(photo, cv2.COLOR_BGR2RGB)
        boxes = []
        for cell in rng.sample(range(12), 6):
            side = rng.choice(SIDES)
            left, top = cell % 4 * CELL, cell // 4 * CELL
            if crops:
                x, y = left + rng.randrange(CELL - side), top + rng.randrange(CELL - side)
                face = decode(rng.choice(crops).read_bytes(), InputSpec((side, side)), Limits()).pixels
                assert face is not None
                photo[y : y + side, x : x + side] = face
                boxes.append((x, y, side, side))
            else:
                boxes.append(paste_head(photo, left + CELL // 4, top + CELL // 3, side, rng.random() < 0.5))
        file = folder / f"{number:03d}.jpg"
        cv2.imwrite(str(file), cv2.cvtColor(photo, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 90])
        made.append((file, boxes))
    return made


def test_detection_against_the_plain_cascade_at_full_size(tmp_path: Path) -> None:
    photos = _photos(tmp_path)
    detector = HaarDetector()
    cascade = detector._cascade
    load = FaceLoader(InputSpec((64, 64)), Limits(), FaceOptions("haar"))

    def plainly(pixels: np.ndarray) -> list[Box]:
        return [tuple(box) for box in cascade.detectMultiScale(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY))]

    def ours(pixels: np.ndarray) -> list[Box]:
        return [face[1:5] for face in find_faces(pixels, (WIDTH, HEIGHT), detector, FaceOptions("haar"))]

    ways: dict[str, Callable[[np.ndarray], list[Box]]] = {"plain": plainly, "ours": ours}
    seconds: dict[str, list[float]] = {"decode": [], "whole": [], **{way: [] for way in ways}}
    hits, strays = dict.fromkeys(ways, 0), dict.fromkeys(ways, 0)
    for file, boxes in photos:
        data = file.read_bytes()
        began = time.perf_counter()
        pixels = decode_whole(data, False, Limits(), lambda size, upright: 1).pixels
        assert pixels is not None
        seconds["decode"].append(time.perf_counter() - began)
        for way, find in ways.items():
            began = time.perf_counter()
            found = find(pixels)
            seconds[way].append(time.perf_counter() - began)
            hits[way] += sum(any(iou(box, each) >= 0.5 for each in found) for box in boxes)
            strays[way] += sum(all(iou(box, each) < 0.3 for box in boxes) for each in found)
        began = time.perf_counter()
        load(str(file))
        seconds["whole"].append(time.perf_counter() - began)
    faces = sum(len(boxes) for _, boxes in photos)
    median = {way: statistics.median(taken) for way, taken in seconds.items()}
    print(
        f"\n{len(photos)} photos of {WIDTH}x{HEIGHT}, {faces} faces of {min(SIDES)} to {max(SIDES)} pixels, one thread"
    )
    for way in ways:
        print(
            f"{way:<6} {1 / median[way]:6.1f} photos/s ({1000 * median[way]:.0f} ms), recall {hits[way] / faces:.3f}, "
            f"{strays[way]} boxes where no face is"
        )
    print(f"detection alone: {median['plain'] / median['ours']:.2f} times as fast")
    print(
        f"decoding takes {1000 * median['decode']:.0f} ms, decoding, finding and cropping {1000 * median['whole']:.0f}"
    )
    assert hits["ours"] >= 0.95 * hits["plain"]


def test_crops_are_as_fast_as_before(tmp_path: Path) -> None:
    write_samples(tmp_path / "some", 30)
    some = sorted((tmp_path / "some").rglob("*.png"))
    (tmp_path / "crops").mkdir()
    for number in range(CROPS):
        shutil.copy(some[number % len(some)], tmp_path / "crops" / f"{number:06d}.png")
    here = Path(batch_emotion.__file__).parents[1]
    trees = {"now": here} | ({"before": Path(os.environ["BENCH_BASELINE"])} if "BENCH_BASELINE" in os.environ else {})
    pace: dict[str, list[float]] = {tree: [] for tree in trees}
    for _ in range(5):
        for tree, root in trees.items():
            out = tmp_path / "r.parquet"
            command = [sys.executable, "-m", "batch_emotion", "predict", str(tmp_path / "crops"), "--out", str(out)]
            command += ["--model", str(load_bundle("seed-cnn").folder)]
            environment = os.environ | {"PYTHONPATH": str(root)}
            subprocess.run([*command, "--quiet", "--overwrite"], env=environment, cwd=tmp_path, check=True)
            counts = json.loads((tmp_path / "r.parquet.run.json").read_text())["last_run"]
            assert counts["images"] == CROPS
            pace[tree].append(counts["images_per_second"])
    median = {tree: statistics.median(each) for tree, each in pace.items()}
    print(f"\n{CROPS} crops: " + ", ".join(f"{each:,.0f} images/s {tree}" for tree, each in median.items()))
    if "before" in median:
        print(f"now / before: {median['now'] / median['before']:.3f}")
