"""Where a network looks: Grad-CAM (Selvaraju et al. 2017, arXiv 1610.02391)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from batch_emotion.errors import BundleError


class GradCam:
    """Grad-CAM of a Keras model.

    The maps are those of the last layer that keeps height and width and is no pooling, or of a layer given by name. The
    score whose gradient weighs them is the class's value before the softmax.
    """

    def __init__(self, model: Any, layer: str | None = None) -> None:
        import keras

        self._maps = _find_layer(model, layer)
        self._head, features = _without_softmax(model)
        self._model = keras.Model(model.inputs, [self._maps.output, features])

    @property
    def layer(self) -> str:
        """The name of the layer whose maps are used."""
        return str(self._maps.name)

    def heat(self, pixels: NDArray[np.uint8], classes: NDArray[np.integer]) -> NDArray[np.float32]:
        """How much each place speaks for a class, float32 (B, h, w), from 0 to 1 at the strongest place of each image.

        An image where nothing speaks for the class is 0 everywhere.

        Args:
            pixels: uint8 (B, H, W, C).
            classes: (B,), the class of each image that is asked about.
        """
        import tensorflow as tf

        shown = tf.cast(pixels, tf.float32)
        with tf.GradientTape() as tape:
            tape.watch(shown)
            maps, features = self._model(shown, training=False)
            chosen = tf.gather(self._head(features), tf.cast(classes, tf.int32), batch_dims=1)
        gradients = tape.gradient(chosen, maps)
        weights = tf.reduce_mean(gradients, axis=(1, 2), keepdims=True)
        heat = tf.nn.relu(tf.reduce_sum(weights * maps, axis=-1)).numpy().astype(np.float32)
        highest = heat.max(axis=(1, 2), keepdims=True)
        scaled: NDArray[np.float32] = np.divide(heat, highest, out=np.zeros_like(heat), where=highest > 0)
        return scaled


def _find_layer(model: Any, name: str | None) -> Any:
    maps = [layer for layer in model.layers if len(getattr(layer.output, "shape", ())) == 4]
    if name is not None:
        found = [layer for layer in maps if layer.name == name]
        if not found:
            raise BundleError(
                f"the network {model.name} has no layer {name!r} that keeps height and width, only: "
                f"{', '.join(layer.name for layer in maps) or 'none'}"
            )
        return found[0]
    kept = [layer for layer in maps if "Pooling" not in type(layer).__name__ and "Input" not in type(layer).__name__]
    if not kept:
        raise BundleError(f"the network {model.name} has no layer that keeps height and width, so nothing can be shown")
    return kept[-1]


def _without_softmax(model: Any) -> tuple[Any, Any]:
    """A function that ends the network without its softmax, and the tensor that it takes."""
    import keras

    last = model.layers[-1]
    if isinstance(last, keras.layers.Softmax) or getattr(last, "activation", None) is keras.activations.softmax:
        if not isinstance(last, keras.layers.Dense):
            return (lambda features: features), last.input
        kernel, bias = last.kernel, last.bias if last.use_bias else 0.0
        return (lambda features: keras.ops.matmul(features, kernel) + bias), last.input
    return (lambda features: features), model.outputs[0]
