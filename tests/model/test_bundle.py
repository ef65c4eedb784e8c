import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from batch_emotion import PredictOptions, load_bundle, predict
from batch_emotion.commands.models import verify
from batch_emotion.errors import BundleError
from batch_emotion.images.synthetic import golden_pixels
from batch_emotion.model.bundle import Bundle, bundled_models, models_folder
from batch_emotion.model.card import Card
from batch_emotion.model.runtime import onnx_bytes, open_runtime
from batch_emotion.options.models import NetworkOptions, RuntimeName

SEED_TABLE = [
    ("Rescaling", (64, 64, 3), 0),
    ("Conv2D", (62, 62, 32), 896),
    ("MaxPooling2D", (31, 31, 32), 0),
    ("Conv2D", (29, 29, 32), 9_248),
    ("MaxPooling2D", (14, 14, 32), 0),
    ("Conv2D", (12, 12, 128), 36_992),
    ("MaxPooling2D", (6, 6, 128), 0),
    ("Flatten", (4_608,), 0),
    ("Dense", (128,), 589_952),
    ("Dense", (6,), 774),
]


@pytest.mark.parametrize("name", bundled_models())
def test_every_bundled_model_is_whole_and_says_what_it_said(name: str) -> None:
    outcome = verify(load_bundle(name))
    assert outcome.passed, outcome
    assert set(outcome.deviations) == {"onnx", "tensorflow"}


def test_the_classes_of_a_bundle_name_the_columns_of_what_it_predicts(faces: Path) -> None:
    bundle, images = load_bundle("seed-cnn"), sorted(map(str, faces.rglob("*.png")))[:6]
    rows = predict(images, model="seed-cnn").table
    columns = np.column_stack([rows[f"p_{name}"].to_numpy() for name in bundle.class_names])
    assert bundle.class_names == bundle.card.class_names
    assert bundle.predict([Path(image).read_bytes() for image in images]) == pytest.approx(columns, abs=1e-6)


def test_the_seed_network_is_the_seeds_layer_by_layer() -> None:
    bundle = load_bundle("seed-cnn")
    assert bundle.card.parameters == 637_862
    table = [(row["type"], tuple(row["output_shape"][1:]), row["parameters"]) for row in bundle.card.layers]
    assert table == SEED_TABLE
    model = bundle.keras_model()
    assert [(type(layer).__name__, layer.count_params()) for layer in model.layers] == [
        (kind, parameters) for kind, _, parameters in SEED_TABLE
    ]
    assert not hasattr(model, "optimizer") or model.optimizer is None


def test_there_is_a_bundled_model_and_its_card_survives_a_round_trip() -> None:
    assert "seed-cnn" in bundled_models()
    card = load_bundle("seed-cnn").card
    assert Card.from_json(card.to_json()) == card


FILES = ("curves.png", "golden.csv", "held_out.csv", "history.csv", "model.keras", "model.onnx", "train_hashes")


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return Path(shutil.copytree(models_folder() / "seed-cnn", tmp_path / "copy"))


def _tamper(file: Path) -> None:
    """Flip one bit of the middle byte, among a network's weights."""
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def _on_card(bundle: Path, **changes: object) -> None:
    card = json.loads((bundle / "card.json").read_text("utf-8"))
    (bundle / "card.json").write_text(json.dumps(card | changes), "utf-8")


@pytest.mark.parametrize("name", FILES)
def test_a_changed_file_is_found(copy: Path, name: str) -> None:
    _tamper(copy / name)
    outcome = verify(load_bundle(copy))
    assert outcome.damaged == [name]
    assert not outcome.passed


@pytest.mark.parametrize("name", sorted({*FILES} - {"model.keras", "model.onnx"}))
def test_a_missing_file_is_found(copy: Path, name: str) -> None:
    (copy / name).unlink()
    assert verify(load_bundle(copy)).damaged == [name]


@pytest.mark.parametrize("name", ["model.keras", "model.onnx"])
def test_a_bundle_without_a_network_of_its_card_is_refused(copy: Path, name: str) -> None:
    (copy / name).unlink()
    with pytest.raises(BundleError, match=rf"no {name}; it is not whole"):
        load_bundle(copy)


@pytest.mark.parametrize(
    ("name", "load"),
    [
        ("model.onnx", lambda bundle: open_runtime(bundle, "onnx")),
        ("model.keras", lambda bundle: open_runtime(bundle, "tensorflow")),
        ("model.keras", Bundle.keras_model),
        ("train_hashes", Bundle.train_digests),
        ("model.onnx", lambda bundle: bundle.sha256),
        ("model.keras", lambda bundle: bundle.sha256),
    ],
)
def test_a_changed_file_is_not_loaded(copy: Path, name: str, load: Callable[[Bundle], object]) -> None:
    load(load_bundle(copy))
    _tamper(copy / name)
    with pytest.raises(BundleError, match=rf"{name} is not the file that card\.json .*get the whole bundle again$"):
        load(load_bundle(copy))


