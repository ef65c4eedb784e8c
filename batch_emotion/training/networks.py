"""Which network is trained, by which recipe, and how it is built anew or from another."""

from __future__ import annotations

from typing import Any

from batch_emotion.errors import UsageError
from batch_emotion.labels.class_names import matched_names
from batch_emotion.model.architectures import ARCHITECTURES, start_from
from batch_emotion.model.bundle import Bundle
from batch_emotion.options.train import RecipeName, TrainOptions
from batch_emotion.training.recipes import ARCHITECTURE_OF


def recipe_name_of(options: TrainOptions, initial: Bundle | None) -> RecipeName | None:
    """The recipe that is followed: the one given, or ``fine-tune`` for a network that starts from another."""
    return options.recipe_name or ("fine-tune" if initial else None)


def architecture_of(options: TrainOptions, name: RecipeName | None, initial: Bundle | None) -> str:
    """The name of the network: the one given, that of the model it starts from, or that of the recipe.

    Raises:
        UsageError: there is none of that name.
    """
    implied = initial.card.architecture if initial else ARCHITECTURE_OF.get(name or "seed", "seed-cnn")
    architecture = options.architecture or implied
    if architecture not in ARCHITECTURES:
        raise UsageError(f"no architecture {architecture!r}; there are: {', '.join(ARCHITECTURES)}")
    return architecture


def build_network(architecture: str, class_names: tuple[str, ...], initial: Bundle | None) -> Any:
    """An uncompiled Keras network, with the weights of ``initial`` where its classes mean the same."""
    model = ARCHITECTURES[architecture].build(ARCHITECTURES[architecture].spec.shape, len(class_names))
    if initial is not None:
        start_from(model, class_names, initial.keras_model(), matched_names(initial.card.class_names, class_names))
    return model
