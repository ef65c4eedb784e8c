"""The Keras networks by name; each scales its pixels inside the graph and ends in a softmax."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from batch_emotion.errors import BundleError
from batch_emotion.records import InputSpec

_MIRROR = "with_mirror_image"


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
            layers.Dense(classes, activation="softmax", name="dense_2", dtype="float32"),
        ],
        name="seed_cnn",
    )


def _pyramid(
    shape: tuple[int, int, int],
    classes: int,
    levels: Sequence[tuple[int, int]] = ((16, 1), (32, 2), (96, 2), (192, 2), (256, 2)),
) -> Any:
    """Levels: (channels, convolutions) of each scale, the largest maps first."""
    from keras import Input, Model, layers

    pixels = Input(shape, name="pixels")
    maps = layers.Rescaling(1 / 127.5, -1.0, name="rescaling")(pixels)
    for level, (channels, convolutions) in enumerate(levels, 1):
        if level > 1:
            maps = layers.MaxPooling2D(name=f"pool_{level}")(maps)
        for number in range(1, convolutions + 1):
            name = f"{level}_{number}"
            maps = layers.Conv2D(channels, 3, padding="same", use_bias=False, name=f"conv_{name}")(maps)
            maps = layers.BatchNormalization(name=f"norm_{name}")(maps)
            maps = layers.ReLU(name=f"relu_{name}")(maps)
    features = layers.GlobalAveragePooling2D(name="features")(maps)
    features = layers.Dropout(0.3, name="dropout")(features)
    outputs = layers.Dense(classes, activation="softmax", dtype="float32", name="probabilities")(features)
    return Model(pixels, outputs, name="pyramid")


ARCHITECTURES: dict[str, Architecture] = {
    "seed-cnn": Architecture(
        "three convolutions and two dense layers on 64x64 RGB; 637,862 parameters for six classes",
        InputSpec(image_size=(64, 64), color_mode="rgb"),
        _seed_cnn,
    ),
    "pyramid": Architecture(
        "nine batch-normalised convolutions on 48x48 grey, their work spread over five scales; 1.7 million parameters",
        InputSpec(image_size=(48, 48), color_mode="grayscale"),
        _pyramid,
    ),
    "wide-pyramid": Architecture(
        "a pyramid with more channels on its large maps, at twice the cost; 2.3 million parameters",
        InputSpec(image_size=(48, 48), color_mode="grayscale"),
        partial(_pyramid, levels=((32, 1), (64, 2), (128, 2), (256, 2), (256, 2))),
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


def with_mirror(model: Any) -> Any:
    """A copy of a network, a chain of layers, that sees each image and its mirror image at twice the cost.

    Both go through the layers as one batch, and the last layer is given the mean of what they came to: the
    probabilities are the geometric mean of those of the two, scaled to a sum of 1.
    """
    from keras import Input, Model, layers, ops

    *body, head = [layer for layer in model.layers if not isinstance(layer, layers.InputLayer)]
    pixels = Input(model.input_shape[1:], name="pixels")
    tensor = layers.Concatenate(axis=0, name=_MIRROR)([pixels, ops.flip(pixels, axis=2)])
    for layer in body:
        tensor = type(layer).from_config(layer.get_config())(tensor)
    features = ops.mean(ops.reshape(tensor, (2, -1, *tensor.shape[1:])), axis=0)
    copy = Model(pixels, type(head).from_config(head.get_config())(features), name=model.name)
    copy.set_weights(model.get_weights())
    return copy


def is_mirrored(model: Any) -> bool:
    """Whether a network is one of ``with_mirror``; the mirror images are then the second half of every batch within."""
    return any(layer.name == _MIRROR for layer in model.layers)


def start_from(model: Any, class_names: Sequence[str], other: Any, other_class_names: Sequence[str]) -> None:
    """Take over the weights of another network of the same architecture, in place.

    The outputs are matched by class name; a class that the other network lacks keeps its fresh weights.

    Raises:
        BundleError: the other network is built differently.
    """
    *body, head = [layer for layer in model.layers if layer.weights]
    *other_body, other_head = [layer for layer in other.layers if layer.weights]
    shapes = [[weight.shape for weight in layer.weights] for layer in body]
    if shapes != [[weight.shape for weight in layer.weights] for layer in other_body]:
        raise BundleError("the network to start from is built differently; give one of the same `architecture`")
    for layer, source in zip(body, other_body, strict=True):
        layer.set_weights(source.get_weights())
    shared = [name for name in class_names if name in other_class_names]
    to, of = ([list(names).index(name) for name in shared] for names in (class_names, other_class_names))
    mine = head.get_weights()
    for weights, source in zip(mine, other_head.get_weights(), strict=True):
        weights[..., to] = source[..., of]
    head.set_weights(mine)


def mix_weights(model: Any, other: Any, part: float) -> None:
    """Have so much of each weight of a network, in place, be that of another one of the same layers."""
    pairs = zip(model.get_weights(), other.get_weights(), strict=True)
    model.set_weights([(1 - part) * mine + part * theirs for mine, theirs in pairs])
