"""A network under LiteRT, which runs ``.tflite`` files: those of phones and small boards, here on the CPU."""

from __future__ import annotations

import os
import threading
import warnings
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from batch_emotion.errors import BundleError, one_line
from batch_emotion.model.adaptation import UNADAPTED, Adaptation, NetworkInput
from batch_emotion.model.slicing import SlicedRuntime
from batch_emotion.packages import load_tensorflow


class LiteRtRuntime(SlicedRuntime):
    """The network under LiteRT; each thread has an interpreter of its own, which knows one batch at a time."""

    def __init__(self, file: Path, threads: int = 0, adaptation: Adaptation = UNADAPTED) -> None:
        self._file, self._own = file, threading.local()
        super().__init__(tflite_input(file), threads, adaptation)
        self.name = f"{_package()} {version(_package())}"

    def _infer(self, images: NDArray[Any]) -> NDArray[Any]:
        interpreter = getattr(self._own, "interpreter", None) or interpreter_of(self._file)
        self._own.interpreter = interpreter
        (taken,), given = interpreter.get_input_details(), interpreter.get_output_details()[0]
        if tuple(taken["shape"]) != images.shape:
            interpreter.resize_tensor_input(taken["index"], images.shape)
            interpreter.allocate_tensors()
        interpreter.set_tensor(taken["index"], images)
        interpreter.invoke()
        outputs: NDArray[Any] = interpreter.get_tensor(given["index"])
        scale, zero_point = given["quantization"]
        if not scale:
            return outputs
        values: NDArray[np.float32] = (outputs.astype(np.float32) - zero_point) * np.float32(scale)
        if self._adaptation.softmax:
            return values
        # Steps of 1/256 do not add up to 1 by themselves.
        sums = values.sum(axis=-1, keepdims=True)
        probabilities: NDArray[np.float32] = np.divide(values, sums, out=values, where=sums > 0.5)
        return probabilities


def tflite_input(file: Path) -> NetworkInput:
    """What the network in a ``.tflite`` file takes.

    Raises:
        BundleError: it cannot be loaded, or takes no images.
    """
    interpreter = interpreter_of(file)
    taken, given = interpreter.get_input_details(), interpreter.get_output_details()
    if len(taken) != 1 or len(given) != 1:
        raise BundleError(
            f"{file.name} has {len(taken)} inputs and {len(given)} outputs, but one input of images and one output of "
            "probabilities are needed"
        )
    scale, zero_point = taken[0]["quantization"]
    shape = [int(side) for side in taken[0]["shape_signature"]]
    dtype = np.dtype(taken[0]["dtype"]).name
    return NetworkInput.of(shape, dtype, file.name, (float(scale), int(zero_point)))


def interpreter_of(file: Path) -> Any:
    """A new interpreter of a ``.tflite`` file, which works in the thread that calls it.

    Raises:
        BundleError: the file cannot be loaded, or nothing here runs it.
    """
    try:
        if _package() == "ai-edge-litert":
            from ai_edge_litert.interpreter import Interpreter
        else:
            Interpreter = load_tensorflow().lite.Interpreter  # noqa: N806 - a class
    except (ImportError, AttributeError) as error:
        raise BundleError(
            f"{file.name} needs LiteRT, which is not installed; pip install ai-edge-litert ({one_line(error)})"
        ) from None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # TensorFlow's own interpreter says that it will be gone one day
            interpreter = Interpreter(model_path=os.fspath(file), num_threads=1)
        interpreter.allocate_tensors()
    except Exception as error:
        raise BundleError(f"{file} cannot be loaded by LiteRT: {one_line(error)}") from None
    return interpreter


def _package() -> str:
    """What runs the network: LiteRT where it is installed, else the interpreter that TensorFlow still has."""
    return "ai-edge-litert" if find_spec("ai_edge_litert") else "tensorflow"
