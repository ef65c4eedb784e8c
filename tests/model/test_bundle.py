import shutil
from pathlib import Path

import numpy as np
import pytest

from batch_emotion import load_bundle
from batch_emotion.commands.models import verify
from batch_emotion.errors import BundleError
from batch_emotion.images.synthetic import golden_pixels
from batch_emotion.model.bundle import Card, bundled_models, models_folder
from batch_emotion.model.runtime import open_runtime

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


def test_damage_is_found(tmp_path: Path) -> None:
    shutil.copytree(models_folder() / "seed-cnn", tmp_path / "copy")
    (tmp_path / "copy" / "history.csv").write_text("tampered")
    (tmp_path / "copy" / "curves.png").unlink()
    outcome = verify(load_bundle(tmp_path / "copy"))
    assert sorted(outcome.damaged) == ["curves.png", "history.csv"]
    assert not outcome.passed


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
    with pytest.raises(BundleError, match="give --classes"):
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
