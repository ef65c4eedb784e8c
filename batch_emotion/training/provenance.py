"""Where a network comes from: what decides its weights, and what its card says of that."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from batch_emotion.images.decode import DECODER
from batch_emotion.model.about import About
from batch_emotion.model.ancestry import lineage
from batch_emotion.model.bundle import Bundle
from batch_emotion.options.recipe import Recipe
from batch_emotion.options.train import TrainOptions
from batch_emotion.training.data import TrainingData
from batch_emotion.training.work_folder import lasting


def identity(
    options: TrainOptions,
    recipe: Recipe,
    architecture: str,
    data: TrainingData,
    initial: Bundle | None,
    teachers: list[Bundle],
) -> dict[str, Any]:
    """What decides how the weights come about, as JSON; a training is only carried on where it is the same."""
    return {
        "architecture": architecture,
        "class_names": list(data.class_names),
        "initial": initial.sha256 if initial else None,
        "label_weight": options.labels.label_weight,
        "recipe": lasting(recipe),
        "teachers": [teacher.sha256 for teacher in teachers],
        "teacher_weight": options.teacher_weight if teachers else None,
        **data.identity(),
    }


def provenance(
    options: TrainOptions, about: About, data: TrainingData, initial: Bundle | None, teachers: list[Bundle]
) -> dict[str, Any]:
    """What the card says of the data, and of the networks that it comes from, as JSON."""
    return {
        "command": options.command,
        "about_data": asdict(about.data),
        "licence": about.licence,
        "data": options.data.name,
        "validation": data.validation_in_words(options.data, options.validation),
        "groups": data.groups_on_card(),
        "initial": initial.full_name if initial else None,
        "ancestors": lineage(initial),
        "label_weight": options.labels.label_weight,
        "teachers": [teacher.full_name for teacher in teachers],
        "teacher_weight": options.teacher_weight if teachers else None,
        "decoder": DECODER,
    }
