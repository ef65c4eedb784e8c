"""Which margin around a detected face serves the model best.

``BENCH_FACES`` names labelled face crops, a folder for each class, that are framed like the model's training data but
are not among it, such as FER-2013's public test. Each is pasted into a larger picture, found there, cropped with
different margins and scored. ``BENCH_MODEL`` and ``BENCH_DETECTOR`` (a YuNet model) are optional.
"""

import os
import random
from pathlib import Path

import cv2
import numpy as np
import pytest

from batch_emotion import DEFAULT_MODEL
from batch_emotion.images.decode import decode, resize
from batch_emotion.images.detectors import open_detector
from batch_emotion.images.faces import crop_face, find_faces
from batch_emotion.model.bundle import load_bundle
from batch_emotion.model.runtime import open_runtime
from batch_emotion.options.images import FaceOptions, Limits
from batch_emotion.records import InputSpec
from tests.support.composites import backdrop, iou

pytestmark = pytest.mark.bench

MARGINS = (-0.1, -0.05, 0.0, 0.05, 0.1, 0.2, 0.3, 0.4)
EACH = 50
SIDE = 144


def test_margins() -> None:
    folder = os.environ.get("BENCH_FACES")
    if not folder:
        pytest.skip("BENCH_FACES does not name a folder of labelled face crops")
    bundle = load_bundle(os.environ.get("BENCH_MODEL", DEFAULT_MODEL))
    spec, names = bundle.card.input, bundle.card.class_names
    detector = open_detector(Path(os.environ["BENCH_DETECTOR"]) if "BENCH_DETECTOR" in os.environ else None)
    rng = random.Random(0)
    labels, whole, sides = [], [], []
    crops: dict[float, list[np.ndarray]] = {margin: [] for margin in MARGINS}
    asked = 0
    for number, name in enumerate(names):
        files = sorted((Path(folder) / name).iterdir())
        for file in rng.sample(files, min(EACH, len(files))):
            asked += 1
            data = file.read_bytes()
            face = decode(data, InputSpec((SIDE, SIDE)), Limits()).pixels
            original = decode(data, spec, Limits()).pixels
            assert face is not None
            assert original is not None
            scene = backdrop(2 * SIDE, 2 * SIDE, seed=asked)
            at = rng.randint(SIDE // 4, 3 * SIDE // 4)
            scene[at : at + SIDE, at : at + SIDE] = face
            true = (at, at, SIDE, SIDE)
            found = [
                each
                for each in find_faces(scene, scene.shape[1::-1], detector, FaceOptions())
                if iou(true, each[1:5]) >= 0.5
            ]
            if not found:
                continue
            labels.append(number)
            whole.append(original)
            sides.append(max(found[0].width, found[0].height) / SIDE)
            for margin in MARGINS:
                crop = crop_face(scene, found[0], margin)
                if spec.color_mode == "grayscale":
                    crop = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY)
                crops[margin].append(resize(crop, spec))
    runtime = open_runtime(bundle, "onnx")

    def scores(pixels: list[np.ndarray]) -> str:
        probabilities = runtime.predict_proba(np.stack(pixels))
        right = probabilities.argmax(axis=1) == np.array(labels)
        loss = -np.log(np.maximum(probabilities[np.arange(len(labels)), labels], 1e-7)).mean()
        return f"accuracy {right.mean():.3f}  log loss {loss:.3f}"

    fits = (1 / np.median(sides) - 1) / 2
    print(f"\n{detector.name}: {len(labels)} of {asked} faces found; median margin to the original crop {fits:+.3f}")
    print(f"the original crops  {scores(whole)}")
    for margin in MARGINS:
        print(f"margin {margin:+.2f}        {scores(crops[margin])}")
    assert len(labels) > asked // 3
