"""The network in int8: as good as the float32 one, identified apart, refused where there is none."""

import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from batch_emotion import ExportOptions, PredictOptions, export, load_bundle, predict
from batch_emotion.commands.models import verify
from batch_emotion.errors import BatchEmotionError, BundleError, OutputMismatch, UsageError
from batch_emotion.images.synthetic import golden_pixels
from batch_emotion.model import quantization
from batch_emotion.model.bundle import bundled_models, models_folder
from batch_emotion.model.bundle_files import INT8_FILE
from batch_emotion.model.quantization import int8_network
from batch_emotion.model.runtime import OnnxRuntime, open_runtime
from batch_emotion.training.int8 import add_int8
from batch_emotion.training.pixels import LabelledPixels

NETWORK = models_folder() / "emotion-6" / "model.onnx"


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    return golden_pixels(load_bundle("emotion-6").card.input, each=30)


@pytest.fixture(scope="module")
def labelled(pixels: np.ndarray) -> LabelledPixels:
    predicted = OnnxRuntime(str(NETWORK)).predict_proba(pixels).argmax(axis=1)
    return LabelledPixels(pixels, np.eye(6, dtype=np.float32)[predicted])


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    folder = Path(shutil.copytree(models_folder() / "emotion-6", tmp_path / "copy"))
    card = json.loads((folder / "card.json").read_text())
    card["files"].pop(INT8_FILE, None)
    card["metrics"].pop("int8", None)
    (folder / "card.json").write_text(json.dumps(card))
    (folder / INT8_FILE).unlink(missing_ok=True)
    return folder


def test_it_computes_in_int8_and_predicts_the_same(pixels: np.ndarray) -> None:
    import onnx

    made = int8_network(NETWORK, pixels)
    kinds = {node.op_type for node in onnx.load_model_from_string(made.onnx).graph.node}
    assert {"QuantizeLinear", "DequantizeLinear"} <= kinds
    assert len(made.onnx) < NETWORK.stat().st_size
    expected, found = (OnnxRuntime(each).predict_proba(pixels) for each in (str(NETWORK), made.onnx))
    assert (found.argmax(axis=1) == expected.argmax(axis=1)).mean() >= 0.99
    assert 0 < np.abs(found - expected).max() < 0.1
    assert made.onnx == int8_network(NETWORK, pixels).onnx


def test_too_few_images_and_predictions_that_differ_are_refused(
    pixels: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(BatchEmotionError, match="10 images are too few to calibrate with"):
        int8_network(NETWORK, pixels[:10])
    monkeypatch.setattr(quantization, "AGREEMENT", 1.1)
    with pytest.raises(BatchEmotionError, match="in int8"):
        int8_network(NETWORK, pixels)


def test_an_added_network_is_on_the_card_and_changes_nothing_for_float32(
    copy: Path, faces: Path, tmp_path: Path, labelled: LabelledPixels
) -> None:
    before = load_bundle(copy).sha256
    quality = add_int8(copy, labelled, labelled, "drawn faces")
    bundle = load_bundle(copy)
    assert bundle.sha256 == before
    assert bundle.card.metrics["int8"] == quality
    assert quality["images"] == len(labelled.pixels)
    assert quality["float32_accuracy"] == 1
    assert quality["agreement"] == quality["accuracy"] >= 0.995
    assert "`--precision int8` predicts the same class" in (copy / "README.md").read_text()
    assert verify(bundle).passed

    out = tmp_path / "r.parquet"
    predict(PredictOptions((str(faces),), out, model=copy, precision="int8"))
    assert pq.read_schema(out).metadata[b"batch_emotion.precision"] == b"int8"
    with pytest.raises(OutputMismatch, match=r"precision \(int8 then, float32 now\)"):
        predict(PredictOptions((str(faces),), out, model=copy))
    one, other = pq.read_table(out), predict(PredictOptions((str(faces),), model=copy)).table
    assert one["p_happy"] != other["p_happy"]
    assert np.abs(one["p_happy"].to_numpy() - other["p_happy"].to_numpy()).max() < 0.1

    export(ExportOptions(copy, "int8", tmp_path / "network.onnx"))
    pixels = golden_pixels(bundle.card.input)
    one, other = (
        OnnxRuntime(str(each)).predict_proba(pixels) for each in (tmp_path / "network.onnx", copy / INT8_FILE)
    )
    assert one.tolist() == other.tolist()
    content = bytearray((copy / INT8_FILE).read_bytes())
    content[len(content) // 2] ^= 1
    (copy / INT8_FILE).write_bytes(content)
    assert verify(load_bundle(copy)).damaged == [INT8_FILE]
    with pytest.raises(BundleError, match=r"is not the file that card\.json"):
        open_runtime(load_bundle(copy), precision="int8")
    assert open_runtime(load_bundle(copy)).name.startswith("onnxruntime")


def test_a_network_that_is_not_as_good_is_not_added(copy: Path, labelled: LabelledPixels) -> None:
    shuffled = LabelledPixels(
        np.random.default_rng(0).integers(0, 255, labelled.pixels.shape, np.uint8), labelled.targets
    )
    before = {path.name: path.read_bytes() for path in copy.iterdir()}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("batch_emotion.training.int8.ACCURACY_LOSS", -1.0)
        with pytest.raises(BatchEmotionError, match="needed are"):
            add_int8(copy, labelled, shuffled, "noise")
    assert {path.name: path.read_bytes() for path in copy.iterdir()} == before


def test_what_has_no_int8_network_refuses_in_a_line(copy: Path, faces: Path, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"emotion-6 has no model\.int8\.onnx"):
        predict(PredictOptions((str(faces),), tmp_path / "r.csv", model=copy, precision="int8"))
    with pytest.raises(UsageError, match="int8 is for ONNX Runtime"):
        predict(PredictOptions((str(faces),), tmp_path / "r.csv", model=copy, precision="int8", runtime="tensorflow"))
    with pytest.raises(UsageError, match=r"has no model\.int8\.onnx; give `calibration`"):
        export(ExportOptions(copy, "int8", tmp_path / "network.onnx"))
    with pytest.raises(UsageError, match="`calibration` goes with `format` int8"):
        export(ExportOptions(copy, "onnx", tmp_path / "network.onnx", calibration=faces))
    assert [path.name for path in tmp_path.iterdir()] == ["copy"]


def test_export_makes_one_of_a_folder_of_faces(copy: Path, tmp_path: Path) -> None:
    from batch_emotion import SampleOptions, sample

    sample(SampleOptions(tmp_path / "drawn", count=20))
    export(ExportOptions(copy, "int8", tmp_path / "network.onnx", calibration=tmp_path / "drawn"))
    pixels = golden_pixels(load_bundle(copy).card.input)
    expected, found = (OnnxRuntime(str(each)).predict_proba(pixels) for each in (NETWORK, tmp_path / "network.onnx"))
    assert np.abs(found - expected).max() < 0.1


@pytest.mark.parametrize("name", bundled_models())
def test_a_bundled_int8_network_is_stated_on_its_card_and_as_good(name: str) -> None:
    bundle = load_bundle(name)
    stated = json.loads((bundle.keras_file.with_name("card.json")).read_text())["metrics"].get("int8")
    assert (bundle.int8_file is None) == (stated is None) == (INT8_FILE not in bundle.card.files)
    if stated:
        assert stated["agreement"] >= 0.995
        assert stated["accuracy"] >= stated["float32_accuracy"] - 0.002
        pixels = golden_pixels(bundle.card.input)
        assert np.abs(open_runtime(bundle, precision="int8").predict_proba(pixels) - bundle.golden()).max() < 0.1
