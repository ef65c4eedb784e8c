"""A Keras network as a ``.tflite`` file, in float32 or with integers throughout."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray


def tflite_bytes(model: Any) -> bytes:
    """A Keras model in TFLite's format: uint8 ``pixels`` (B, H, W, C) to float32 ``probabilities`` (B, K)."""
    import tensorflow as tf

    return bytes(_converter(model, tf.uint8).convert())


def int8_tflite_bytes(model: Any, calibration: NDArray[np.uint8]) -> bytes:
    """A Keras model whose every operation is on integers, as small processors need it.

    Its input is uint8 ``pixels`` of 0-255, its output uint8 ``probabilities`` in steps of 1/256.

    Args:
        model: the network.
        calibration: uint8 (N, H, W, C), images that give the ranges of the activations.
    """
    import tensorflow as tf

    converter = _converter(model, tf.float32)

    def representative() -> Iterator[list[NDArray[np.float32]]]:
        # Its range makes the input's scale 1, so that a pixel stands for itself.
        ramp = np.linspace(0, 255, calibration[0].size, dtype=np.float32).reshape(calibration[:1].shape)
        yield [ramp.round()]
        for image in calibration:
            yield [image[None].astype(np.float32)]

    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = representative
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.uint8
    return bytes(converter.convert())


def _converter(model: Any, dtype: Any) -> Any:
    """A converter of a network whose weights are constants, as it would make variables of a Keras 3 network's."""
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    spec = tf.TensorSpec((None, *model.input_shape[1:]), dtype, name="pixels")

    def forward(pixels: Any) -> Any:
        return model(tf.cast(pixels, tf.float32), training=False)

    traced = tf.function(forward, input_signature=[spec], autograph=False).get_concrete_function()
    module = tf.Module()
    module.frozen = convert_variables_to_constants_v2(traced)
    module.serve = tf.function(
        lambda pixels: {"probabilities": module.frozen(pixels)[0]}, input_signature=[spec], autograph=False
    )
    return tf.lite.TFLiteConverter.from_concrete_functions([module.serve.get_concrete_function()], module)
