"""The Keras networks by name; each scales its pixels inside the graph and ends in a softmax."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from batch_emotion.records import InputSpec


@dataclass(frozen=True)
class Architecture:
    """A network that can be built for any number of classes.

    Attributes:
        summary: one line that says what it is.
        spec: the input it was designed for.
        build: (input shape (H, W, C), number of classes) to an uncompiled Keras model that takes float32 pixels 0-255.
    """

    summary: str
    spec: InputSpec
    build: Callable[[tuple[int, int, int], int], Any]


def _seed_cnn(shape: tuple[int, int, int], classes: int) -> Any:
    from keras import Input, Sequential, layers

    return Sequential(
        [
            Input(shape, name="pixels"),
            layers.Rescaling(1 / 255, name="rescaling"),
            layers.Conv2D(32, 3, activation="relu", name="conv2d_1"),
            layers.MaxPooling2D(name="max_pooling2d_1"),
            layers.Conv2D(32, 3, activation="relu", name="conv2d_2"),
            layers.MaxPooling2D(name="max_pooling2d_2"),
            layers.Conv2D(128, 3, activation="relu", name="conv2d_3"),
            layers.MaxPooling2D(name="max_pooling2d_3"),
            layers.Flatten(name="flatten_1"),
            layers.Dense(128, activation="relu", name="dense_1"),
            layers.Dense(classes, activation="softmax", name="dense_2"),
        ],
        name="seed_cnn",
    )


ARCHITECTURES: dict[str, Architecture] = {
    "seed-cnn": Architecture(
        "three convolutions and two dense layers on 64x64 RGB; 637,862 parameters for six classes",
        InputSpec(image_size=(64, 64), color_mode="rgb"),
        _seed_cnn,
    ),
}


def layer_table(model: Any) -> list[dict[str, Any]]:
    """One entry per layer of a Keras model: name, type, output shape and parameter count."""
    return [
        {
            "name": layer.name,
            "type": type(layer).__name__,
            "output_shape": list(layer.output.shape),
            "parameters": int(layer.count_params()),
        }
        for layer in model.layers
    ]
