from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from batch_emotion.errors import UsageError
from batch_emotion.images.detectors import HaarDetector, open_detector
from batch_emotion.images.faces import find_faces
from batch_emotion.options.images import FaceOptions
from tests.support.composites import astronaut, backdrop, iou, photo


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
    detector = open_detector(FaceOptions(detector_model=yunet))
    assert detector.name.startswith("squares.onnx, opencv ")
    found = detector.find(_squares(160, 128, (32, 64, 32)), 1.0)
    assert found[:, :4].tolist() == [pytest.approx([32, 64, 32, 32], abs=0.01)]
    assert 0.9 < found[0, 4] <= 1
    assert found[0, 5:].reshape(5, 2).tolist() == [pytest.approx([32, 64], abs=0.01)] * 5
    assert detector.find(_squares(160, 128), 1.0).shape == (0, 15)
    gray = _squares(160, 128, (32, 64, 32))[..., 0]
    assert np.array_equal(detector.find(np.ascontiguousarray(gray), 1.0), found)


def test_yunet_looks_at_800_pixels_and_at_more_where_faces_are_small(yunet: Path) -> None:
    detector = open_detector(FaceOptions(detector_model=yunet))
    large = _squares(2400, 192, (192, 96, 96))
    assert detector.find(large, 48.0)[:, :4].tolist() == [pytest.approx([192, 96, 96, 96], abs=0.01)]
    assert len(detector.find(large, 16.0)) == 9
    assert len(detector.find(_squares(640, 192, (64, 32, 32)), 100.0)) == 1


def test_the_least_score_is_the_users(yunet: Path) -> None:
    squares = _squares(160, 128, (32, 64, 32))
    squares[64:96, 32:64] = 240
    (found,) = open_detector(FaceOptions(detector_model=yunet, min_score=0.1)).find(squares, 1.0)
    assert 0.3 < found[4] < 0.7
    for least in (None, 0.9):
        assert len(open_detector(FaceOptions(detector_model=yunet, min_score=least)).find(squares, 1.0)) == 0
    pixels, _ = photo(700, 300, [110])
    ((*_, agreeing),) = HaarDetector().find(pixels, 48)[:, :5].tolist()
    assert len(HaarDetector(agreeing).find(pixels, 48)) == 1
    assert len(HaarDetector(agreeing + 1).find(pixels, 48)) == 0
    (sure,) = open_detector().find(pixels, 36)[:, 4].tolist()
    assert len(open_detector(FaceOptions(min_score=sure - 0.01)).find(pixels, 36)) == 1
    assert len(open_detector(FaceOptions(min_score=sure + 0.01)).find(pixels, 36)) == 0


def test_centerface_comes_with_the_tool_and_finds_turned_faces_and_their_parts() -> None:
    detector = open_detector()
    assert (detector.name, detector.sha256[:12]) == ("centerface", "09189deaaf86")
    pixels, boxes = photo(1400, 420, [60, 96, 150])
    for turn in range(-45, 46, 15):
        centre = 700, 210
        turned = cv2.warpAffine(pixels, cv2.getRotationMatrix2D(centre, -turn, 1), (1400, 420))
        faces = find_faces(turned, (1400, 420), detector, FaceOptions())
        middles = [(x + side / 2 - 700, y + side / 2 - 210) for x, y, side, _ in boxes]
        cosine, sine = np.cos(np.radians(turn)), np.sin(np.radians(turn))
        moved = [(700 + x * cosine - y * sine, 210 + x * sine + y * cosine) for x, y in middles]
        whole = [(x, y, box[2]) for (x, y), box in zip(moved, boxes, strict=True) if 60 <= y <= 360 and 60 <= x <= 1340]
        assert len(faces) >= len(whole) >= 1
        for x, y, side in whole:
            face = max(faces, key=lambda face: iou((x - side / 2, y - side / 2, side, side), face[1:5]))
            assert iou((x - side / 2, y - side / 2, side, side), face[1:5]) >= 0.5
            assert face.roll == pytest.approx(turn, abs=12)