@pytest.mark.parametrize("name", ["model.onnx", "model.keras"])
@pytest.mark.parametrize("runtime", ["onnx", "tensorflow"])
def test_predict_refuses_a_changed_network_before_it_writes_anything(
    copy: Path, faces: Path, tmp_path: Path, name: str, runtime: str
) -> None:
    _tamper(copy / name)
    with pytest.raises(BundleError, match=f"{name} is not the file") as raised:
        predict(PredictOptions((str(faces),), tmp_path / "r.csv", model=copy, runtime=runtime))
    assert raised.value.exit_code == 2
    assert "\n" not in str(raised.value)
    assert [path.name for path in tmp_path.iterdir()] == ["copy"]


def test_a_changed_readme_is_nobodys_business(copy: Path) -> None:
    (copy / "README.md").write_text("mine")
    assert verify(load_bundle(copy)).passed


def test_a_card_of_an_earlier_version_without_some_sha256_is_taken(copy: Path) -> None:
    _on_card(copy, files={"history.csv": load_bundle(copy).card.files["history.csv"]})
    assert verify(load_bundle(copy)).passed
    assert load_bundle(copy).sha256 == load_bundle("seed-cnn").sha256


def test_a_card_that_names_the_classes_in_another_order_is_found(copy: Path) -> None:
    _on_card(copy, class_names=["disgust", "angry", "fear", "happy", "sad", "surprise"])
    outcome = verify(load_bundle(copy))
    assert outcome.damaged == []
    assert not outcome.passed


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"class_names": ["a", "b"]}, "has 6 outputs, but 2 classes are named"),
        ({"input": {"image_size": [48, 48]}}, "takes 64x64x3, but card.json describes images of 48x48x3"),
        (
            {"input": {"image_size": [64, 64], "color_mode": "grayscale"}},
            "takes 64x64x3, but card.json describes images of 64x64x1",
        ),
    ],
)
@pytest.mark.parametrize("runtime", ["onnx", "tensorflow"])
def test_a_card_of_another_network_is_refused(
    copy: Path, runtime: RuntimeName, changes: dict[str, object], words: str
) -> None:
    _on_card(copy, **changes)
    with pytest.raises(BundleError, match=words):
        open_runtime(load_bundle(copy), runtime)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"class_names": ["a", "a"]}, "at least two different classes"),
        ({"class_names": ["a", "uncertain"]}, "cannot be a class"),
        ({"input": {"image_size": [64]}}, "image_size"),
        ({"input": {"image_size": [64, "64"]}}, "image_size"),
        ({"input": {"image_size": [0, 64]}}, "image_size"),
        ({"input": {"image_size": [64, 64], "color_mode": "cmyk"}}, "color_mode: 'cmyk'"),
        ({"input": {"image_size": [64, 64], "interpolation": "magic"}}, "interpolation: 'magic'"),
        ({"input": {"image_size": [64, 64], "fit": "crop"}}, "fit: 'crop'"),
        ({"files": ["model.onnx"]}, "not a model card"),
        ({"files": {"model.onnx": 7}}, "files"),
        ({"mood": "good"}, "mood"),
    ],
)
def test_a_card_that_makes_no_sense_is_refused(copy: Path, changes: dict[str, object], words: str) -> None:
    _on_card(copy, **changes)
    with pytest.raises(BundleError, match=words):
        load_bundle(copy)


def test_a_card_that_is_no_text_is_refused(copy: Path) -> None:
    (copy / "card.json").write_bytes(b"\xff\xfe\0")
    with pytest.raises(BundleError, match="not a model card"):
        load_bundle(copy)


def test_a_network_that_cannot_be_loaded_is_refused_in_a_line(copy: Path) -> None:
    _on_card(copy, files={})
    for name in ("model.onnx", "model.keras"):
        (copy / name).write_bytes((copy / name).read_bytes()[:5_000])
    for runtime, words in (("onnx", r"model\.onnx cannot be loaded"), ("tensorflow", r"model\.keras cannot be loaded")):
        with pytest.raises(BundleError, match=words) as raised:
            open_runtime(load_bundle(copy), runtime)  # type: ignore[arg-type]
        assert "\n" not in str(raised.value)


def _network(activation: str | None, weights: float = 1.0) -> Any:
    import keras

    return keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            keras.layers.Rescaling(1 / 255),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(
                2, activation, kernel_initializer=keras.initializers.Constant(weights), bias_initializer="zeros"
            ),
        ]
    )


@pytest.mark.parametrize(
    ("activation", "weights", "words"),
    [
        (None, 3.0, r"they go from 0 to 1\.\d+; give `softmax` if they are logits"),
        (None, -3.0, r"they go from -1\.\d+ to .*; give `softmax` if they"),
        ("sigmoid", -9.0, r"sum to 0\.\d+, not to 1; train it with a softmax"),
        ("softmax", float("nan"), "some are not numbers"),
    ],
)
@pytest.mark.parametrize("suffix", [".keras", ".h5", ".joblib"])
@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
def test_a_network_without_probabilities_is_refused_with_the_way_to_mend_it(
    tmp_path: Path, faces: Path, activation: str | None, weights: float, words: str, suffix: str
) -> None:
    import joblib

    file = tmp_path / f"model{suffix}"
    model = _network(activation, weights)
    joblib.dump(model, file) if suffix == ".joblib" else model.save(file)
    options = PredictOptions(
        (str(faces),), tmp_path / "r.csv", model=file, class_names=("no", "yes"), trust_pickle=True
    )
    with pytest.raises(BundleError, match=rf"outputs of model\{suffix} are not probabilities: .*{words}"):
        predict(options)
    assert [path.name for path in tmp_path.iterdir()] == [file.name]


