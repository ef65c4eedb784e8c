"""Networks of another's making: what their files do not say has to be told, and then they count like any model."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from batch_emotion import EvaluateOptions, PredictOptions, evaluate, load_bundle, predict
from batch_emotion.cli import main
from batch_emotion.errors import BundleError, UsageError
from batch_emotion.model.bundle import models_folder
from batch_emotion.model.runtime import open_runtime
from batch_emotion.options.models import NetworkOptions
from tests.support.foreign import foreign_onnx

CLASSES = ("dark", "bright")
GRID = np.random.default_rng(0).integers(0, 256, (11, 6, 4, 3), np.uint8)


def _expected(pixels: np.ndarray) -> np.ndarray:
    """The softmax of (0, 2 * (mean of all values of 0 to 1 - 0.5)), as all networks here compute it."""
    logit = 2 * (pixels.reshape(len(pixels), -1).mean(axis=1) / 255 - 0.5)
    return np.stack([1 / (1 + np.exp(logit)), 1 / (1 + np.exp(-logit))], axis=1)


def _keras(scaled: bool, softmax: bool) -> Any:
    import keras

    stack = [
        keras.Input((6, 4, 3)),
        *([keras.layers.Rescaling(1 / 255)] if scaled else []),
        keras.layers.AveragePooling2D((6, 4)),
        keras.layers.Flatten(),
        keras.layers.Dense(2, "softmax" if softmax else None),
    ]
    model = keras.Sequential(stack)
    weights = np.tile([[0.0, 2 / 3]], (3, 1)).astype(np.float32)
    model.layers[-1].set_weights([weights, np.array([0, -1], np.float32)])
    return model


@pytest.mark.parametrize("softmax", [True, False])
@pytest.mark.parametrize("shape", [["n", 3, 6, 4], ["n", 6, 4, 3], [1, 3, 6, 4], [4, 6, 4, 3], ["n", "h", "w", 3]])
def test_an_onnx_network_of_any_layout_and_batch(tmp_path: Path, shape: list[int | str], softmax: bool) -> None:
    told = NetworkOptions((6, 4) if "h" in shape else None, "unit", not softmax)
    bundle = load_bundle(foreign_onnx(tmp_path / "n.onnx", shape, softmax), CLASSES, network=told)
    assert bundle.card.input.shape == (6, 4, 3)
    np.testing.assert_allclose(open_runtime(bundle).predict_proba(GRID), _expected(GRID), atol=1e-5)


@pytest.mark.parametrize("suffix", [".keras", ".h5", ""])
@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
@pytest.mark.parametrize("is_ready", [True, False])
def test_networks_of_keras_and_tensorflow(tmp_path: Path, suffix: str, is_ready: bool) -> None:
    import tensorflow as tf

    model, file = _keras(is_ready, is_ready), tmp_path / f"n{suffix}"
    model.save(file) if suffix else model.export(file, verbose=False)
    told = NetworkOptions() if is_ready else NetworkOptions(scaling="unit", softmax=True)
    bundle = load_bundle(file, CLASSES, network=told)
    np.testing.assert_allclose(open_runtime(bundle).predict_proba(GRID), _expected(GRID), atol=1e-5)
    tf.keras.backend.clear_session()


def test_a_tflite_network_that_gives_logits(tmp_path: Path) -> None:
    import tensorflow as tf

    _keras(False, False).export(tmp_path / "saved", verbose=False)
    file = tmp_path / "n.tflite"
    file.write_bytes(tf.lite.TFLiteConverter.from_saved_model(str(tmp_path / "saved")).convert())
    bundle = load_bundle(file, CLASSES, network=NetworkOptions(scaling="unit", softmax=True))
    np.testing.assert_allclose(open_runtime(bundle, threads=2).predict_proba(GRID), _expected(GRID), atol=1e-5)


def test_what_was_told_is_a_part_of_what_the_model_is(tmp_path: Path, faces: Path) -> None:
    file = foreign_onnx(tmp_path / "n.onnx", ["n", 3, 6, 4])
    told = [NetworkOptions(scaling=scaling, softmax=True) for scaling in ("unit", "symmetric", "imagenet")]
    identities = [load_bundle(file, CLASSES, network=each).sha256 for each in told]
    identities += [load_bundle(file, names).sha256 for names in (CLASSES, CLASSES[::-1])]
    assert len(set(identities)) == 5
    options = PredictOptions((str(faces),), tmp_path / "r.csv", model=file, class_names=CLASSES, network=told[0])
    assert predict(options).outcome == "done"
    assert predict(options).outcome == "nothing to do"
    with pytest.raises(UsageError, match="differs in the model"):
        predict(PredictOptions((str(faces),), tmp_path / "r.csv", model=file, class_names=CLASSES, network=told[1]))


def test_the_command_line_tells_and_scores_and_evaluates(
    tmp_path: Path, faces: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = foreign_onnx(tmp_path / "n.onnx", ["n", "h", "w", 3])
    told = ["--model", str(file), "--classes", "happy,sad", "--image-size", "6x4", "--scaling", "unit", "--softmax"]
    assert main(["predict", str(faces), "--out", str(tmp_path / "r.csv"), *told]) == 0
    assert main(["evaluate", str(faces), "--out", str(tmp_path / "e"), *told]) == 0
    capsys.readouterr()
    assert main(["predict", str(faces), *told[:4], "--image-size", "0"]) == 2
    assert "--image-size must be a size in pixels such as 64, or height and width" in capsys.readouterr().err
    options = EvaluateOptions(
        faces, tmp_path / "p", file, ("happy", "sad"), network=NetworkOptions((6, 4), "unit", softmax=True)
    )
    assert evaluate(options).evaluation["model"]["name"] == "n.onnx"


@pytest.mark.parametrize(
    ("shape", "made", "told", "words"),
    [
        (["n", 3, 6, 4], {}, NetworkOptions(), r"they go from .*; give `softmax` if they are logits"),
        (["n", "h", "w", 3], {}, NetworkOptions(), "takes images of any size"),
        (["n", 3, 6, 4], {}, NetworkOptions((8, 8)), "takes images of 6x4, and `image_size` says 8x8"),
        (["n", 3, 6, 4], {"outputs": 2}, NetworkOptions(), "has 1 inputs and 2 outputs, but one"),
        (["n", 12], {}, NetworkOptions(), r"takes \?x12, but images are needed"),
    ],
)
def test_a_network_that_cannot_be_used_as_told_is_refused(
    tmp_path: Path, shape: list[int | str], made: dict[str, Any], told: NetworkOptions, words: str
) -> None:
    if len(shape) == 2:
        pytest.importorskip("onnx")
    file = foreign_onnx(tmp_path / "n.onnx", shape, **made) if len(shape) == 4 else _flat(tmp_path / "n.onnx")
    with pytest.raises(BundleError, match=words):
        open_runtime(load_bundle(file, CLASSES, network=told))


def _flat(file: Path) -> Path:
    import onnx
    from onnx import TensorProto, helper

    rows = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 12]) for name in ("a", "b")]
    graph = helper.make_graph([helper.make_node("Softmax", ["a"], ["b"])], "flat", rows[:1], rows[1:])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), file)
    return file


def test_the_number_of_classes_must_be_that_of_the_outputs(tmp_path: Path) -> None:
    file = foreign_onnx(tmp_path / "n.onnx", ["n", 3, 6, 4], softmax=True)
    with pytest.raises(BundleError, match="has 2 outputs, but 3 classes are named"):
        open_runtime(load_bundle(file, ("a", "b", "c"), network=NetworkOptions(scaling="unit")))
    with pytest.raises(BundleError, match="give `class_names`, in their order"):
        load_bundle(file)


def test_the_network_within_a_bundle_leads_to_the_bundle() -> None:
    with pytest.raises(BundleError, match=r"is a part of a bundle, .*: give its folder, .*emotion-6"):
        load_bundle(models_folder() / "emotion-6" / "model.onnx")
