"""A bundle to probabilities: ONNX Runtime on a CPU, TensorFlow on a GPU or on request."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from threading import Lock
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from batch_emotion.cores import available_cores
from batch_emotion.errors import BundleError, UsageError, one_line
from batch_emotion.model.adaptation import UNADAPTED, Adaptation, NetworkInput
from batch_emotion.model.bundle import Bundle
from batch_emotion.model.bundle_files import INT8_FILE
from batch_emotion.model.interface import check_input, check_probabilities, probe_pixels
from batch_emotion.model.litert import LiteRtRuntime
from batch_emotion.model.onnx_file import onnx_input, onnx_session
from batch_emotion.model.savedmodel import SavedModelRuntime
from batch_emotion.model.slicing import SlicedRuntime, Stopwatch
from batch_emotion.options.models import Precision, RuntimeName
from batch_emotion.packages import has_tensorflow, load_tensorflow, require_packages

ResolvedRuntime = Literal["onnx", "tensorflow", "litert"]
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


class OnnxRuntime(SlicedRuntime):
    """The network under ONNX Runtime, on the CPU."""

    def __init__(self, model: bytes | str, threads: int = 0, adaptation: Adaptation = UNADAPTED) -> None:
        import onnxruntime

        self._session = onnx_session(model)
        taken = self._session.get_inputs()[0]
        self._input, self.input_shape = taken.name, tuple(taken.shape)
        super().__init__(onnx_input(self._session, "the network"), threads, adaptation)
        self.name = f"onnxruntime {onnxruntime.__version__}"

    def _infer(self, images: NDArray[Any]) -> NDArray[Any]:
        outputs: NDArray[Any] = self._session.run(None, {self._input: images})[0]
        return outputs


class TensorFlowRuntime(Stopwatch):
    """The network under TensorFlow, on a GPU where there is one."""

    def __init__(self, model: Any, precision: Precision = "float32", adaptation: Adaptation = UNADAPTED) -> None:
        import tensorflow as tf

        super().__init__()
        if precision == "mixed":
            model = in_mixed_precision(model)
        self._taken = NetworkInput.of(model.input_shape, "uint8", "the network")
        if not self._taken.takes_pixels(adaptation):
            self._taken = replace(self._taken, dtype=np.dtype(np.float32))
        self._adaptation, self._forward = adaptation, serving_function(model, self._taken.dtype.name)
        self._turn = Lock()  # TensorFlow spreads one batch over all cores; a second would only take memory
        self.name = f"tensorflow {tf.__version__}"

    def predict_proba(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Probabilities, float32 (B, K), of uint8 pixels (B, H, W, C); may be called from several threads at a time."""
        with self._turn, self._working():
            (outputs,) = self._forward(self._taken.fed(pixels, self._adaptation)).values()
            return self._adaptation.probabilities(outputs.numpy())


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


def serving_function(model: Any, dtype: str = "uint8") -> Any:
    """A Keras model as one ``tf.function``: ``pixels`` (B, H, W, C) to a dictionary of ``probabilities`` (B, K)."""
    import tensorflow as tf

    signature = [tf.TensorSpec((None, *model.input_shape[1:]), dtype, name="pixels")]

    def serve(pixels: Any) -> Any:
        return {"probabilities": model(tf.cast(pixels, tf.float32), training=False)}

    return tf.function(serve, input_signature=signature, autograph=False)


def onnx_bytes(model: Any) -> bytes:
    """A Keras model as an ONNX network: uint8 ``pixels`` (B, H, W, C) to float32 ``probabilities`` (B, K)."""
    import tf2onnx

    function = serving_function(model)
    proto, _ = tf2onnx.convert.from_function(function, input_signature=function.input_signature, opset=17)
    return bytes(proto.SerializeToString())


def open_runtime(
    bundle: Bundle,
    name: RuntimeName | ResolvedRuntime = "auto",
    threads: int = 0,
    precision: Precision = "float32",
) -> Runtime:
    """Load the bundle's network into the runtime of that name; once, however often it is asked for.

    ``auto`` is ONNX Runtime where the bundle has ``model.onnx`` and there is no GPU, or no TensorFlow to use it with,
    else TensorFlow; the file of a network has one runtime alone.

    Args:
        bundle: the model.
        name: which runtime.
        threads: how many cores to use; 0: as many as this process may.
        precision: ``mixed`` computes in float16 under TensorFlow, ``int8`` in integers under ONNX Runtime.

    Raises:
        BundleError: the model has no network for this runtime; or the network is not the one that the card describes,
            or gives no probabilities; or ``int8`` was asked for, but the model has no such network.
        UsageError: ``mixed`` was asked of another runtime than TensorFlow, or ``int8`` of one but ONNX Runtime; or
            TensorFlow is not installed.
    """
    resolved = resolve_runtime(bundle, name, precision)
    asked = (resolved, threads, precision, os.getpid())  # its threads do not live on in a forked process
    if asked not in bundle.runtimes:
        bundle.runtimes[asked] = _load_runtime(bundle, resolved, threads, precision)
    runtime: Runtime = bundle.runtimes[asked]
    return runtime


