"""A network in 8-bit integers, which a CPU multiplies faster than 32-bit floats: static, a scale for each channel."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from batch_emotion.errors import BatchEmotionError
from batch_emotion.model.runtime import OnnxRuntime
from batch_emotion.records import Pixels

CALIBRATION_IMAGES, COMPARED_IMAGES = 512, 2048
FEWEST_IMAGES = 64
AGREEMENT = 0.995
"""The least share of images for which both networks predict the same class."""

_MARGIN = 0.003  # networks are surer of images that they have learned than of others
_MOST_FLOAT = 6
_BATCH = 32


@dataclass(frozen=True)
class Int8Network:
    """A network in int8.

    Attributes:
        onnx: the ONNX file's content.
        float_layers: how many of its first convolutions compute in float32.
        agreement: the share of the compared images for which it predicts the class of the float32 network.
    """

    onnx: bytes
    float_layers: int
    agreement: float


def int8_network(network: Path, pixels: Pixels) -> Int8Network:
    """Make a network compute in int8, but for so many of its first convolutions that the predictions stay the same.

    The first layers, whose errors reach all that follow, are where 8 bits are too few. How many of them stay in
    float32 is found on images, of which up to ``CALIBRATION_IMAGES`` more give the ranges of the activations.

    Args:
        network: the float32 network, an ONNX file with the one input ``pixels``.
        pixels: uint8 (N, H, W, C), at least ``FEWEST_IMAGES``, in any order.

    Raises:
        BatchEmotionError: there are too few images, or the predictions differ too much.
    """
    if len(pixels) < FEWEST_IMAGES:
        raise BatchEmotionError(f"{len(pixels)} images are too few to calibrate with; {FEWEST_IMAGES} are needed")
    pixels = pixels[np.random.default_rng(0).permutation(len(pixels))[: CALIBRATION_IMAGES + COMPARED_IMAGES]]
    cut = min(CALIBRATION_IMAGES, len(pixels) // 2)
    calibration, compared = pixels[:cut], pixels[cut:]
    expected = OnnxRuntime(str(network)).predict_proba(compared).argmax(axis=1)
    best = 0.0
    for float_layers in range(min(_MOST_FLOAT + 1, _convolutions(network))):
        onnx = _quantized(network, calibration, float_layers)
        predicted = OnnxRuntime(onnx).predict_proba(compared).argmax(axis=1)
        agreement = float((predicted == expected).mean())
        if agreement >= AGREEMENT + _MARGIN:
            return Int8Network(onnx, float_layers, agreement)
        best = max(best, agreement)
    raise BatchEmotionError(
        f"in int8 the network agrees with itself in float32 on {best:.2%} of the images at best, and "
        f"{AGREEMENT + _MARGIN:.1%} are needed; use it in float32"
    )


def _convolutions(network: Path) -> int:
    import onnx

    return sum(node.op_type == "Conv" for node in onnx.load(network).graph.node)


def _quantized(network: Path, calibration: NDArray[np.uint8], float_layers: int) -> bytes:
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self._batches: Iterator[NDArray[np.uint8]] = iter(
                np.array_split(calibration, max(1, len(calibration) // _BATCH))
            )

        def get_next(self) -> dict[str, NDArray[np.uint8]] | None:
            batch = next(self._batches, None)
            return None if batch is None else {"pixels": batch}

    with tempfile.TemporaryDirectory() as scratch:
        prepared, quantized = Path(scratch) / "prepared.onnx", Path(scratch) / "int8.onnx"
        quant_pre_process(str(network), str(prepared), skip_symbolic_shape=True)
        quantize_static(
            str(prepared),
            str(quantized),
            Reader(),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            reduce_range=True,  # or sums of products overflow 16 bits on processors with AVX2 and no VNNI
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            nodes_to_exclude=_float_nodes(prepared, float_layers),
        )
        return quantized.read_bytes()


def _float_nodes(network: Path, float_layers: int) -> list[str]:
    """All before the first convolution that computes in int8, and all after the activation of the last one."""
    import onnx

    nodes = onnx.load(network).graph.node
    convolutions = [at for at, node in enumerate(nodes) if node.op_type == "Conv"]
    first, last = convolutions[float_layers], convolutions[-1]
    return [node.name for node in nodes[:first]] + [node.name for node in nodes[last + 1 :] if node.op_type != "Relu"]