def test_centerface_finds_nothing_where_nothing_is_and_looks_at_any_size() -> None:
    detector = open_detector()
    for width, height in ((1, 1), (3, 900), (640, 480), (4000, 33)):
        assert detector.find(backdrop(width, height), 36).shape == (0, 15)


def test_a_face_that_touches_the_border_is_kept() -> None:
    face = np.ascontiguousarray(astronaut()[70:170, 180:270])
    (found,) = find_faces(face, (90, 100), open_detector(), FaceOptions())
    assert found.x >= 0
    assert found.y >= 0
    assert found.x + found.width <= 90
    assert found.y + found.height <= 100
    assert iou(found[1:5], (0, 0, 90, 100)) > 0.7


def test_a_detector_and_its_model_go_together(yunet: Path) -> None:
    for options, match in (
        (FaceOptions("yunet"), "`detector` yunet needs its model"),
        (FaceOptions("haar", yunet), "`detector_model` is YuNet's, and `detector` is haar"),
        (FaceOptions("centerface", yunet), "`detector_model` is YuNet's, and `detector` is centerface"),
        (FaceOptions(min_score=3), r"`faces.min_score` must be between 0 and 1, as CenterFace's scores are, not 3; "),
        (
            FaceOptions("yunet", yunet, 1.5),
            r"`faces.min_score` must be between 0 and 1, as YuNet's scores are, not 1.5",
        ),
    ):
        with pytest.raises(UsageError, match=match):
            open_detector(options)
    assert open_detector(FaceOptions("yunet", yunet)).name.startswith("squares.onnx")
    assert open_detector(FaceOptions("haar")).name.startswith("haarcascade_frontalface_alt2")
    assert open_detector(FaceOptions("haar", min_score=3)).min_score == 3
    assert open_detector(FaceOptions("centerface", min_score=1)).name == "centerface"


def test_yunet_looks_again_for_faces_too_large_for_it(yunet: Path) -> None:
    found = open_detector(FaceOptions(detector_model=yunet)).find(_squares(640, 512, (128, 256, 128)), 1.0)
    boxes = found[:, :4].tolist()
    assert pytest.approx([128, 256, 128, 128], abs=0.1) in boxes
    assert len(boxes) == 1 + 4 * 4
    (large,) = find_faces(
        _squares(640, 512, (128, 256, 128)),
        (640, 512),
        open_detector(FaceOptions(detector_model=yunet)),
        FaceOptions(min_size=16, max_faces=1),
    )
    assert large[:5] == (0, 128, 256, 128, 128)


def test_what_is_no_yunet_model_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read: No such file"):
        open_detector(FaceOptions(detector_model=tmp_path / "gone.onnx"))
    (tmp_path / "text.onnx").write_text("text")
    with pytest.raises(UsageError, match="not a model of YuNet's"):
        open_detector(FaceOptions(detector_model=tmp_path / "text.onnx"))
    (tmp_path / "empty.onnx").touch()
    with pytest.raises(UsageError, match="not a model of YuNet's"):
        open_detector(FaceOptions(detector_model=tmp_path / "empty.onnx"))
    other = Path(__file__).parents[2] / "models" / "seed-cnn" / "model.onnx"
    with pytest.raises(UsageError, match="not a model of YuNet's"):
        open_detector(FaceOptions(detector_model=other))


def test_detectors_work_in_several_threads_at_a_time(yunet: Path) -> None:
    pixels, boxes = photo(700, 300, [80, 110])
    for detector, shown in (
        (HaarDetector(), pixels),
        (open_detector(), pixels),
        (open_detector(FaceOptions(detector_model=yunet)), _squares(640, 512, (128, 256, 128))),
    ):
        expected = detector.find(shown, 54.0)
        with ThreadPoolExecutor(4) as pool:
            for found in pool.map(detector.find, [shown] * 12, [54.0] * 12):
                assert np.array_equal(found, expected, equal_nan=True)
    assert all(max(iou(box, each) for each in HaarDetector().find(pixels, 54.0)[:, :4]) >= 0.5 for box in boxes)
