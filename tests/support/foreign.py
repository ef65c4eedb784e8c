"""An ONNX network as others make them: float pixels, any layout, no word of what its outputs mean."""

from pathlib import Path

import numpy as np


def foreign_onnx(file: Path, shape: list[int | str], softmax: bool = False, outputs: int = 1, classes: int = 2) -> Path:
    """A float network on pixels of 0 to 1 that gives logits, or probabilities: 0, but the last class by brightness."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    weights = {
        "weight": np.array([[0.0] * (classes - 1) + [2.0]], np.float32),
        "bias": np.array([0.0] * (classes - 1) + [-1.0], np.float32),
        "one": np.array([-1, 1], np.int64),
    }
    nodes = [
        helper.make_node("ReduceMean", ["image"], ["mean"], axes=[1, 2, 3], keepdims=1),
        helper.make_node("Reshape", ["mean", "one"], ["flat"]),
        helper.make_node("Gemm", ["flat", "weight", "bias"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["p"], axis=1),
    ]
    names = ["p" if softmax else "logits", "flat"][:outputs]
    graph = helper.make_graph(
        nodes,
        "foreign",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in names],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, file)
    return file
