"""Which margin around a detected face serves the model best, and whether to turn the crop with the face.

``BENCH_FACES`` names labelled face crops, a folder for each class, that are framed like the model's training data but
are not among it, such as FER-2013's public test. Each is pasted into a larger picture, turned by so many degrees, found
there, cropped with different margins, upright or turned with the face, and scored. ``BENCH_MODEL``, ``BENCH_DETECTOR``
(centerface, haar or a YuNet model) and ``BENCH_TURNS`` (0,15,30,45) are optional.
"""

import os
import random
from pathlib import Path

import cv2
import numpy as np
import pytest

from batch_emotion import DEFAULT_MODEL
from batch_emotion.images.decode import resize
from batch_emotion.images.detectors import open_detector
from batch_emotion.images.faces import crop_face, find_faces
from batch_emotion.model.bundle import load_bundle
from batch_emotion.model.runtime import open_runtime
from batch_emotion.options.images import FaceOptions
from batch_emotion.records import InputSpec
from tests.support.composites import backdrop, iou, paste_turned

pytestmark = pytest.mark.bench

MARGINS = (-0.1, -0.05, 0.0, 0.05, 0.1, 0.2, 0.3, 0.4)
EACH = int(os.environ.get("BENCH_EACH", "50"))
NAMES = ("auto", "centerface", "haar")
SIDE = 144


@pytest.mark.parametrize("turn", [int(turn) for turn in os.environ.get("BENCH_TURNS", "0,15,30,45").split(",")])
def test_margins(turn: int) -> None:
    folder = os.environ.get("BENCH_FACES")
    if not folder:
        pytest.skip("BENCH_FACES does not name a folder of labelled face crops")
    bundle = load_bundle(os.environ.get("BENCH_MODEL", DEFAULT_MODEL))
    spec, names = bundle.card.input, bundle.card.class_names
    named = os.environ.get("BENCH_DETECTOR", "auto")
    detector = open_detector(FaceOptions(named) if named in NAMES else FaceOptions(detector_model=Path(named)))
    rng = random.Random(0)
    labels, whole, sides, rolls = [], [], [], []
    crops: dict[tuple[float, str], list[np.ndarray]] = {(m, way): [] for m in MARGINS for way in ("upright", "turned")}
    asked = 0
    for number, name in enumerate(names):
        files = sorted((Path(folder) / name).iterdir())
        for file in rng.sample(files, min(EACH, len(files))):
            asked += 1
            face = cv2.cvtColor(cv2.imread(str(file)), cv2.COLOR_BGR2RGB)
            scene = backdrop(3 * SIDE, 3 * SIDE, seed=asked)
            true = paste_turned(scene, face, (rng.randint(SIDE, 2 * SIDE), rng.randint(SIDE, 2 * SIDE)), SIDE, turn)
            every = find_faces(scene, scene.shape[1::-1], detector, FaceOptions())
            found = [each for each in every if iou(true, each[1:5]) >= 0.3]
            if not found:
                continue
            labels.append(number)
            whole.append(_as_input(face, spec))
            sides.append(max(found[0].width, found[0].height) / SIDE)
            rolls.append(found[0].roll or 0.0)
            for margin in MARGINS:
                crops[margin, "turned"].append(_as_input(crop_face(scene, found[0], margin), spec))
                crops[margin, "upright"].append(_as_input(crop_face(scene, found[0]._replace(roll=None), margin), spec))
    runtime = open_runtime(bundle, "onnx")

    def scores(pixels: list[np.ndarray]) -> str:
        probabilities = runtime.predict_proba(np.stack(pixels))
        right = probabilities.argmax(axis=1) == np.array(labels)
        loss = -np.log(np.maximum(probabilities[np.arange(len(labels)), labels], 1e-7)).mean()
        return f"accuracy {right.mean():.3f}  log loss {loss:.3f}"

    fits = (1 / np.median(sides) - 1) / 2
    print(f"\n{detector.name}, turned by {turn}°: {len(labels)} of {asked} faces found")
    print(f"median roll {np.median(rolls):.1f}°, median margin to the original crop {fits:+.3f}")
    print(f"the original crops      {scores(whole)}")
    for margin in MARGINS:
        for way in ("upright", "turned"):
            print(f"margin {margin:+.2f} {way:<8} {scores(crops[margin, way])}")
    assert len(labels) > asked // 3


def _as_input(pixels: np.ndarray, spec: InputSpec) -> np.ndarray:
    return resize(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY) if spec.color_mode == "grayscale" else pixels, spec)
