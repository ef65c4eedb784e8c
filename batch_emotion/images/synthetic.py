"""Small synthetic faces, drawn with OpenCV: the tool's own data for a first run, for tests and for golden predictions.

Everything is drawn with whole numbers and without anti-aliasing from ``random.Random``, so that the same seed gives
the same pixels everywhere.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from batch_emotion.images.decode import resize
from batch_emotion.records import InputSpec

EMOTIONS = ("angry", "disgust", "fear", "happy", "sad", "surprise")
"""The expressions that can be drawn."""

_SIDE = 128


def draw_face(emotion: str, rng: random.Random) -> NDArray[np.uint8]:
    """Draw one face, uint8 RGB (128, 128, 3); place, size, tones and the strength of the expression vary."""
    tone = rng.randint(150, 225)
    skin, ink = (tone, tone - 20, tone - 45), (rng.randint(10, 60),) * 3
    canvas = np.full((_SIDE, _SIDE, 3), rng.randint(30, 120), np.uint8)
    x, y = 64 + rng.randint(-6, 6), 64 + rng.randint(-6, 6)
    cv2.ellipse(canvas, (x, y), (44 + rng.randint(-4, 4), 54 + rng.randint(-4, 4)), 0, 0, 360, skin, -1)
    force = rng.randint(3, 7)
    for side in (-1, 1):
        _eye(canvas, emotion, (x + side * 18, y - 14), side, force, ink)
    cv2.line(canvas, (x, y - 4), (x - 3, y + 10), ink, 1)
    _mouth(canvas, emotion, (x, y + 28), force, ink)
    noise = np.frombuffer(rng.randbytes(_SIDE * _SIDE), np.uint8).reshape(_SIDE, _SIDE, 1) // 16
    return canvas + noise


def _eye(
    canvas: NDArray[np.uint8], emotion: str, at: tuple[int, int], side: int, force: int, ink: Sequence[int]
) -> None:
    x, y = at
    openness = {"surprise": 8, "fear": 7, "happy": 3, "disgust": 2, "angry": 4, "sad": 4}[emotion]
    cv2.ellipse(canvas, (x, y), (8, openness), 0, 0, 360, (250, 250, 250), -1)
    cv2.ellipse(canvas, (x, y), (8, openness), 0, 0, 360, ink, 1)
    cv2.circle(canvas, (x, y), min(3, openness), ink, -1)
    inner, outer = {
        "angry": (force, -force),
        "disgust": (force, 0),
        "fear": (-force - 4, 0),
        "sad": (-force, force),
        "surprise": (-force - 6, -force - 6),
        "happy": (-2, -2),
    }[emotion]
    cv2.line(canvas, (x - side * 9, y - 12 + inner), (x + side * 9, y - 12 + outer), ink, 3)


def _mouth(canvas: NDArray[np.uint8], emotion: str, at: tuple[int, int], force: int, ink: Sequence[int]) -> None:
    x, y = at
    if emotion == "happy":
        cv2.ellipse(canvas, (x, y - 6), (20, 6 + force), 0, 0, 180, (245, 245, 245), -1)
        cv2.ellipse(canvas, (x, y - 6), (20, 6 + force), 0, 0, 180, ink, 3)
    elif emotion == "sad":
        cv2.ellipse(canvas, (x, y + 8), (17, 6 + force), 0, 180, 360, ink, 3)
    elif emotion == "surprise":
        cv2.ellipse(canvas, (x, y + 2), (9, 9 + force), 0, 0, 360, ink, -1)
    elif emotion == "fear":
        cv2.ellipse(canvas, (x, y), (17, 4 + force // 2), 0, 0, 360, (245, 245, 245), -1)
        cv2.ellipse(canvas, (x, y), (17, 4 + force // 2), 0, 0, 360, ink, 2)
    elif emotion == "angry":
        cv2.line(canvas, (x - 17, y + 2), (x + 17, y + 2), ink, 4)
    else:
        points = [(x - 18, y + 2), (x - 9, y - force), (x, y + 2), (x + 9, y - force), (x + 18, y + 2)]
        cv2.polylines(canvas, [np.array(points, np.int32)], False, ink, 3)


def write_samples(folder: Path, count: int, seed: int = 0) -> int:
    """Write ``count`` faces of each expression as ``folder/<emotion>/<emotion>-0001.png``; gives how many in all."""
    for emotion in EMOTIONS:
        rng = random.Random(f"{seed} {emotion}")
        (folder / emotion).mkdir(parents=True, exist_ok=True)
        for number in range(1, count + 1):
            _, encoded = cv2.imencode(".png", cv2.cvtColor(draw_face(emotion, rng), cv2.COLOR_RGB2BGR))
            (folder / emotion / f"{emotion}-{number:04d}.png").write_bytes(encoded.tobytes())
    return count * len(EMOTIONS)


def golden_pixels(spec: InputSpec, each: int = 2) -> NDArray[np.uint8]:
    """The inputs of a bundle's golden predictions: uint8 (12, H, W, C) for ``each`` = 2, two of every expression."""
    rng = random.Random("golden")
    faces = [draw_face(emotion, rng) for emotion in EMOTIONS for _ in range(each)]
    if spec.color_mode == "grayscale":
        faces = [cv2.cvtColor(face, cv2.COLOR_RGB2GRAY) for face in faces]
    return np.stack([resize(face, spec) for face in faces])
