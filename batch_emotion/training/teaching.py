"""Targets that larger networks help to decide: distillation (Hinton et al., arXiv 1503.02531) from fixed teachers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from batch_emotion.errors import UsageError
from batch_emotion.model.bundle import Bundle
from batch_emotion.model.runtime import open_runtime
from batch_emotion.records import InputSpec, Pixels
from batch_emotion.training.pixels import LabelledPixels

_BATCH = 256


def check_teachers(teachers: Sequence[Bundle], class_names: Sequence[str], spec: InputSpec) -> None:
    """Raise a ``UsageError`` where a teacher lacks a class, or wants to be shown something else than the network."""
    for teacher in teachers:
        card = teacher.card
        lacking = [name for name in class_names if name not in card.class_names]
        if lacking:
            raise UsageError(
                f"the teacher {card.name} has no class {', '.join(lacking)}; give one that has all classes"
            )
        if card.input != spec:
            raise UsageError(
                f"the teacher {card.name} wants other pixels than the network to be trained; "
                "give one whose card says the same under Input"
            )


def teach(
    data: LabelledPixels, teachers: Sequence[Bundle], class_names: Sequence[str], weight: float
) -> LabelledPixels:
    """The same images with targets of which ``weight`` is what the teachers see in them, and the rest as they were.

    What they see is the mean of their probabilities for each image and its mirror image, over the classes of
    ``class_names`` alone.

    Args:
        data: the training images.
        teachers: at least one, of ``check_teachers``.
        class_names: the K classes of the targets.
        weight: 0 to 1.
    """
    seen = np.mean([_seen(data.pixels, teacher, class_names) for teacher in teachers], axis=0)
    return LabelledPixels(data.pixels, ((1 - weight) * data.targets + weight * seen).astype(np.float32))


def _seen(pixels: Pixels, teacher: Bundle, class_names: Sequence[str]) -> NDArray[np.float64]:
    runtime = open_runtime(teacher, "auto")
    columns = [teacher.card.class_names.index(name) for name in class_names]
    seen = np.empty((len(pixels), len(class_names)))
    for start in range(0, len(pixels), _BATCH):
        batch = pixels[start : start + _BATCH]
        both = runtime.predict_proba(np.concatenate([batch, batch[:, :, ::-1]]))[:, columns].astype(np.float64)
        both /= both.sum(axis=1, keepdims=True)
        seen[start : start + _BATCH] = both.reshape(2, len(batch), -1).mean(axis=0)
    return seen
