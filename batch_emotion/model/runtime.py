"""A bundle to probabilities: ONNX Runtime on a CPU, TensorFlow on a GPU or on request."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from batch_emotion.cores import available_cores
from batch_emotion.errors import BundleError, UsageError, one_line
from batch_emotion.model.bundle import Bundle
from batch_emotion.model.interface import check_input, check_probabilities, probe_pixels
from batch_emotion.options.models import Precision, RuntimeName

_SLICE = 8
_NVIDIA = "/dev/nvidiactl"


class Runtime(Protocol):
    """Something that runs a network."""

    name: str
    """The runtime and its version, as recorded with every result."""

    @property
    def busy_s(self) -> float:
        """How many seconds its threads have worked so far, all together."""
        ...

    def predict_proba(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Probabilities, float32 (B, K), of uint8 pixels (B, H, W, C); may be called from several threads at a time."""
        ...


class _Stopwatch:
    """Adds up the seconds of several threads."""

    def __init__(self) -> None:
        self.busy_s = 0.0
        self._lock = Lock()

    @contextmanager
    def _working(self) -> Iterator[None]:
        started = time.perf_counter()
        try:
            yield
        finally:
            with self._lock:
                self.busy_s += time.perf_counter() - started


class OnnxRuntime(_Stopwatch):
    """The network under ONNX Runtime, on the CPU.

    Each thread takes a few images through the whole network by itself. Compared with threads that share every layer
    none waits for another, activations stay in the core's cache, memory does not grow with the batch, and the
    probabilities are the same whatever the number of threads.
    """

    def __init__(self, model: bytes | str, threads: int = 0) -> None:
        import onnxruntime

        super().__init__()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 4
        self._session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        taken = self._session.get_inputs()[0]
        self._input, self.input_shape = taken.name, tuple(taken.shape)
        self._pool = ThreadPoolExecutor(threads or available_cores(), "infer")
        self.name = f"onnxruntime {onnxruntime.__version__}"

    def predict_proba(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Probabilities, float32 (B, K), of uint8 pixels (B, H, W, C); may be called from several threads at a time."""
        slices = [pixels[first : first + _SLICE] for first in range(0, len(pixels), _SLICE)]
        return np.concatenate(list(self._pool.map(self._run, slices)))

    def _run(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        with self._working():
            probabilities: NDArray[np.float32] = self._session.run(None, {self._input: pixels})[0]
        return probabilities


class TensorFlowRuntime(_Stopwatch):
    """The network under TensorFlow, on a GPU where there is one."""

    def __init__(self, model: Any, precision: Precision = "float32") -> None:
        import tensorflow as tf

        super().__init__()
        if precision == "mixed":
            model = in_mixed_precision(model)
        self._forward = serving_function(model)
        self._turn = Lock()  # TensorFlow spreads one batch over all cores; a second would only take memory
        self.name = f"tensorflow {tf.__version__}"

    def predict_proba(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Probabilities, float32 (B, K), of uint8 pixels (B, H, W, C); may be called from several threads at a time."""
        with self._turn, self._working():
            probabilities: NDArray[np.float32] = self._forward(pixels).numpy()
        return probabilities


def in_mixed_precision(model: Any) -> Any:
    """A copy of a Keras model that computes in float16 but for its last layer; weights stay float32."""
    import keras

    def lower(layer: Any) -> Any:
        config = layer.get_config()
        if isinstance(layer, keras.Layer) and layer is not model.layers[-1]:
            config["dtype"] = "mixed_float16"
        return type(layer).from_config(config)

    copy = keras.models.clone_model(model, clone_function=lower, recursive=True)
    copy.set_weights(model.get_weights())
    return copy


def serving_function(model: Any) -> Any:
    """A Keras model as one ``tf.function`` from uint8 pixels (B, H, W, C) to float32 probabilities (B, K)."""
    import tensorflow as tf

    signature = [tf.TensorSpec((None, *model.input_shape[1:]), tf.uint8, name="pixels")]

    def serve(pixels: Any) -> Any:
        return model(tf.cast(pixels, tf.float32), training=False)

    return tf.function(serve, input_signature=signature, autograph=False)


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
    with tempfile.TemporaryDirectory() as scratch, _temporary_files_in(scratch):  # TensorFlow would leave some in /tmp
        tf.saved_model.save(module, str(folder), signatures={"serving_default": module.serve})


@contextmanager
def _temporary_files_in(folder: str) -> Iterator[None]:
    before, tempfile.tempdir = tempfile.tempdir, folder
    try:
        yield
    finally:
        tempfile.tempdir = before


def open_runtime(
    bundle: Bundle, name: RuntimeName = "auto", threads: int = 0, precision: Precision = "float32"
) -> Runtime:
    """Load the bundle's network into the runtime of that name.

    ``auto`` is ONNX Runtime where the bundle has ``model.onnx`` and there is no GPU, else TensorFlow.

    Args:
        bundle: the model.
        name: which runtime.
        threads: how many cores to use; 0: as many as this process may.
        precision: ``mixed`` computes in float16 under TensorFlow.

    Raises:
        BundleError: ``onnx`` was asked for, but the model has no ONNX network; or the network is not the one that the
            card describes, or gives no probabilities.
        UsageError: ``mixed`` was asked of ONNX Runtime.
    """
    runtime: Runtime
    spec = bundle.card.input
    if resolve_runtime(bundle, name, precision) == "onnx" and bundle.onnx_file is not None:
        if os.path.exists(_NVIDIA) and "tensorflow" in sys.modules:
            _configure_tensorflow(threads, gpu=False)
        file = bundle.checked(bundle.onnx_file)
        try:
            runtime = onnx = OnnxRuntime(str(file), threads)
        except Exception as error:
            raise BundleError(f"{file} cannot be loaded by ONNX Runtime: {one_line(error)}") from error
        check_input(onnx.input_shape, spec, str(file))
    else:
        file = bundle.keras_file
        _configure_tensorflow(threads)
        model = bundle.keras_model()
        check_input(model.input_shape, spec, str(file))
        runtime = TensorFlowRuntime(model, precision)
    check_probabilities(runtime.predict_proba(probe_pixels(spec)), len(bundle.card.class_names), str(file))
    return runtime


def resolve_runtime(
    bundle: Bundle, name: RuntimeName, precision: Precision = "float32"
) -> Literal["onnx", "tensorflow"]:
    """Which runtime ``name`` means for this bundle on this machine."""
    if name == "onnx" and bundle.onnx_file is None:
        raise BundleError(f"{bundle.card.name} has no model.onnx; use `runtime` tensorflow")
    if name == "auto":
        name = "onnx" if bundle.onnx_file is not None and not _has_gpu() else "tensorflow"
    if name == "onnx" and precision == "mixed":
        raise UsageError("`precision` mixed is for TensorFlow on a GPU, and this run is to use ONNX Runtime on the CPU")
    return name


def _configure_tensorflow(threads: int, gpu: bool = True) -> None:
    """Have TensorFlow use the cores it is meant to and take a GPU's memory as it needs it, or leave the GPU alone."""
    import tensorflow as tf

    with suppress(RuntimeError):  # it has started already, with the settings of then
        tf.config.threading.set_intra_op_parallelism_threads(threads or available_cores())
        for device in tf.config.list_physical_devices("GPU"):
            tf.config.experimental.set_memory_growth(device, True)
        if not gpu:
            tf.config.set_visible_devices([], "GPU")


def _has_gpu() -> bool:
    if not os.path.exists(_NVIDIA):
        return False
    import tensorflow as tf

    return bool(tf.config.list_physical_devices("GPU"))
