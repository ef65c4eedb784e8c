import json
import zipfile
from pathlib import Path

import numpy as np
import pyarrow.csv as pcsv
import pytest

from batch_emotion import (
    DEFAULT_MODEL,
    EvaluateOptions,
    ExplainOptions,
    ExportOptions,
    NetworkOptions,
    PredictOptions,
    evaluate,
    explain,
    export,
    load_bundle,
    predict,
)
from batch_emotion.commands.export import EXTENSIONS
from batch_emotion.errors import BatchEmotionError, BundleError, UsageError
from batch_emotion.images.synthetic import golden_pixels
from batch_emotion.model.runtime import open_runtime
from batch_emotion.options.export import ExportFormat
from batch_emotion.storage.commits import file_sha256
from tests.support.children import environment

NAMES: dict[ExportFormat, str] = {
    "h5": "model.h5",
    "joblib": "emotion_classification.pkl",
    "keras": "model.keras",
    "savedmodel": "saved",
    "onnx": "model.onnx",
    "int8": "model8.onnx",
    "tflite": "model.tflite",
    "tflite-int8": "model8.tflite",
}
EXACT: list[ExportFormat] = ["h5", "joblib", "keras", "savedmodel", "onnx", "tflite"]


def _reload(form: str, path: Path, pixels: np.ndarray) -> np.ndarray:
    """What a program without this tool gets from an export."""
    if form in ("h5", "keras"):
        import keras

        return np.asarray(keras.models.load_model(path).predict(pixels.astype("float32"), verbose=0))
    if form == "joblib":
        import joblib

        return np.asarray(joblib.load(path).predict(pixels.astype("float32"), verbose=0))
    if form == "savedmodel":
        import tensorflow as tf

        function = tf.saved_model.load(str(path)).signatures["serving_default"]
        return function(pixels=pixels)["probabilities"].numpy()
    if form == "tflite":
        from ai_edge_litert.interpreter import Interpreter

        interpreter = Interpreter(str(path))
        interpreter.resize_tensor_input(0, pixels.shape)
        interpreter.allocate_tensors()
        return interpreter.get_signature_runner()(pixels=pixels)["probabilities"]
    import onnxruntime

    session = onnxruntime.InferenceSession(path.read_bytes(), providers=["CPUExecutionProvider"])
    return np.asarray(session.run(["probabilities"], {"pixels": pixels})[0])


@pytest.fixture(scope="module")
def exports(tmp_path_factory: pytest.TempPathFactory, faces: Path) -> Path:
    """The default model in every format."""
    folder = tmp_path_factory.mktemp("exports")
    drawn = folder / "drawn"
    from batch_emotion import SampleOptions, sample

    sample(SampleOptions(drawn, count=30))
    for form, name in NAMES.items():
        exported = export(
            ExportOptions(DEFAULT_MODEL, form, folder / name, calibration=drawn if form == "tflite-int8" else None)
        )
        assert exported.out == folder / name
        assert (exported.agreement is None) == (form != "tflite-int8")
    assert exported.agreement is not None
    assert exported.agreement >= 0.95
    assert exported.compared == 90
    return folder


@pytest.mark.parametrize("form", EXACT)
def test_every_format_gives_other_programs_the_bundles_predictions(exports: Path, form: ExportFormat) -> None:
    bundle = load_bundle()
    gap = np.abs(_reload(form, exports / NAMES[form], golden_pixels(bundle.card.input)) - bundle.golden()).max()
    assert gap <= 1e-4


@pytest.mark.parametrize("form", NAMES)
def test_predict_takes_every_format_without_being_told_more(exports: Path, form: ExportFormat, faces: Path) -> None:
    names = load_bundle().card.class_names if form == "joblib" else None
    options = PredictOptions(
        (str(faces),), model=exports / NAMES[form], class_names=names, trust_pickle=form == "joblib"
    )
    found, expected = predict(options).table, predict(PredictOptions((str(faces),))).table
    assert found is not None
    assert expected is not None
    assert found.schema == expected.schema
    columns = [name for name in expected.schema.names if name.startswith("p_")]
    gap = max(np.abs(found[name].to_numpy() - expected[name].to_numpy()).max() for name in columns)
    same = np.mean([one == other for one, other in zip(found["emotion"], expected["emotion"], strict=True)])
    if form in EXACT:
        assert gap <= 1e-4
        assert same == 1
    else:
        assert 1e-4 < gap < 0.15
        assert same >= 0.95


