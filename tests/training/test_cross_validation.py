from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from batch_emotion.options.recipe import Recipe
from batch_emotion.training.checkpoints import answers_file, write_history
from batch_emotion.training.cross_validation import CrossValidated, cross_validate
from batch_emotion.training.pixels import LabelledPixels

TARGETS = np.eye(2, dtype=np.float32)[[0, 1, 0, 1, 0, 1]]
FOLDS = np.array([0, 0, 0, 0, 1, 1])
LOSSES = ([0.9, 0.2, 0.5], [0.9, 0.8, 0.1])
"""Of each fold after each epoch: alone the second of one and the third of the other is best."""


def _crossed(
    work: Path, recipe: Recipe, trained: list[int], losses: Sequence[Sequence[float]] = LOSSES
) -> CrossValidated:
    def train(number: int, learned: np.ndarray, judged: np.ndarray, folder: Path) -> None:
        trained.append(number)
        assert sorted([*learned, *judged]) == list(range(6))
        history = []
        for epoch, loss in enumerate(losses[number], 1):
            history.append({"epoch": epoch, "val_loss": loss, "val_accuracy": 0.5, "val_mean_recall": epoch / 10})
            found = np.where(TARGETS[judged] > 0, 0.5 + epoch / 10, 0.5 - epoch / 10)
            np.save(answers_file(folder, epoch), found.astype(np.float32))
        write_history(history, folder / "history.csv")

    images = LabelledPixels(np.zeros((6, 2, 2, 1), np.uint8), TARGETS)
    return cross_validate(images, FOLDS, ("a", "b"), recipe, train, work)


@pytest.mark.parametrize(("recipe", "epochs"), [(Recipe(), 3), (Recipe(judge="recall"), 3), (Recipe(keep="last"), 3)])
def test_all_folds_are_judged_after_the_same_epoch(recipe: Recipe, epochs: int, tmp_path: Path) -> None:
    crossed = _crossed(tmp_path, recipe, [])
    assert crossed.epochs == epochs
    assert crossed.answers.probabilities[0] == pytest.approx([0.5 + epochs / 10, 0.5 - epochs / 10])
    assert [part["images"] for part in crossed.parts] == [4, 2]
    assert crossed.on_card()["accuracy"] == {"mean": 1.0, "deviation": 0.0, "low": 1.0, "high": 1.0}


def test_a_large_fold_weighs_more_and_one_that_stopped_early_ends_the_choice(tmp_path: Path) -> None:
    assert _crossed(tmp_path, Recipe(), [], ([0.9, 0.2, 0.6], [0.9, 0.8, 0.3])).epochs == 2
    for folder in ("fold-1", "fold-2"):
        (tmp_path / folder / "finished").unlink()
    assert _crossed(tmp_path, Recipe(patience=1), [], ([0.9, 0.5], [0.9, 0.8, 0.1])).epochs == 2


def test_finished_folds_are_not_trained_again(tmp_path: Path) -> None:
    trained: list[int] = []
    _crossed(tmp_path, Recipe(), trained)
    (tmp_path / "fold-2" / "finished").unlink()
    _crossed(tmp_path, Recipe(), trained)
    assert trained == [0, 1, 1]
