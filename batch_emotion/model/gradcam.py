"""Where a network looks: Grad-CAM (Selvaraju et al. 2017, arXiv 1610.02391)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from batch_emotion.errors import BundleError
from batch_emotion.model.architectures import is_mirrored


class _Step(NamedTuple):
    """A layer with the tensors that it takes and gives in the network's graph."""

    layer: Any
    input: Any
    output: Any


class GradCam:
    """Grad-CAM of a Keras model.

    The maps are those of the last layer that keeps height and width and is no pooling, or of a layer given by name. The
    score whose gradient weighs them is the class's value before the softmax.
    """

    def __init__(self, model: Any, layer: str | None = None) -> None:
        import keras

        self.model = model
        """The whole network."""
        inputs, steps = _graph(model)
        self._mirrored = is_mirrored(model)
        found = _find_step(model, steps, layer)
        self.layer = str(found.layer.name)
        """The name of the layer whose maps are used."""
        self._head, features = _without_softmax(steps[-1])
        try:
            self._before = keras.Model(inputs, found.output)
            self._behind = keras.Model(found.output, features)
        except ValueError as error:
            raise BundleError(
                f"the network {model.name} cannot be cut behind {self.layer}, so nothing can be shown: {error}"
            ) from None

    def heat(self, pixels: NDArray[np.uint8], classes: NDArray[np.integer]) -> NDArray[np.float32]:
        """How much each place speaks for a class, float32 (B, h, w), from 0 to 1 at the strongest place of each image.

        An image where nothing speaks for the class is 0 everywhere.

        Args:
            pixels: uint8 (B, H, W, C).
            classes: (B,), the class of each image that is asked about.
        """
        import tensorflow as tf

        maps = self._before(tf.cast(pixels, tf.float32), training=False)
        with tf.GradientTape() as tape:
            tape.watch(maps)
            scores = self._head(self._behind(maps, training=False))
            chosen = tf.gather(scores, tf.cast(classes, tf.int32), batch_dims=1)
        gradients = tape.gradient(chosen, maps)
        weights = tf.reduce_mean(gradients, axis=(1, 2), keepdims=True)
        heat = tf.nn.relu(tf.reduce_sum(weights * maps, axis=-1)).numpy().astype(np.float32)
        if self._mirrored:
            heat = heat[: len(pixels)] + heat[len(pixels) :, :, ::-1]
        highest = heat.max(axis=(1, 2), keepdims=True)
        scaled: NDArray[np.float32] = np.divide(heat, highest, out=np.zeros_like(heat), where=highest > 0)
        return scaled


def _graph(model: Any) -> tuple[Any, list[_Step]]:
    """The inputs of a network and its layers in their order, with what each takes and gives."""
    import keras

    if not isinstance(model, keras.Sequential):
        return model.inputs, [_Step(layer, layer.input, layer.output) for layer in model.layers]
    # A sequential network that was loaded may hold tensors of more than one graph, so it is strung together anew.
    tensor = inputs = keras.Input(model.input_shape[1:])
    steps = []
    for layer in model.layers:
        steps.append(_Step(layer, tensor, layer(tensor)))
        tensor = steps[-1].output
    return inputs, steps


def _find_step(model: Any, steps: Sequence[_Step], name: str | None) -> _Step:
    maps = _with_places(steps)
    if name is not None:
        for step in maps:
            if step.layer.name == name:
                return step
        names = ", ".join(step.layer.name for step in maps) or "none"
        raise BundleError(f"the network {model.name} has no layer {name!r} that keeps height and width, only: {names}")
    kept = [step for step in maps if "Pooling" not in type(step.layer).__name__]
    if not kept:
        raise BundleError(f"the network {model.name} has no layer that keeps height and width, so nothing can be shown")
    return kept[-1]


def _with_places(steps: Sequence[_Step]) -> list[_Step]:
    """The layers whose output has height and width."""
    return [
        step
        for step in steps
        if len(getattr(step.output, "shape", ())) == 4 and type(step.layer).__name__ != "InputLayer"
    ]


def _without_softmax(last: _Step) -> tuple[Callable[[Any], Any], Any]:
    """A function that ends the network without its softmax, and the tensor that it takes."""
    import keras

    layer = last.layer
    if isinstance(layer, keras.layers.Softmax) or getattr(layer, "activation", None) is keras.activations.softmax:
        if not isinstance(layer, keras.layers.Dense):
            return (lambda features: features), last.input
        kernel, bias = layer.kernel, layer.bias if layer.use_bias else 0.0
        return (lambda features: keras.ops.matmul(features, kernel) + bias), last.input
    return (lambda features: features), last.output
