"""The recipes by name: the values that each sets where an option is not given."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import fields, is_dataclass, replace
from typing import Any

from batch_emotion.options.declared import leaves
from batch_emotion.options.recipe import Recipe
from batch_emotion.options.train import RecipeName

ARCHITECTURE_OF: dict[RecipeName, str] = {"seed": "seed-cnn", "strong": "pyramid"}
"""The network of a recipe; ``fine-tune`` has that of the model it starts from."""

_FEWEST_STEPS, _MOST_STEPS = {"fine-tune": 25, "strong": 50}, 2_000
_MANY_IMAGES = 4_096
_LONGEST_EMA = 0.998

_PYRAMID = {"optimizer": "sgd", "schedule": "cosine", "weight_decay": 0.005, "rotation": 12.0, "shift": 0.08}
_PYRAMID |= {"zoom": 0.12, "brightness": 0.1, "contrast": 0.2, "precision": "mixed"}
_FIXED: dict[RecipeName, dict[str, Any]] = {
    "seed": {"keep": "last"},
    "fine-tune": _PYRAMID
    | {"epochs": 15, "learning_rate": 0.001, "frozen": 5, "judge": "accuracy", "warm_up": 1.0, "erase": 0.2},
    "strong": _PYRAMID | {"epochs": 40, "learning_rate": 0.1, "erase": 0.3},
}


def named_recipe(name: RecipeName, recipe: Recipe, given: Collection[str], images: int) -> tuple[Recipe, list[str]]:
    """A recipe by its name, with the options that were given in place of its own.

    Args:
        name: of the recipe.
        recipe: the options; those that are not at their defaults stand.
        given: the keys of options that stand although they are at their defaults.
        images: how many there are to train on. A tiny set makes epochs of several passes, a huge one of a part of it;
            batches, the learning rate and the running average follow.

    Returns:
        the recipe, and what the name set, as ``epochs 15``.
    """
    own = {leaf.key: leaf for leaf in leaves(Recipe)}
    stand = {key for key, leaf in own.items() if key in given or _value(recipe, leaf.path) != leaf.default}
    values = dict(_FIXED[name])
    if name != "seed":
        values["batch_size"] = batch = recipe.batch_size if "batch_size" in stand else _batch(images)
        if name == "strong":
            values["learning_rate"] = round(values["learning_rate"] * batch / 128, 6)
        steps = math.ceil(images / batch)
        wanted = min(max(steps, _FEWEST_STEPS[name]), _MOST_STEPS)
        steps = recipe.steps or wanted if "steps" in stand else wanted
        if wanted != math.ceil(images / batch):
            values["steps"] = wanted
        epochs = recipe.epochs if "epochs" in stand else values["epochs"]
        values["ema"] = round(min(_LONGEST_EMA, max(0.0, 1 - 10 / (steps * epochs))), 4)
        if "frozen" not in stand and "frozen" in values:
            values["frozen"] = min(values["frozen"], epochs // 3)
    chosen = {key: value for key, value in values.items() if key not in stand}
    made = _with(recipe, chosen)
    return made, [f"`{own[key].name}` {chosen[key]}" for key in own if key in chosen]


def _batch(images: int) -> int:
    return 128 if images >= _MANY_IMAGES else 32


def _value(options: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        options = getattr(options, name)
    return options


def _with(options: Any, values: dict[str, Any]) -> Any:
    changes = {each.name: values[each.name] for each in fields(options) if each.name in values}
    groups = {each.name: getattr(options, each.name) for each in fields(options)}
    changes |= {name: _with(value, values) for name, value in groups.items() if is_dataclass(value)}
    return replace(options, **changes)
