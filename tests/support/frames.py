"""Frames of people in front of a camera: the same face again and again, a little moved, lit and grainy."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

SIDE = 48


def frames(people: int, each: int, seed: int = 0) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Images (people * each, 48, 48, 1) and whose each is; a person is a pattern of smooth blots of its own."""
    rng = np.random.default_rng(seed)
    pictures = []
    for _ in range(people):
        blots = cv2.resize(rng.normal(size=(7, 7)).astype(np.float32), (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
        face = 128 + 45 * blots
        for _ in range(each):
            turn = cv2.getRotationMatrix2D((SIDE / 2, SIDE / 2), 0.5 * rng.normal(), 1 + 0.01 * rng.normal())
            turn[:, 2] += 0.2 * rng.normal(size=2)
            moved = cv2.warpAffine(face, turn, (SIDE, SIDE), borderMode=cv2.BORDER_REPLICATE)
            pictures.append(moved * (1 + 0.03 * rng.normal()) + rng.normal(scale=2, size=(SIDE, SIDE)))
    pixels = np.clip(np.rint(pictures), 0, 255).astype(np.uint8)[..., None]
    return pixels, np.repeat(np.arange(people), each)


def write_frames(folder: Path, people: int, each: int, classes: tuple[str, ...], seed: int = 0) -> None:
    """Write them as ``<class>/<person>_<frame>.png``; the people have the classes in turn."""
    pixels, owners = frames(people, each, seed)
    for number, (image, person) in enumerate(zip(pixels, owners, strict=True)):
        name = classes[person % len(classes)]
        (folder / name).mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(folder / name / f"p{person:03}_{number % each}.png"), image)