def _load_runtime(bundle: Bundle, name: ResolvedRuntime, threads: int, precision: Precision) -> Runtime:
    runtime: Runtime
    spec, told = bundle.card.input, bundle.adaptation
    if name == "onnx" and bundle.onnx_file is not None:
        if os.path.exists(_NVIDIA) and "tensorflow" in sys.modules:
            _configure_tensorflow(threads, gpu=False)
        file = bundle.checked(bundle.int8_file if precision == "int8" and bundle.int8_file else bundle.onnx_file)
        try:
            runtime = onnx = OnnxRuntime(str(file), threads, told)
        except BundleError:
            raise
        except Exception as error:
            raise BundleError(f"{file} cannot be loaded by ONNX Runtime: {one_line(error)}") from error
        if bundle.folder is not None:
            check_input(onnx.input_shape, spec, str(file))
    elif name == "litert" and bundle.tflite_file is not None:
        file = bundle.checked(bundle.tflite_file)
        runtime = LiteRtRuntime(file, threads, told)
    elif bundle.savedmodel is not None:
        file = bundle.savedmodel
        _configure_tensorflow(threads)
        runtime = SavedModelRuntime(file, told)
    else:
        model = bundle.keras_model()
        file = bundle.keras_file or Path(bundle.card.name)
        _configure_tensorflow(threads)
        if bundle.folder is not None:
            check_input(model.input_shape, spec, str(file))
        runtime = TensorFlowRuntime(model, precision, told)
    try:
        probabilities = runtime.predict_proba(probe_pixels(spec))
    except Exception as error:
        raise BundleError(f"{file} cannot compute on images of {spec.shape}: {one_line(error)}") from error
    check_probabilities(probabilities, len(bundle.card.class_names), str(file), is_bundle=bundle.folder is not None)
    return runtime


def resolve_runtime(
    bundle: Bundle, name: RuntimeName | ResolvedRuntime, precision: Precision = "float32"
) -> ResolvedRuntime:
    """Which runtime ``name`` means for this bundle on this machine.

    Raises:
        BundleError, UsageError: as ``open_runtime``.
    """
    only = _only_runtime(bundle)
    if only is not None and name not in ("auto", only):
        raise BundleError(f"{bundle.card.name} is run by {_NAMES[only]}; leave out `runtime` {name}")
    if precision == "int8":
        if name == "tensorflow":
            raise UsageError("`precision` int8 is for ONNX Runtime on the CPU, and this run is to use TensorFlow")
        if bundle.int8_file is None:
            raise BundleError(f"{bundle.card.name} has no {INT8_FILE}; leave out `precision` int8")
        name = "onnx"
    resolved: ResolvedRuntime = only or ("tensorflow" if _has_gpu() else "onnx") if name == "auto" else name
    if resolved == "tensorflow":
        asked = "`runtime` tensorflow" if name == "tensorflow" else bundle.card.name
        require_packages(asked, "tensorflow", "keras")
    if precision == "mixed" and (resolved != "tensorflow" or bundle.savedmodel is not None):
        raise UsageError(
            f"`precision` mixed is for TensorFlow on a GPU, and this run is to use {_NAMES[resolved]} on the CPU"
            if bundle.savedmodel is None
            else f"`precision` mixed is for Keras networks, and {bundle.card.name} computes as it was saved"
        )
    return resolved


_NAMES: dict[ResolvedRuntime, str] = {"onnx": "ONNX Runtime", "tensorflow": "TensorFlow", "litert": "LiteRT"}


def _only_runtime(bundle: Bundle) -> ResolvedRuntime | None:
    """The one runtime of a model that has a network for no other."""
    if bundle.tflite_file is not None:
        return "litert"
    if bundle.onnx_file is None:
        return "tensorflow"
    return "onnx" if bundle.keras_file is None else None


def _configure_tensorflow(threads: int, gpu: bool = True) -> None:
    """Have TensorFlow use the cores it is meant to and take a GPU's memory as it needs it, or leave the GPU alone."""
    tf = load_tensorflow()
    with suppress(RuntimeError):  # it has started already, with the settings of then
        tf.config.threading.set_intra_op_parallelism_threads(threads or available_cores())
        for device in tf.config.list_physical_devices("GPU"):
            tf.config.experimental.set_memory_growth(device, True)
        if not gpu:
            tf.config.set_visible_devices([], "GPU")


def _has_gpu() -> bool:
    if not os.path.exists(_NVIDIA) or not has_tensorflow():
        return False
    return bool(load_tensorflow().config.list_physical_devices("GPU"))