@pytest.mark.parametrize("is_told", [True, False])
def test_the_way_to_mend_a_network_mends_it(tmp_path: Path, is_told: bool) -> None:
    import keras

    network = _network(None, 3.0)
    if not is_told:
        network = keras.Sequential([network, keras.layers.Softmax()])
    network.save(tmp_path / "n.keras")
    bundle = load_bundle(tmp_path / "n.keras", ("no", "yes"), network=NetworkOptions(softmax=is_told))
    assert open_runtime(bundle).predict_proba(np.zeros((1, 8, 8, 1), np.uint8)).tolist() == [[0.5, 0.5]]


def test_a_bundle_without_probabilities_is_refused(copy: Path) -> None:
    import keras

    _network("sigmoid").save(copy / "model.keras")
    (copy / "model.onnx").write_bytes(onnx_bytes(keras.models.load_model(copy / "model.keras")))
    _on_card(copy, files={}, class_names=["no", "yes"], input={"image_size": [8, 8], "color_mode": "grayscale"})
    for runtime in ("onnx", "tensorflow"):
        with pytest.raises(BundleError, match=r"not probabilities: those of an image sum to 1\.\d+"):
            open_runtime(load_bundle(copy), runtime)  # type: ignore[arg-type]


def test_a_network_of_another_shape_is_refused(tmp_path: Path) -> None:
    import keras

    image = keras.Input((8, 8, 1))
    flat = keras.layers.GlobalAveragePooling2D()(image)
    two = [keras.layers.Dense(2, "softmax")(flat), keras.layers.Dense(2, "softmax")(flat)]
    for number, (network, words) in enumerate(
        [
            (keras.Model(image, two), "has 2 outputs of their own"),
            (keras.Model([image, keras.Input((8, 8, 1))], two[0]), "one input of images"),
            (keras.Model(image, keras.layers.Conv2D(2, 1, activation="softmax")(image)), "has 8x8x2 outputs"),
            (keras.Sequential([keras.Input((4,)), keras.layers.Dense(2, "softmax")]), "one input of images"),
        ]
    ):
        network.save(tmp_path / f"{number}.keras")
        with pytest.raises(BundleError, match=words):
            load_bundle(tmp_path / f"{number}.keras", ("no", "yes"))


def test_a_wrong_golden_prediction_is_found(tmp_path: Path) -> None:
    from batch_emotion.commands.models import Verification

    assert not Verification([], {"onnx": 2e-4}).passed
    assert not Verification([], {"onnx": float("nan")}).passed


def test_senseless_models_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"no model 'typo': expected one of .*seed-cnn"):
        load_bundle("typo")
    (tmp_path / "card.json").write_text("{}")
    with pytest.raises(BundleError, match=r"card\.json is not a model card"):
        load_bundle(tmp_path)
    with pytest.raises(BundleError, match="format version 99"):
        Card.from_json('{"format_version": 99}')
    with pytest.raises(BundleError, match="can run any code"):
        load_bundle(tmp_path / "model.pkl", ("a", "b"))
    keras_file = tmp_path / "bare.keras"
    shutil.copyfile(models_folder() / "seed-cnn" / "model.keras", keras_file)
    with pytest.raises(BundleError, match="give `class_names`"):
        load_bundle(keras_file)
    with pytest.raises(BundleError, match="6 outputs, but 2 classes"):
        load_bundle(keras_file, ("a", "b"))
    with pytest.raises(BundleError, match="uncertain"):
        load_bundle(keras_file, ("a", "b", "c", "d", "e", "uncertain"))


def test_a_keras_file_that_holds_code_is_not_run(tmp_path: Path) -> None:
    import keras

    path = tmp_path / "evil.keras"
    keras.Sequential(
        [keras.Input((8, 8, 3)), keras.layers.Lambda(lambda x: x), keras.layers.Flatten(), keras.layers.Dense(2)]
    ).save(path)
    with pytest.raises(BundleError, match="cannot be loaded"):
        load_bundle(path, ("a", "b"))


def test_batch_sizes_do_not_change_probabilities() -> None:
    runtime = open_runtime(load_bundle("seed-cnn"), "onnx")
    pixels = golden_pixels(load_bundle("seed-cnn").card.input, each=10)
    whole = runtime.predict_proba(pixels)
    assert whole.dtype == np.float32
    assert whole.sum(axis=1) == pytest.approx(1, abs=1e-5)
    for size in (1, 7):
        cut = np.concatenate([runtime.predict_proba(pixels[at : at + size]) for at in range(0, len(pixels), size)])
        assert np.abs(cut - whole).max() <= 1e-5
