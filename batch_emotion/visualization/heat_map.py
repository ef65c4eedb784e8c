"""Grad-CAM as a picture: a map over its image, and the chart that ``explain`` writes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from batch_emotion.visualization.charts import styled
from batch_emotion.visualization.palette import LIGHT, Scheme, class_colours


def explanation_chart(
    pixels: NDArray[np.uint8],
    heat: NDArray[np.uint8],
    probabilities: Mapping[str, float],
    target: str,
    scheme: Scheme = LIGHT,
) -> bytes:
    """Draw an explanation, as PNG.

    Args:
        pixels: what the model saw, uint8 (H, W, 3).
        heat: where it looks, uint8 (H', W', 3).
        probabilities: by class.
        target: the class that the map is of.
        scheme: light or dark.
    """
    colours = class_colours(list(probabilities))
    names = sorted(probabilities, key=lambda name: probabilities[name])[-12:]
    with styled(scheme, 9.6, 3.4) as (figure, file):
        image, where, bars = figure.subplots(1, 3, width_ratios=(1, 1, 1.1))
        for panel, shown, title in (
            (image, pixels, "as the model sees it"),
            (where, heat, f"evidence for {target}"),
        ):
            panel.imshow(shown)
            panel.set(xticks=[], yticks=[], title=title)
            for spine in panel.spines.values():
                spine.set_visible(False)
        bars.barh(names, [probabilities[name] for name in names], 0.7, color=[colours[name] for name in names])
        for at, name in enumerate(names):
            bars.text(probabilities[name] + 0.02, at, f"{probabilities[name]:.1%}", va="center", fontsize=8.5)
        bars.set(xlim=(0, 1.2), xticks=[], title="probabilities")
        bars.tick_params(length=0)
        bars.spines[["top", "right", "bottom"]].set_visible(False)
    return file.getvalue()


def heat_over(pixels: NDArray[np.uint8], heat: NDArray[np.float32], side: int) -> NDArray[np.uint8]:
    """Lay a map of 0 to 1 over a grey copy of the image, from dark violet over red to yellow.

    Args:
        pixels: uint8 (H, W, 1 or 3).
        heat: float32 (h, w).
        side: pixels of the longer side of what comes back, uint8 (H', W', 3).
    """
    scale = side / max(pixels.shape[:2])
    size = (round(pixels.shape[1] * scale), round(pixels.shape[0] * scale))
    gray = pixels[:, :, 0] if pixels.shape[2] == 1 else cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    base: Any = cv2.resize(gray, size, interpolation=cv2.INTER_CUBIC)[:, :, None].astype(np.float32)
    smooth = np.clip(cv2.resize(heat, size, interpolation=cv2.INTER_LINEAR), 0, 1)
    colours = cv2.applyColorMap((smooth * 255).astype(np.uint8), cv2.COLORMAP_INFERNO)[:, :, ::-1]
    mixed: NDArray[np.uint8] = np.clip(0.5 * base + 0.5 * colours, 0, 255).astype(np.uint8)
    return mixed


def as_rgb(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Pixels as the model sees them, uint8 (H, W, 1 or 3), as uint8 (H, W, 3)."""
    return np.broadcast_to(pixels, (*pixels.shape[:2], 3)) if pixels.shape[2] == 1 else pixels
