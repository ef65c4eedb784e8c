"""Which faces each detector finds, by their size and turn, and how many boxes show no face.

``BENCH_PHOTOS`` names a folder of photos with a ``boxes.csv`` (file, x, y, width, height); ``BENCH_FACES`` a folder of
face crops, such as FER-2013's public test, which are pasted into pictures without faces; ``BENCH_DETECTOR`` (YuNet's
model) is optional. A face is found where a box overlaps its own by an IoU of 0.3.
"""

import csv
import os
import random
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from batch_emotion.images.detectors import Detector, open_detector
from batch_emotion.images.faces import find_faces
from batch_emotion.options.images import FaceOptions
from tests.support.composites import Box, iou, paste_turned, skimage_file

pytestmark = pytest.mark.bench

WIDTH, HEIGHT = 1024, 768
SIDES = (48, 72, 100, 144, 200)
TURNS = (0, 15, 30, 45)
EACH = int(os.environ.get("BENCH_EACH", "120"))
SCENES = ("coffee.png", "rocket.jpg", "motorcycle_left.png", "brick.png", "grass.png")


def _detectors() -> Iterator[Detector]:
    yield open_detector(FaceOptions("centerface"))
    yield open_detector(FaceOptions("haar"))
    if "BENCH_DETECTOR" in os.environ:
        yield open_detector(FaceOptions(detector_model=Path(os.environ["BENCH_DETECTOR"])))


def _rgb(file: Path) -> np.ndarray:
    return cv2.cvtColor(cv2.imread(str(file)), cv2.COLOR_BGR2RGB)


def test_photos() -> None:
    folder = Path(os.environ.get("BENCH_PHOTOS", ""))
    if not (folder / "boxes.csv").is_file():
        pytest.skip("BENCH_PHOTOS does not name a folder of photos with a boxes.csv")
    boxes: dict[str, list[Box]] = defaultdict(list)
    with (folder / "boxes.csv").open() as file:
        for row in csv.DictReader(file):
            boxes[row["file"]].append((int(row["x"]), int(row["y"]), int(row["width"]), int(row["height"])))
    photos = {file.name: _rgb(file) for file in sorted(folder.glob("*.jpg"))}
    faces = sum(map(len, boxes.values()))
    network = open_detector(FaceOptions("centerface"))._network  # type: ignore[attr-defined]
    full = {name: network.look(pixels, 0.5) for name, pixels in photos.items()}
    for detector in _detectors():
        hits = strays = of_full = 0
        for name, pixels in photos.items():
            found = find_faces(pixels, pixels.shape[1::-1], detector, FaceOptions())
            hits += sum(any(iou(box, face[1:5]) >= 0.3 for face in found) for box in boxes[name])
            of_full += sum(any(iou(box, face[1:5]) >= 0.3 for face in found) for box in full[name][:, :4].tolist())
            strays += sum(all(iou(box, face[1:5]) < 0.3 for box in boxes[name]) for face in found)
        seen = sum(map(len, full.values()))
        print(
            f"\n{detector.name}: {hits} of {faces} faces in {len(photos)} photos, {strays} boxes where no face is; ",
            end="",
        )
        print(f"{of_full} of the {seen} that CenterFace finds at full size with a score of 0.5")
        if detector.name == "centerface":
            assert hits >= 0.95 * faces
            assert of_full >= 0.95 * seen


def test_pasted_faces_by_size_and_turn() -> None:
    folder = os.environ.get("BENCH_FACES")
    if not folder:
        pytest.skip("BENCH_FACES does not name a folder of face crops")
    rng = random.Random(0)
    crops = rng.sample(sorted(Path(folder).rglob("*.*")), EACH)
    for detector in _detectors():
        print(f"\n{detector.name}, found of {EACH} faces in {WIDTH}x{HEIGHT} and in brackets boxes where no face is")
        print("side " + "".join(f"{turn:>14}°" for turn in TURNS))
        for side in SIDES:
            line = f"{side:4d} "
            for turn in TURNS:
                hits = strays = 0
                for first in range(0, EACH, 2):
                    scene = cv2.resize(_rgb(skimage_file(SCENES[first // 2 % len(SCENES)])), (WIDTH, HEIGHT))
                    pasted = []
                    for at, file in enumerate(crops[first : first + 2]):
                        x, y = 256 + 512 * at + rng.randint(-90, 90), 384 + rng.randint(-200, 200)
                        pasted.append(paste_turned(scene, _rgb(file), (x, y), side, turn))
                    found = find_faces(scene, (WIDTH, HEIGHT), detector, FaceOptions())
                    hits += sum(any(iou(box, face[1:5]) >= 0.3 for face in found) for box in pasted)
                    strays += sum(all(iou(box, face[1:5]) < 0.3 for box in pasted) for face in found)
                line += f"{hits / EACH:11.3f} ({strays})"
            print(line)


def test_scenes_without_faces() -> None:
    for detector in _detectors():
        found = {
            name: len(find_faces(pixels, pixels.shape[1::-1], detector, FaceOptions()))
            for name in SCENES
            for pixels in [_rgb(skimage_file(name))]
        }
        print(f"\n{detector.name}: {sum(found.values())} boxes in {len(found)} pictures without faces: {found}")