@pytest.mark.parametrize("form", [form for form in NAMES if form != "joblib"])
def test_an_export_says_what_it_is_and_is_known_by_its_own_sha256(exports: Path, form: ExportFormat) -> None:
    bundle, own = load_bundle(), load_bundle(exports / NAMES[form])
    assert own.card.class_names == bundle.card.class_names
    assert own.card.input == bundle.card.input
    assert own.card.class_prior == bundle.card.class_prior
    assert own.card.training["exported_from"] == bundle.sha256
    assert own.card.name == NAMES[form]
    assert own.sha256 != bundle.sha256
    if form != "savedmodel":
        assert own.sha256 == file_sha256(exports / NAMES[form])
    assert load_bundle(exports / NAMES[form], bundle.card.class_names).sha256 == own.sha256


def test_other_programs_find_classes_and_preprocessing_in_an_onnx_file(exports: Path) -> None:
    import onnxruntime

    bundle = load_bundle()
    for form in ("onnx", "int8"):
        session = onnxruntime.InferenceSession(exports / NAMES[form])
        texts = session.get_modelmeta().custom_metadata_map
        assert texts["classes"] == ",".join(bundle.card.class_names)
        assert (texts["image_size"], texts["color_mode"]) == ("48x48", "grayscale")
        assert (texts["model"], texts["model_sha256"]) == (DEFAULT_MODEL, bundle.sha256)
        assert texts["model_version"] == str(bundle.version)
        assert "uint8 of 0 to 255" in texts["input"]
        assert "area interpolation" in texts["preprocessing"]
        (taken,), (given,) = session.get_inputs(), session.get_outputs()
        assert (taken.name, taken.shape, taken.type) == ("pixels", ["batch", 48, 48, 1], "tensor(uint8)")
        assert (given.name, given.shape) == ("probabilities", ["batch", 7])


def test_labels_and_card_can_be_unpacked_from_a_tflite_file(exports: Path) -> None:
    for form in ("tflite", "tflite-int8"):
        with zipfile.ZipFile(exports / NAMES[form]) as archive:
            assert tuple(archive.read("labels.txt").decode().splitlines()) == load_bundle().card.class_names
            assert json.loads(archive.read("batch_emotion.json"))["image_size"] == "48x48"
    assert (exports / "saved" / "assets.extra" / "labels.txt").read_text().split()[0] == "angry"


def test_integers_throughout_are_integers_throughout(exports: Path) -> None:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(exports / NAMES["tflite-int8"]))
    (taken,), (given,) = interpreter.get_input_details(), interpreter.get_output_details()
    assert (taken["dtype"], taken["quantization"]) == (np.uint8, (1.0, 0))
    assert (given["dtype"], given["quantization"]) == (np.uint8, (1 / 256, 0))
    assert not [each["name"] for each in interpreter.get_tensor_details() if each["dtype"] == np.float32]
    assert (exports / NAMES["tflite-int8"]).stat().st_size < (exports / NAMES["tflite"]).stat().st_size / 3


