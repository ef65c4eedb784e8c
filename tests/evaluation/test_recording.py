import shutil
from pathlib import Path

import pytest

from batch_emotion import EvaluateOptions, Evaluation, evaluate, load_bundle, record_evaluation
from batch_emotion.commands.models import verify
from batch_emotion.errors import UsageError
from batch_emotion.evaluation.recording import current_format
from batch_emotion.model.bundle import models_folder


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(shutil.copytree(models_folder() / "seed-cnn", tmp_path_factory.mktemp("bundles") / "m"))


@pytest.fixture(scope="module")
def evaluation(faces: Path, bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Evaluation:
    folder = tmp_path_factory.mktemp("evaluations")
    shutil.copytree(faces, folder / "data")
    shutil.copytree(faces / "sad", folder / "data" / "neutral")
    return evaluate(EvaluateOptions(folder / "data", folder / "e", bundle)).evaluation


def _format_1(evaluation: Evaluation) -> dict:
    """The same evaluation as it was written before ``label`` and ``predicted`` had these names."""
    mistakes = [dict(mistake) for mistake in evaluation["mistakes"]]
    for mistake in mistakes:
        mistake["truth"], mistake["said"] = mistake.pop("label"), mistake.pop("predicted")
    left_out = {label: dict(each) for label, each in evaluation["left_out"].items()}
    for each in left_out.values():
        each["said"] = each.pop("predicted")
    return {**evaluation, "format_version": 1, "mistakes": mistakes, "left_out": left_out}


def test_an_evaluation_is_put_on_the_card_of_its_model_only(bundle: Path, evaluation: Evaluation) -> None:
    card = record_evaluation(str(bundle), evaluation)
    assert card.metrics["evaluation"]["accuracy"] == evaluation["all"]["accuracy"]
    assert card.metrics["validation"] == load_bundle("seed-cnn").card.metrics["validation"]
    assert f"{evaluation['all']['accuracy'] * 100:.1f} %" in (bundle / "README.md").read_text()
    changed = load_bundle(bundle)
    assert changed.card.to_json() == card.to_json()
    assert verify(changed).passed
    assert changed.sha256 == load_bundle("seed-cnn").sha256
    with pytest.raises(UsageError, match="another network"):
        record_evaluation(bundle, {**evaluation, "model": {"sha256": "0"}})


def test_an_evaluation_of_format_1_is_still_read(bundle: Path, evaluation: Evaluation) -> None:
    assert evaluation["mistakes"]
    assert sum(evaluation["left_out"]["neutral"]["predicted"].values()) == 8
    assert current_format(_format_1(evaluation)) == evaluation
    card = record_evaluation(bundle, _format_1(evaluation))
    assert card.metrics["left_out"] == evaluation["left_out"]
    assert "neutral (8 images)" in (bundle / "README.md").read_text()


def test_an_evaluation_of_a_later_format_is_refused(bundle: Path, evaluation: Evaluation) -> None:
    with pytest.raises(UsageError, match="format version 3"):
        record_evaluation(bundle, {**evaluation, "format_version": 3})
