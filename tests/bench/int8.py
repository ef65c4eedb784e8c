#!/usr/bin/env python3
"""Add the int8 network to bundles, where it is as good as the float32 one on labelled images that they never saw.

    python -m tests.bench.int8 NAME… --calibration TRAINING --check TEST

TRAINING and TEST hold labelled faces, one folder per class, as ``train`` takes them.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from batch_emotion.errors import BatchEmotionError
from batch_emotion.images.pipeline import stream
from batch_emotion.labels.training import read_labelled
from batch_emotion.model.bundle import Bundle, load_bundle
from batch_emotion.model.quantization import CALIBRATION_IMAGES, COMPARED_IMAGES
from batch_emotion.options.images import Limits
from batch_emotion.records import Status
from batch_emotion.training.int8 import add_int8
from batch_emotion.training.pixels import LabelledPixels


def pixels_of(bundle: Bundle, folder: Path, most: int | None = None) -> LabelledPixels:
    """The images of a folder, or so many drawn from them."""
    labelled = read_labelled(folder, bundle.card.class_names)
    if most is not None:
        labelled = labelled.take(np.sort(np.random.default_rng(0).permutation(len(labelled))[:most]))
    pixels, targets = [], []
    for batch in stream(labelled.plan, bundle.card.input, Limits(), 256):
        good = np.array([status == Status.OK for status in batch.facts["status"].to_pylist()])
        pixels.append(batch.pixels[good])
        targets.append(labelled.targets[batch.image_index[good]])
    return LabelledPixels(np.concatenate(pixels), np.concatenate(targets))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", metavar="NAME", help="bundled models, or folders of bundles")
    parser.add_argument("--calibration", type=Path, required=True, metavar="TRAINING")
    parser.add_argument("--check", type=Path, required=True, metavar="TEST")
    parser.add_argument("--data", help="what the card calls TEST; its folder's name by default")
    args = parser.parse_args()
    for name in args.models:
        bundle = load_bundle(name)
        assert bundle.folder is not None
        calibration = pixels_of(bundle, args.calibration, CALIBRATION_IMAGES + COMPARED_IMAGES)
        try:
            quality = add_int8(
                bundle.folder, calibration, pixels_of(bundle, args.check), args.data or args.check.resolve().name
            )
        except BatchEmotionError as error:
            print(f"{name}: not added: {error}")
        else:
            print(f"{name}: added: {quality}")


if __name__ == "__main__":
    main()