def test_a_result_of_an_export_names_it_and_resumes_with_it_alone(exports: Path, faces: Path, tmp_path: Path) -> None:
    out = tmp_path / "r.csv"
    with_onnx = PredictOptions((str(faces),), out, model=exports / "model.onnx")
    assert predict(with_onnx).outcome == "done"
    assert predict(with_onnx).outcome == "nothing to do"
    record = json.loads((tmp_path / "r.csv.run.json").read_text())["result"]["fingerprint"]
    assert record["model"] == file_sha256(exports / "model.onnx")
    assert (record["model_name"], record["runtime"]) == ("model.onnx", "onnx")
    with pytest.raises(UsageError, match=r"the model \(model\.onnx then, model\.tflite now\)"):
        predict(PredictOptions((str(faces),), out, model=exports / "model.tflite"))
    predict(PredictOptions((str(faces),), tmp_path / "t.csv", model=exports / "model.tflite"))
    assert json.loads((tmp_path / "t.csv.run.json").read_text())["result"]["fingerprint"]["runtime"] == "litert"
    assert pcsv.read_csv(out)["emotion"] == pcsv.read_csv(tmp_path / "t.csv")["emotion"]


@pytest.mark.parametrize("form", ["onnx", "tflite", "savedmodel", "keras"])
def test_evaluate_takes_an_export(exports: Path, form: ExportFormat, faces: Path, tmp_path: Path) -> None:
    found = evaluate(EvaluateOptions(faces, tmp_path / "e", exports / NAMES[form])).evaluation
    expected = evaluate(EvaluateOptions(faces, tmp_path / "b")).evaluation
    assert found["all"]["confusion_matrix"] == expected["all"]["confusion_matrix"]
    assert found["model"]["name"] == NAMES[form]
    assert found["in_training"]["images"] is None


def test_explain_takes_an_export_with_gradients_and_says_what_lacks_them(
    exports: Path, faces: Path, tmp_path: Path
) -> None:
    image = str(faces / "happy" / "happy-0001.png")
    (shown,) = explain(ExplainOptions((image,), tmp_path / "keras.png", exports / "model.keras"))
    assert shown.picture == tmp_path / "keras.png"
    for form in ("onnx", "tflite", "savedmodel"):
        with pytest.raises(BundleError, match="holds no Keras network, which is needed here: give the bundle"):
            explain(ExplainOptions((image,), tmp_path / f"{form}.png", exports / NAMES[form]))


@pytest.mark.parametrize("form", ["onnx", "tflite"])
def test_a_small_run_with_an_export_does_without_tensorflow(exports: Path, form: ExportFormat, faces: Path) -> None:
    import subprocess
    import sys

    program = (
        "import sys; from batch_emotion import PredictOptions, predict\n"
        "print(len(predict(PredictOptions((sys.argv[1],), model=sys.argv[2])).table),"
        "[name for name in ('tensorflow', 'keras', 'onnx') if name in sys.modules])"
    )
    words = [sys.executable, "-c", program, str(faces), str(exports / NAMES[form])]
    run = subprocess.run(words, capture_output=True, text=True, env=environment(), check=True)
    assert run.stdout == "48 []\n"


def test_what_does_not_go_with_an_export_is_refused_in_a_line(exports: Path, faces: Path, tmp_path: Path) -> None:
    def refused(words: str, **options: object) -> None:
        with pytest.raises(UsageError, match=words) as raised:
            predict(PredictOptions((str(faces),), tmp_path / "r.csv", **options))  # type: ignore[arg-type]
        assert "\n" not in str(raised.value)

    onnx, lite, saved = (exports / NAMES[form] for form in ("onnx", "tflite", "savedmodel"))
    refused(
        r"model\.onnx names its own classes, angry, .*; leave out `class_names`", model=onnx, class_names=("a", "b")
    )
    refused(
        r"`scaling` goes with a network .* and model\.onnx does", model=onnx, network=NetworkOptions(scaling="unit")
    )
    refused(r"`softmax` goes with .* a bundle does", network=NetworkOptions(softmax=True))
    refused(r"model\.onnx is run by ONNX Runtime; leave out `runtime` tensorflow", model=onnx, runtime="tensorflow")
    refused(r"model\.tflite is run by LiteRT; leave out `runtime` onnx", model=lite, runtime="onnx")
    refused(r"saved is run by TensorFlow; leave out `runtime` onnx", model=saved, runtime="onnx")
    refused("mixed is for TensorFlow on a GPU, and this run is to use LiteRT", model=lite, precision="mixed")
    refused("mixed is for Keras networks", model=saved, precision="mixed")
    refused(r"has no model\.int8\.onnx; leave out `precision` int8", model=onnx, precision="int8")
    refused(r"no model file .*typo\.onnx", model=tmp_path / "typo.onnx")
    with pytest.raises(UsageError, match=r"model\.onnx is no bundle, and export needs one"):
        export(ExportOptions(onnx, "tflite", tmp_path / "x.tflite"))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("suffix", [".onnx", ".tflite", ".keras"])
