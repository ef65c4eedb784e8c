import copy
from pathlib import Path

import pytest

from batch_emotion import EvaluateOptions, evaluate
from batch_emotion.evaluation.document import Evaluation
from batch_emotion.evaluation.table import evaluation_table


@pytest.fixture(scope="module")
def evaluation(faces: Path, tmp_path_factory: pytest.TempPathFactory) -> Evaluation:
    return evaluate(EvaluateOptions(faces, tmp_path_factory.mktemp("e") / "e")).evaluation


def test_the_widest_values_fit_into_80_columns_uncut(evaluation: Evaluation) -> None:
    wide = copy.deepcopy(evaluation)
    wide["without_duplicates"] = wide["all"]
    for key in ("accuracy", "balanced_accuracy", "macro_f1", "ece"):
        wide["all"][key] = 1.0
        wide["all"]["intervals"][key] = (1.0, 1.0)
    wide["all"]["log_loss"], wide["all"]["intervals"]["log_loss"] = 12.3456, (10.0, 15.5)
    wide["all"]["images"] = 12_345_678
    wide["data"]["name"] = "d" * 100 + "end"
    label = "a label of several words that somebody made up"
    wide["left_out"] = {label: {"images": 1_000_000, "mean_confidence": 1.0, "predicted": {"surprise": 1_000_000}}}
    lines = evaluation_table(wide).splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[lines.index("") + 1].endswith("end")
    accuracy = next(line for line in lines if line.startswith("accuracy"))
    assert accuracy.split("accuracy")[1].split("  ")[-1].strip() == "100.0 % (100.0–100.0)"
    assert accuracy.count("100.0 % (100.0–100.0)") == 2
    text = " ".join(line.strip() for line in lines[lines.index("") :])
    assert f"{label} (1,000,000): mostly predicted as surprise (100 %), mean confidence 100 %" in text


def test_without_known_duplicates_there_is_one_column(evaluation: Evaluation) -> None:
    alone = copy.deepcopy(evaluation)
    alone["without_duplicates"], alone["in_training"] = None, {"images": None, "reason": "it is not known"}
    text = evaluation_table(alone)
    assert "without duplicates" not in text
    assert "training data" not in text
    assert "without duplicates" in evaluation_table(evaluation)
    assert "None of the images is in the training data too." in evaluation_table(evaluation)
