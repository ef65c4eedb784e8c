"""Grad-CAM of samples, for a report."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from batch_emotion.model.bundle import Bundle
from batch_emotion.model.gradcam import GradCam
from batch_emotion.reporting.page import Look
from batch_emotion.reporting.pictures import PictureSource, as_rgb, heat_over
from batch_emotion.reporting.samples import Sample


def look_at(
    lists: Sequence[tuple[str, Sequence[Sample]]], bundle: Bundle, pictures: PictureSource
) -> list[tuple[str, list[Look]]]:
    """Where the model looks in each sample, for the class that it named; images that are gone are left out.

    Args:
        lists: samples by heading.
        bundle: the model that made the result.
        pictures: where the images are.
    """
    cam = GradCam(bundle.keras_model())
    return [(heading, _looks(samples, bundle, pictures, cam)) for heading, samples in lists]


def _looks(samples: Sequence[Sample], bundle: Bundle, pictures: PictureSource, cam: GradCam) -> list[Look]:
    card = bundle.card
    shown: list[tuple[Sample, NDArray[np.uint8]]] = [
        (sample, pixels)
        for sample, pixels in zip(samples, pictures.inputs(samples, card.input), strict=True)
        if pixels is not None
    ]
    if not shown:
        return []
    said = np.array([card.class_names.index(str(sample.said)) for sample, _ in shown])
    heats = cam.heat(np.stack([pixels for _, pixels in shown]), said)
    return [
        Look(sample, as_rgb(pixels), heat_over(pixels, heat))
        for (sample, pixels), heat in zip(shown, heats, strict=True)
    ]
