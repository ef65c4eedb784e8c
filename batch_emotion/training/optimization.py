"""The optimizer of a recipe, its learning rate over the steps, and which layers it moves."""

from __future__ import annotations

from typing import Any

from batch_emotion.options.recipe import Recipe

_FROZEN_RATE = 10


def optimizer_of(recipe: Recipe, steps: int, epoch: int = 0) -> Any:
    """A Keras optimizer for the epochs from ``epoch`` on, each of so many steps.

    While all but the last layer is frozen the rate is constant and ten times as high, as a single layer bears and needs
    it where it begins anew; the schedule is that of the epochs after it.
    """
    import keras

    rate: Any = recipe.learning_rate * (_FROZEN_RATE if epoch < recipe.frozen else 1)
    if recipe.schedule == "cosine" and epoch >= recipe.frozen:
        rising = round(steps * recipe.warm_up)
        falling = max(1, round(steps * (recipe.epochs - recipe.frozen - recipe.warm_up)))
        rate = keras.optimizers.schedules.CosineDecay(
            0.0 if rising else recipe.learning_rate,
            falling,
            warmup_target=recipe.learning_rate if rising else None,
            warmup_steps=rising,
        )
    decay = recipe.weight_decay or None
    if recipe.optimizer == "sgd":
        optimizer = keras.optimizers.SGD(rate, momentum=0.9, nesterov=True, weight_decay=decay)
    else:
        optimizer = keras.optimizers.Adam(rate, weight_decay=decay)
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return optimizer


def freeze_body(model: Any) -> None:
    """Have only the last layer with weights of an uncompiled Keras model learn."""
    for layer in [each for each in model.layers if each.weights][:-1]:
        layer.trainable = False


def unfreeze(model: Any) -> None:
    """Have every layer learn; the model must be compiled again."""
    for layer in model.layers:
        layer.trainable = True
