from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from batch_emotion.errors import UsageError
from batch_emotion.images.detectors import HaarDetector, open_detector
from batch_emotion.images.faces import find_faces
from batch_emotion.options.images import FaceOptions
from tests.support.composites import iou, photo


@pytest.fixture(scope="session")
def yunet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network with YuNet's outputs, to which a face is a white square that fills a cell of 32 pixels."""
    nodes, weights, outputs = [], [], []

    def head(kind: str, stride: int, gain: float, bias: list[float], squashed: bool) -> None:
        name = f"{kind}_{stride}"
        kernel = np.full((len(bias), 3, stride, stride), gain / (3 * stride * stride), np.float32)
        weights.append(numpy_helper.from_array(kernel, f"{name}_w"))
        weights.append(numpy_helper.from_array(np.array(bias, np.float32), f"{name}_b"))
        weights.append(numpy_helper.from_array(np.array([1, -1, len(bias)], np.int64), f"{name}_s"))
        nodes.append(
            helper.make_node(
                "Conv",
                ["input", f"{name}_w", f"{name}_b"],
                [f"{name}_c"],
                kernel_shape=[stride] * 2,
                strides=[stride] * 2,
            )
        )
        nodes.append(helper.make_node("Transpose", [f"{name}_c"], [f"{name}_t"], perm=[0, 2, 3, 1]))
        last = f"{name}_r" if squashed else name
        nodes.append(helper.make_node("Reshape", [f"{name}_t", f"{name}_s"], [last]))
        if squashed:
            nodes.append(helper.make_node("Sigmoid", [last], [name]))
        cells = (64 // stride) ** 2
        outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, cells, len(bias)]))

    for kind in ("cls", "obj", "bbox", "kps"):
        for stride in (8, 16, 32):
            if kind in ("cls", "obj"):
                head(kind, stride, 1.0 if stride == 32 else 0.0, [-240.0 if stride == 32 else -10.0], True)
            else:
                head(kind, stride, 0.0, [0.5, 0.5, 0.0, 0.0] if kind == "bbox" else [0.0] * 10, False)
    seen = helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 3, 64, 64])
    graph = helper.make_graph(nodes, "squares", [seen], outputs, weights)
    file = tmp_path_factory.mktemp("detector") / "squares.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), file)
    return file


def _squares(width: int, height: int, *squares: tuple[int, int, int]) -> np.ndarray:
    canvas = np.zeros((height, width, 3), np.uint8)
    for x, y, side in squares:
        canvas[y : y + side, x : x + side] = 255
    return canvas


def test_yunet_finds_faces_in_the_pixels_it_is_given(yunet: Path) -> None:
    detector = open_detector(yunet)
    assert detector.name.startswith("squares.onnx, opencv ")
    found = detector.find(_squares(160, 128, (32, 64, 32)), 1.0)
    assert found[:, :4].tolist() == [pytest.approx([32, 64, 32, 32], abs=0.01)]
    assert 0.9 < found[0, 4] <= 1
    reduced = detector.find(_squares(320, 256, (64, 128, 64)), 0.5)
    assert reduced[:, :4].tolist() == [pytest.approx([64, 128, 64, 64], abs=0.01)]
    assert detector.find(_squares(160, 128), 1.0).shape == (0, 5)
    gray = _squares(160, 128, (32, 64, 32))[..., 0]
    assert np.array_equal(detector.find(np.ascontiguousarray(gray), 1.0), found)


def test_yunet_looks_again_for_faces_too_large_for_it(yunet: Path) -> None:
    found = open_detector(yunet).find(_squares(640, 512, (128, 256, 128)), 1.0)
    boxes = found[:, :4].tolist()
    assert pytest.approx([128, 256, 128, 128], abs=0.1) in boxes
    assert len(boxes) == 1 + 4 * 4
    (large,) = find_faces(
        _squares(640, 512, (128, 256, 128)), (640, 512), open_detector(yunet), FaceOptions(min_size=16, max_faces=1)
    )
    assert large[:5] == (0, 128, 256, 128, 128)


def test_what_is_no_yunet_model_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read: No such file"):
        open_detector(tmp_path / "gone.onnx")
    (tmp_path / "text.onnx").write_text("text")
    with pytest.raises(UsageError, match="not a model of YuNet's"):
        open_detector(tmp_path / "text.onnx")
    (tmp_path / "empty.onnx").touch()
    with pytest.raises(UsageError, match="not a model of YuNet's"):
        open_detector(tmp_path / "empty.onnx")
    other = Path(__file__).parents[2] / "models" / "seed-cnn" / "model.onnx"
    with pytest.raises(UsageError, match="not a model of YuNet's"):
        open_detector(other)


def test_detectors_work_in_several_threads_at_a_time(yunet: Path) -> None:
    pixels, boxes = photo(700, 300, [80, 110])
    for detector, shown in ((HaarDetector(), pixels), (open_detector(yunet), _squares(640, 512, (128, 256, 128)))):
        expected = detector.find(shown, 0.5)
        with ThreadPoolExecutor(4) as pool:
            for found in pool.map(detector.find, [shown] * 12, [0.5] * 12):
                assert np.array_equal(found, expected)
    assert all(max(iou(box, each) for each in HaarDetector().find(pixels, 0.5)[:, :4]) >= 0.5 for box in boxes)
