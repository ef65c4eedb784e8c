"""ONNX files: opened, described, and named so that others understand them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from batch_emotion.errors import BundleError, one_line
from batch_emotion.model.adaptation import NetworkInput

_DTYPES = {"tensor(float)": "float32", "tensor(float16)": "float16"}


def onnx_session(model: bytes | str) -> Any:
    """A session of ONNX Runtime that computes in the thread that calls it."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def open_onnx(file: Path) -> Any:
    """A session of an ONNX file.

    Raises:
        BundleError: it cannot be loaded.
    """
    try:
        return onnx_session(os.fspath(file))
    except Exception as error:
        raise BundleError(f"{file} cannot be loaded by ONNX Runtime: {one_line(error)}") from error


def onnx_input(session: Any, name: str) -> NetworkInput:
    """What the network of a session takes.

    Raises:
        BundleError: it takes no images, or has several inputs or outputs.
    """
    taken, given = session.get_inputs(), session.get_outputs()
    if len(taken) != 1 or len(given) != 1:
        raise BundleError(
            f"{name} has {len(taken)} inputs and {len(given)} outputs, but one input of images and one output of "
            "probabilities are needed"
        )
    dtype = _DTYPES.get(taken[0].type) or taken[0].type.removeprefix("tensor(").removesuffix(")")
    return NetworkInput.of(taken[0].shape, dtype, name)


def named_onnx(network: bytes, texts: Mapping[str, str]) -> bytes:
    """An ONNX network with these texts, whose axis ``batch`` and output ``probabilities`` are called so.

    Args:
        network: with one input and one output, the first axis of both being the batch.
        texts: by key; programs find them among the properties of the file.
    """
    import onnx

    model = onnx.load_model_from_string(network)
    graph = model.graph
    before, after = graph.output[0].name, "probabilities"
    for node in graph.node:
        for names in (node.input, node.output):
            names[:] = [after if name == before else name for name in names]
    graph.output[0].name = after
    for value in (graph.input[0], graph.output[0]):
        value.type.tensor_type.shape.dim[0].dim_param = "batch"
    graph.name = texts["model"]
    onnx.helper.set_model_props(model, dict(texts))
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())
