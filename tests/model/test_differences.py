import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from batch_emotion import ExportOptions, export, load_bundle
from batch_emotion.cli import main
from batch_emotion.errors import BundleError
from batch_emotion.model.bundle import models_folder
from batch_emotion.model.differences import Difference, differences
from batch_emotion.model.weights import compare_weights, keras_weights


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return Path(shutil.copytree(models_folder() / "seed-cnn", tmp_path / "copy"))


def test_a_bundle_and_its_copy_are_the_same(copy: Path) -> None:
    found = differences(load_bundle("seed-cnn"), load_bundle(copy))
    assert found.facts == []
    assert found.weights == "The weights are the same: 10 arrays."
    assert {"Model", "Classes", "Input", "Data", "Figures on the validation images", "Sizes"} <= {*found.same}


def test_every_fact_that_differs_is_told_and_no_other(copy: Path) -> None:
    card = json.loads((copy / "card.json").read_text())
    card["training"]["recipe"]["learning_rate"] = 0.25
    card["training"]["recipe"]["note"] = {"of": [1, 2]}
    card["training"]["data"] = "others"
    card["metrics"]["validation"]["accuracy"] = 0.5
    card["input"]["interpolation"] = "nearest"
    del card["files"]["train_hashes"]
    (copy / "card.json").write_text(json.dumps(card))
    lines = (copy / "train_hashes").read_text().splitlines()
    (copy / "train_hashes").write_text("".join(f"{line}\n" for line in lines[:100]))
    found = differences(load_bundle("seed-cnn"), load_bundle(copy))
    mine, theirs = (load_bundle(each).sha256[:16] + "…" for each in ("seed-cnn", copy))
    assert found.facts == [
        Difference("Model", "sha256", mine, theirs),
        Difference("Input", "interpolation", "area", "nearest"),
        Difference("Data", "trained on", "training", "others"),
        Difference("Data", "different images", f"{len(set(lines)):,}", "100"),
        Difference("Figures on the validation images", "accuracy", "64.4%", "50.0%"),
        Difference("Training", "learning rate", "0.001", "0.25"),
        Difference("Training", "note: of", "", "1, 2"),
    ]
    assert "Classes" in found.same


def test_images_of_both_are_counted_where_both_see_the_same_pixels() -> None:
    one, other = (load_bundle(name).train_digests() for name in ("emotion-6", "emotion-7"))
    assert one is not None
    assert other is not None
    both = f"{len(one & other):,}"
    facts = differences(load_bundle("emotion-6"), load_bundle("emotion-7")).facts
    assert Difference("Data", "of these in both", both, both) in facts
    assert Difference("Classes", "share of neutral", "", "30.4%") in facts


def test_weights_are_compared_array_by_array(copy: Path) -> None:
    import keras

    model = keras.models.load_model(copy / "model.keras")
    kernel, bias = model.get_layer("conv2d_2").get_weights()
    model.get_layer("conv2d_2").set_weights([kernel * 0.5, bias])
    model.save(copy / "model.keras")
    card = json.loads((copy / "card.json").read_text())
    (copy / "card.json").write_text(json.dumps(card | {"files": {}}))
    told = compare_weights(load_bundle("seed-cnn"), load_bundle(copy))
    assert told.startswith("The weights: 1 of 10 arrays differ. The difference is 50% of an array's norm in the median")
    assert told.endswith("at most 50%, in conv2d_2/0.")


def test_weights_are_read_as_keras_has_them() -> None:
    bundle = load_bundle("emotion-7")
    weights, model = keras_weights(bundle), bundle.keras_model()
    assert weights is not None
    assert sum(value.size for value in weights.values()) == model.count_params()
    for layer in ("conv_3_2", "norm_3_2", "probabilities"):
        for number, value in enumerate(model.get_layer(layer).get_weights()):
            np.testing.assert_array_equal(weights[f"{layer}/{number}"], value)


def test_networks_that_are_built_differently_or_hold_no_weights_are_said_to_be(tmp_path: Path) -> None:
    told = compare_weights(load_bundle("seed-cnn"), load_bundle("fer2013-6"))
    assert "cannot be compared: the networks are built differently (0 of 10 and 47 arrays" in told
    export(ExportOptions("seed-cnn", "onnx", tmp_path / "s.onnx"))
    found = differences(load_bundle("seed-cnn"), load_bundle(tmp_path / "s.onnx"))
    assert found.weights == "The weights were not compared: s.onnx has no file model.keras to read them from."
    assert {"Classes", "Input"} <= {*found.same}
    assert Difference("Model", "name", "seed-cnn", "s.onnx") in found.facts


def test_the_table_fits_the_terminal(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    assert main(["models", "--diff", "emotion-6", "emotion-7"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 60
    assert lines[0].split() == ["emotion-6", "emotion-7"]
    assert "Training" in lines
    assert any(line.split() == ["learning", "rate", "0.01", "0.06"] for line in lines)
    assert lines[-1] == "The same: Input, Versions."
    assert main(["models", "--diff", "seed-cnn", "seed-cnn"]) == 0
    assert capsys.readouterr().out.startswith("The weights are the same: 10 arrays.\n\nThe same: Model, Classes,")


def test_senseless_comparisons_are_refused(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "emotion-6", "--diff", "emotion-6", "emotion-7"]) == 2
    assert "--diff takes two models, and nothing beside them" in capsys.readouterr().err
    assert main(["models", "--diff", "emotion-6", "typo"]) == 2
    assert "no model 'typo'" in capsys.readouterr().err
    (copy / "model.keras").write_bytes(b"no network")
    card = json.loads((copy / "card.json").read_text())
    (copy / "card.json").write_text(json.dumps(card | {"files": {}}))
    with pytest.raises(BundleError, match=r"the weights in .* cannot be read"):
        differences(load_bundle("seed-cnn"), load_bundle(copy))
