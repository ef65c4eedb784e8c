"""A bundle to probabilities: ONNX Runtime on a CPU, TensorFlow on a GPU or on request."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from batch_emotion.errors import BundleError
from batch_emotion.model.bundle import Bundle

RuntimeName = Literal["auto", "onnx", "tensorflow"]


class Runtime(Protocol):
    """Something that runs a network."""

    name: str
    """The runtime and its version, as recorded with every result."""

    def predict_proba(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Probabilities, float32 (B, K), of uint8 pixels (B, H, W, C)."""
        ...


class OnnxRuntime:
    """The network under ONNX Runtime, on the CPU."""

    def __init__(self, model: bytes | str, threads: int = 0) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads or available_cores()
        options.log_severity_level = 4
        self._session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        self._input = self._session.get_inputs()[0].name
        self.name = f"onnxruntime {onnxruntime.__version__}"

    def predict_proba(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Probabilities, float32 (B, K), of uint8 pixels (B, H, W, C)."""
        probabilities: NDArray[np.float32] = self._session.run(None, {self._input: pixels})[0]
        return probabilities


class TensorFlowRuntime:
    """The network under TensorFlow, on a GPU where there is one."""

    def __init__(self, model: Any) -> None:
        import tensorflow as tf

        self._forward = serving_function(model)
        self.name = f"tensorflow {tf.__version__}"

    def predict_proba(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Probabilities, float32 (B, K), of uint8 pixels (B, H, W, C)."""
        probabilities: NDArray[np.float32] = self._forward(pixels).numpy()
        return probabilities


def serving_function(model: Any) -> Any:
    """A Keras model as one ``tf.function`` from uint8 pixels (B, H, W, C) to float32 probabilities (B, K)."""
    import tensorflow as tf

    signature = [tf.TensorSpec((None, *model.input_shape[1:]), tf.uint8, name="pixels")]

    def serve(pixels: Any) -> Any:
        return model(tf.cast(pixels, tf.float32), training=False)

    return tf.function(serve, input_signature=signature)


def onnx_bytes(model: Any) -> bytes:
    """A Keras model as an ONNX network with one uint8 input, ``pixels`` (B, H, W, C)."""
    import tf2onnx

    function = serving_function(model)
    proto, _ = tf2onnx.convert.from_function(function, input_signature=function.input_signature, opset=17)
    return bytes(proto.SerializeToString())


def save_savedmodel(model: Any, folder: Path) -> None:
    """Write a Keras model as a TensorFlow SavedModel whose signature takes uint8 ``pixels`` (B, H, W, C)."""
    import tensorflow as tf

    module = tf.Module()
    module.model = model
    module.serve = serving_function(model)
    tf.saved_model.save(module, str(folder), signatures={"serving_default": module.serve})


def open_runtime(bundle: Bundle, name: RuntimeName = "auto") -> Runtime:
    """Load the bundle's network into the runtime of that name.

    ``auto`` is ONNX Runtime where the bundle has ``model.onnx`` and there is no GPU, else TensorFlow.

    Raises:
        BundleError: ``onnx`` was asked for, but the model has no ONNX network.
    """
    if resolve_runtime(bundle, name) == "onnx":
        return OnnxRuntime(str(bundle.onnx_file))
    return TensorFlowRuntime(bundle.keras_model())


def resolve_runtime(bundle: Bundle, name: RuntimeName) -> Literal["onnx", "tensorflow"]:
    """Which runtime ``name`` means for this bundle on this machine."""
    if name == "onnx" and bundle.onnx_file is None:
        raise BundleError(f"{bundle.card.name} has no model.onnx; use --runtime tensorflow")
    if name == "auto":
        return "onnx" if bundle.onnx_file is not None and not _has_gpu() else "tensorflow"
    return name


def _has_gpu() -> bool:
    if not os.path.exists("/dev/nvidiactl"):
        return False
    import tensorflow as tf

    return bool(tf.config.list_physical_devices("GPU"))


def available_cores() -> int:
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