def test_a_damaged_export_is_refused_in_a_line(exports: Path, faces: Path, tmp_path: Path, suffix: str) -> None:
    broken = tmp_path / f"broken{suffix}"
    broken.write_bytes((exports / f"model{suffix}").read_bytes()[:9_000])
    with pytest.raises(BundleError, match=rf"broken\{suffix} cannot be loaded by") as raised:
        predict(PredictOptions((str(faces),), model=broken, class_names=("a", "b")))
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("form", ["joblib", "keras", "savedmodel", "onnx", "tflite"])
def test_a_network_that_sees_mirror_images_travels(tmp_path: Path, form: ExportFormat) -> None:
    bundle, path = load_bundle("fer2013-6"), tmp_path / NAMES[form]
    export(ExportOptions("fer2013-6", form, path))
    pixels = golden_pixels(bundle.card.input)
    assert np.abs(_reload(form, path, pixels) - bundle.golden()).max() <= 1e-4
    if form == "tflite":
        assert np.abs(open_runtime(load_bundle(path)).predict_proba(pixels) - bundle.golden()).max() <= 1e-4


def test_a_network_that_hdf5_cannot_hold_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot hold fer2013-6"):
        export(ExportOptions("fer2013-6", "h5", tmp_path / "network.h5"))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("form", "name", "words"),
    [
        ("onnx", "m.h5", r"`format` onnx does not go with m\.h5: have `out` end in \.onnx, or give `format` h5"),
        ("tflite", "m.onnx", r"have `out` end in \.tflite, or give `format` onnx or int8"),
        ("keras", "model", r"have `out` end in \.keras$"),
        ("h5", "m.keras", r"have `out` end in \.h5 or \.hdf5, or give `format` keras"),
        ("savedmodel", "m.onnx", "have `out` end without an extension, as it is a folder, or give `format` onnx"),
        ("joblib", "m.json", r"have `out` end in \.joblib or \.pkl or \.pickle$"),
    ],
)
def test_format_and_extension_must_agree(tmp_path: Path, form: ExportFormat, name: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        export(ExportOptions(DEFAULT_MODEL, form, tmp_path / name))
    assert not list(tmp_path.iterdir())


def test_senseless_exports_are_refused(tmp_path: Path, faces: Path) -> None:
    assert set(EXTENSIONS) == set(NAMES)
    with pytest.raises(UsageError, match=r"`format` must be .*, not str .pdf."):
        export(ExportOptions(DEFAULT_MODEL, "pdf", tmp_path / "m.pdf"))  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="tflite-int8 needs `calibration`, a folder of faces"):
        export(ExportOptions(DEFAULT_MODEL, "tflite-int8", tmp_path / "m.tflite"))
    with pytest.raises(BatchEmotionError, match="48 images are too few to calibrate with; 64 are needed"):
        export(ExportOptions(DEFAULT_MODEL, "tflite-int8", tmp_path / "m.tflite", calibration=faces))
    (tmp_path / "m.onnx").write_text("mine")
    with pytest.raises(UsageError, match="`overwrite`"):
        export(ExportOptions(DEFAULT_MODEL, "onnx", tmp_path / "m.onnx"))
    export(ExportOptions(DEFAULT_MODEL, "onnx", tmp_path / "m.onnx", overwrite=True))
    assert load_bundle(tmp_path / "m.onnx").card.class_names == load_bundle().card.class_names
