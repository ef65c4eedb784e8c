"""The picture that ``explain`` writes: the image, where the model looks, and all probabilities."""

from __future__ import annotations

from collections.abc import Mapping

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
        pixels: what the model was shown, uint8 (H, W, 3).
        heat: where it looks, uint8 (H', W', 3).
        probabilities: by class.
        target: the class that was asked about.
        scheme: light or dark.
    """
    colours = class_colours(list(probabilities))
    names = sorted(probabilities, key=lambda name: probabilities[name])[-12:]
    with styled(scheme, 9.6, 3.4) as (figure, file):
        image, where, bars = figure.subplots(1, 3, width_ratios=(1, 1, 1.1))
        for panel, shown, title in (
            (image, pixels, "as the model sees it"),
            (where, heat, f"what speaks for {target}"),
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
