"""Networks trained on all but one part of the images, each judged on the part that it has not seen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from batch_emotion.metrics.measuring import measure
from batch_emotion.metrics.scores import Scores
from batch_emotion.model.card_metrics import CrossValidation, Spread
from batch_emotion.options.recipe import Recipe
from batch_emotion.training.assessment import Answers, temperature_of
from batch_emotion.training.checkpoints import Epoch, answers_file, best_epoch, read_history
from batch_emotion.training.pixels import LabelledPixels
from batch_emotion.training.sampling import assumed_mix, class_shares, matching_shift


@dataclass(frozen=True)
class CrossValidated:
    """What networks answered to the images that they had not seen.

    Attributes:
        answers: to every image, in the order of the images, all after as many epochs.
        epochs: that number, the best over all folds; to choose one for each would flatter.
        parts: the scores of each fold, of answers that are calibrated and hold for the mix that is asked for.
    """

    answers: Answers
    epochs: int
    parts: list[Scores]

    def on_card(self) -> CrossValidation:
        """Mean and spread over the folds."""
        return {
            "folds": len(self.parts),
            "epochs": self.epochs,
            "accuracy": _spread([part["accuracy"] for part in self.parts]),
            "mean_recall": _spread([part["balanced_accuracy"] for part in self.parts]),
        }


def cross_validate(
    images: LabelledPixels,
    folds: NDArray[np.int64],
    class_names: Sequence[str],
    recipe: Recipe,
    train: Callable[[int, NDArray[np.int64], NDArray[np.int64], Path], None],
    work: Path,
) -> CrossValidated:
    """Train a network for each fold; those that were finished before are not trained again.

    Args:
        images: all of them.
        folds: the fold of each, from 0.
        class_names: the classes.
        recipe: how each is trained.
        train: trains the network of a fold, by (fold, rows to train on, rows to judge, folder of checkpoints), and
            leaves its answers after each epoch in the folder.
        work: where the folders of the folds are.
    """
    count = int(folds.max()) + 1
    folders = [work / f"fold-{number + 1}" for number in range(count)]
    for number, folder in enumerate(folders):
        folder.mkdir(exist_ok=True)
        if not (folder / "finished").is_file():
            train(number, np.flatnonzero(folds != number), np.flatnonzero(folds == number), folder)
            (folder / "finished").touch()
    epochs = _epochs([read_history(folder / "history.csv") for folder in folders], np.bincount(folds), recipe)
    probabilities = np.empty(images.targets.shape, np.float32)
    for number, folder in enumerate(folders):
        judged = folds == number
        found = np.load(answers_file(folder, epochs))
        if recipe.balance:
            found = found * np.exp(matching_shift(found, class_shares(images.targets[~judged])))
            found /= found.sum(axis=1, keepdims=True)
        probabilities[judged] = found
    answers = Answers(probabilities, images.targets)
    _, shift = assumed_mix(images.targets, recipe.even_mix, recipe.class_weights)
    final = answers.scaled(temperature_of(answers, shift), shift)
    parts = [
        measure(final.probabilities[rows], final.labels[rows], class_names, resamples=0)
        for rows in (folds == number for number in range(count))
    ]
    return CrossValidated(answers, epochs, parts)


def _epochs(histories: Sequence[list[Epoch]], images: NDArray[np.int64], recipe: Recipe) -> int:
    """The epoch that is best by the mean of what was watched in the folds; the last that all have, if that is kept."""
    shared = min(map(len, histories))
    if recipe.keep == "last" and recipe.patience is None:
        return shared
    keys = ("val_loss", "val_accuracy", "val_mean_recall")
    lines = [
        {key: float(np.average([history[at][key] for history in histories], weights=images)) for key in keys}
        for at in range(shared)
    ]
    return best_epoch(lines, recipe.judge)


def _spread(values: Sequence[float]) -> Spread:
    deviation = float(np.std(values, ddof=1))
    return {
        "mean": round(float(np.mean(values)), 6),
        "deviation": round(deviation, 6),
        "low": min(values),
        "high": max(values),
    }
