"""Training images made worse, as lenses, light, small pictures and JPEG do it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from batch_emotion.options.recipe import Degradation

_LEAST_BLUR = 0.1


def degrade(pixels: NDArray[np.uint8], ranges: Degradation, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Make images (B, H, W, C) worse, each by draws of its own; the same state of ``rng`` gives the same images."""
    height, width = pixels.shape[1:3]
    count = len(pixels)
    chosen, drawn = rng.random((3, count)) < 0.5, rng.random((4, count))
    blurs = np.where(chosen[0], drawn[0] * ranges.blur, 0)
    scales = np.where(chosen[1], 1 - drawn[1] * ranges.shrink, 1)
    qualities = (
        np.where(chosen[2], 100 - np.rint(drawn[2] * ranges.jpeg), 0).astype(int) if ranges.jpeg else np.zeros(count)
    )
    exponents = max(ranges.gamma, 1.0) ** (2 * drawn[3] - 1)
    out = np.empty_like(pixels)
    for row, image in enumerate(pixels):
        changed = _lit(image, exponents[row]) if ranges.gamma > 1 else image
        if blurs[row] > _LEAST_BLUR:
            changed = _blurred(changed, blurs[row])
        if scales[row] < 1:
            changed = _shrunk(changed, max(1, round(width * scales[row])), max(1, round(height * scales[row])))
        if qualities[row]:
            changed = _compressed(changed, int(qualities[row]))
        out[row] = changed.reshape(image.shape)
    return out


def _lit(image: NDArray[np.uint8], exponent: float) -> NDArray[np.uint8]:
    import cv2

    curve = np.rint(255 * (np.arange(256) / 255) ** exponent).astype(np.uint8)
    return np.asarray(cv2.LUT(image, curve), np.uint8)


def _blurred(image: NDArray[np.uint8], sigma: float) -> NDArray[np.uint8]:
    import cv2

    return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE), np.uint8)


def _shrunk(image: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    import cv2

    small = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, (image.shape[1], image.shape[0]), interpolation=cv2.INTER_LINEAR), np.uint8)


def _compressed(image: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
    import cv2

    # OpenCV takes three channels for BGR.
    _, file = cv2.imencode(".jpg", np.ascontiguousarray(image[..., ::-1]), [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.atleast_3d(np.asarray(cv2.imdecode(file, cv2.IMREAD_UNCHANGED), np.uint8))[..., ::-1]
