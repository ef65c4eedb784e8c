"""Photos with faces at known places, put together from scikit-image's public-domain ``astronaut``."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

Box = tuple[int, int, int, int]
_FACE: Box = (172, 62, 106, 106)
_HEAD: Box = (152, 22, 150, 168)


def skimage_file(name: str) -> Path:
    """A picture in scikit-image's wheel; nothing is imported, nothing is fetched."""
    spec = find_spec("skimage")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "data" / name


def astronaut() -> NDArray[np.uint8]:
    """RGB (512, 512, 3), with one smiling frontal face."""
    return cv2.cvtColor(cv2.imread(str(skimage_file("astronaut.png"))), cv2.COLOR_BGR2RGB)


def backdrop(width: int, height: int, seed: int = 0) -> NDArray[np.uint8]:
    """Soft clouds of colour, in which there is no face: RGB (height, width, 3)."""
    rng = np.random.default_rng(seed)
    return cv2.resize(rng.integers(60, 190, (5, 7, 3), np.uint8), (width, height), interpolation=cv2.INTER_CUBIC)


def paste_head(canvas: NDArray[np.uint8], x: int, y: int, side: int, mirrored: bool = False) -> Box:
    """Paste the astronaut's head so that her face is a square of ``side`` pixels at x, y; gives that box."""
    scale = side / _FACE[2]
    left, top, width, height = _HEAD
    head = astronaut()[top : top + height, left : left + width]
    size = round(width * scale), round(height * scale)
    head = cv2.resize(head, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    before, above = round((_FACE[0] - left) * scale), round((_FACE[1] - top) * scale)
    if mirrored:
        head, before = head[:, ::-1], size[0] - before - side
    canvas[y - above : y - above + size[1], x - before : x - before + size[0]] = head
    return x, y, side, side


def paste_turned(
    canvas: NDArray[np.uint8], face: NDArray[np.uint8], centre: tuple[int, int], side: int, degrees: float
) -> Box:
    """Paste a square crop around ``centre``, turned clockwise by ``degrees``; gives its box before it was turned."""
    reach = round(side * 0.75)
    view = cv2.getRotationMatrix2D(((face.shape[1] - 1) / 2, (face.shape[0] - 1) / 2), -degrees, side / face.shape[1])
    view[:, 2] += reach - (np.array(face.shape[1::-1]) - 1) / 2
    size = (2 * reach, 2 * reach)
    turned = cv2.warpAffine(face, view, size, flags=cv2.INTER_CUBIC)
    part = cv2.warpAffine(np.full(face.shape[:2], 1.0, np.float32), view, size)[..., np.newaxis]
    left, top = centre[0] - reach, centre[1] - reach
    under = canvas[top : top + 2 * reach, left : left + 2 * reach]
    under[:] = (under * (1 - part) + turned * part).round()
    return centre[0] - side // 2, centre[1] - side // 2, side, side


def photo(width: int, height: int, sides: Sequence[int], seed: int = 0) -> tuple[NDArray[np.uint8], list[Box]]:
    """A photo with faces of these sizes from left to right, every second one mirrored, and their boxes."""
    canvas = backdrop(width, height, seed)
    boxes, x = [], 0
    for number, side in enumerate(sides):
        x += side
        boxes.append(paste_head(canvas, x, (height - side) // 2, side, bool(number % 2)))
        x += side + side // 2
    return canvas, boxes


def iou(one: Sequence[float], other: Sequence[float]) -> float:
    """Intersection over union of two boxes (x, y, width, height)."""
    wide = min(one[0] + one[2], other[0] + other[2]) - max(one[0], other[0])
    high = min(one[1] + one[3], other[1] + other[3]) - max(one[1], other[1])
    shared = max(0.0, wide) * max(0.0, high)
    return shared / (one[2] * one[3] + other[2] * other[3] - shared)


def write_photo(file: Path, pixels: NDArray[np.uint8]) -> Path:
    """Write RGB pixels as the image format of the file's extension."""
    assert cv2.imwrite(str(file), cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))
    return file
