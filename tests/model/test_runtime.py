import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from batch_emotion import PredictOptions, load_bundle, predict
from batch_emotion.errors import UsageError
from batch_emotion.model import runtime
from batch_emotion.model.bundle import models_folder
from batch_emotion.model.runtime import OnnxRuntime, TensorFlowRuntime, in_mixed_precision, open_runtime
from tests.support.lean import without_tensorflow


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, (37, 64, 64, 3), np.uint8)


def test_the_number_of_threads_and_the_batch_change_no_bit_of_a_full_slice(pixels: np.ndarray) -> None:
    network = str(load_bundle("seed-cnn").onnx_file)
    one, three = OnnxRuntime(network, 1), OnnxRuntime(network, 3)
    whole = one.predict_proba(pixels)
    assert whole.shape == (37, 6)
    assert (three.predict_proba(pixels) == whole).all()
    assert (three.predict_proba(pixels[:16]) == whole[:16]).all()
    assert one.busy_s > 0


def test_mixed_precision_keeps_its_last_layer_and_its_weights_in_float32(pixels: np.ndarray) -> None:
    model = load_bundle("seed-cnn").keras_model()
    mixed = in_mixed_precision(model)
    *inner, last = mixed.layers
    assert {layer.compute_dtype for layer in inner} == {"float16"}
    assert last.compute_dtype == "float32"
    assert {str(weight.dtype) for weight in mixed.weights} == {"float32"}
    expected = TensorFlowRuntime(model).predict_proba(pixels)
    found = TensorFlowRuntime(model, "mixed").predict_proba(pixels)
    assert found.dtype == np.float32
    assert 0 < np.abs(found - expected).max() < 0.02


def test_a_runtime_is_loaded_once_until_the_bundle_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy = tmp_path / "model"
    shutil.copytree(models_folder() / "seed-cnn", copy)
    first = open_runtime(load_bundle(copy), "onnx")
    assert open_runtime(load_bundle(copy), "onnx") is first
    assert open_runtime(load_bundle(copy), "onnx", threads=1) is not first
    with monkeypatch.context() as forked:
        forked.setattr(os, "getpid", lambda: 1)
        assert open_runtime(load_bundle(copy), "onnx") is not first
    os.utime(copy / "model.onnx", ns=(1, 1))
    assert open_runtime(load_bundle(copy), "onnx") is not first


def test_without_tensorflow_onnx_runtime_is_chosen_even_beside_a_gpu(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    bundle = load_bundle("emotion-7")
    without_tensorflow(monkeypatch)
    (tmp_path / "gpu").touch()
    monkeypatch.setattr(runtime, "_NVIDIA", str(tmp_path / "gpu"))
    assert runtime.resolve_runtime(bundle, "auto") == "onnx"


def test_without_tensorflow_what_needs_it_says_so_and_how_to_add_it(monkeypatch: pytest.MonkeyPatch) -> None:
    bundle = load_bundle("emotion-7")
    without_tensorflow(monkeypatch)
    advice = r" needs tensorflow and keras, which are not installed here: pip install tensorflow keras"
    with pytest.raises(UsageError, match=f"^`runtime` tensorflow{advice}$"):
        open_runtime(bundle, "tensorflow")
    with pytest.raises(UsageError, match=f"^emotion-7{advice}$"):
        open_runtime(replace(bundle, onnx_file=None))
    with pytest.raises(UsageError, match=f"^the Keras network model.keras{advice}$"):
        bundle.keras_model()


def test_mixed_precision_is_not_for_onnx_runtime(faces: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="`precision` mixed is for TensorFlow"):
        open_runtime(load_bundle("seed-cnn"), "onnx", precision="mixed")
    with pytest.raises(UsageError, match="`precision` mixed is for TensorFlow"):
        predict(PredictOptions((str(faces),), tmp_path / "r.csv", runtime="onnx", precision="mixed"))
    assert not (tmp_path / "r.csv.work").exists()
