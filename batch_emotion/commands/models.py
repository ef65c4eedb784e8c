"""``models --verify``: whether models are whole and predict what they did."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from batch_emotion.images.synthetic import golden_pixels
from batch_emotion.model.bundle import GOLDEN_TOLERANCE, Bundle
from batch_emotion.model.runtime import open_runtime
from batch_emotion.options.models import RuntimeName
from batch_emotion.packages import has_tensorflow


@dataclass(frozen=True)
class Verification:
    """Whether a bundle is what it was: the files that changed, and how far its predictions are off.

    ``deviations`` holds, by runtime, the largest difference to a golden probability.
    """

    damaged: list[str]
    deviations: dict[str, float]

    @property
    def passed(self) -> bool:
        """Whether all is well."""
        return not self.damaged and all(gap <= GOLDEN_TOLERANCE for gap in self.deviations.values())


def verify(bundle: Bundle) -> Verification:
    """Check every sha256 and, where the files are whole, every golden prediction in each runtime that is installed."""
    damaged = bundle.damaged_files()
    if damaged:
        return Verification(damaged, {})
    golden, pixels = bundle.golden(), golden_pixels(bundle.card.input)
    return Verification(
        [],
        {
            name: float(np.abs(open_runtime(bundle, name).predict_proba(pixels) - golden).max())
            for name in _runtimes(bundle)
        },
    )


def _runtimes(bundle: Bundle) -> tuple[RuntimeName, ...]:
    if bundle.onnx_file is None:
        return ("tensorflow",)
    return ("onnx", "tensorflow") if has_tensorflow() else ("onnx",)
