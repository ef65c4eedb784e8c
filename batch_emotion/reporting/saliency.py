"""Where the model looks in samples (Grad-CAM), for a report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from batch_emotion.model.bundle import Bundle
from batch_emotion.model.gradcam import GradCam
from batch_emotion.reporting.samples import Sample
from batch_emotion.reporting.thumbnails import THUMBNAIL, SampleImages
from batch_emotion.visualization.heat_map import as_rgb, heat_over


@dataclass(frozen=True)
class HeatMap:
    """A sample as the model saw it, uint8 (H, W, 3), and where it looked, uint8 (H, W, 3)."""

    sample: Sample
    plain: NDArray[np.uint8]
    heat: NDArray[np.uint8]


@dataclass(frozen=True)
class Saliency:
    """The heat maps by heading; None where they could not be had, for a reason."""

    by_heading: list[tuple[str, list[HeatMap]]] | None
    reason: str = ""


def heat_maps(
    lists: Sequence[tuple[str, Sequence[Sample]]], bundle: Bundle, images: SampleImages
) -> list[tuple[str, list[HeatMap]]]:
    """Where the model looks in each sample, for the predicted class; images that are gone are left out.

    Args:
        lists: samples by heading.
        bundle: the model that made the result.
        images: of the samples.
    """
    cam = GradCam(bundle.keras_model())
    return [(heading, _heat_maps(samples, bundle, images, cam)) for heading, samples in lists]


def _heat_maps(samples: Sequence[Sample], bundle: Bundle, images: SampleImages, cam: GradCam) -> list[HeatMap]:
    card = bundle.card
    shown: list[tuple[Sample, NDArray[np.uint8]]] = [
        (sample, pixels)
        for sample, pixels in zip(samples, images.inputs(samples, card.input), strict=True)
        if pixels is not None
    ]
    if not shown:
        return []
    predicted = np.array([card.class_names.index(str(sample.predicted)) for sample, _ in shown])
    heats = cam.heat(np.stack([pixels for _, pixels in shown]), predicted)
    return [
        HeatMap(sample, as_rgb(pixels), heat_over(pixels, heat, THUMBNAIL))
        for (sample, pixels), heat in zip(shown, heats, strict=True)
    ]
