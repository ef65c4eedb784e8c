"""Networks trained on all but one part of the images, each judged on the part that it has not seen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median_high

import numpy as np
from numpy.typing import NDArray

from batch_emotion.metrics.measuring import measure
from batch_emotion.metrics.scores import Scores
from batch_emotion.model.card_metrics import CrossValidation, Spread
from batch_emotion.training.assessment import Answers
from batch_emotion.training.fit import Trained
from batch_emotion.training.pixels import LabelledPixels


@dataclass(frozen=True)
class CrossValidated:
    """What networks answered to the images that they had not seen.

    Attributes:
        answers: to every image, in the order of the images.
        epochs: how many epochs to train a network on all images, the middle one of what was kept in the folds.
        parts: the scores of each fold.
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
    train: Callable[[int, NDArray[np.int64], NDArray[np.int64], Path], tuple[Trained, Answers]],
    work: Path,
    on_fold: Callable[[int, Scores], None],
) -> CrossValidated:
    """Train a network for each fold; those that were finished before are not trained again.

    Args:
        images: all of them.
        folds: the fold of each, from 0.
        class_names: the classes.
        train: (fold, rows to train on, rows to judge, folder of checkpoints) to the network and what it answers to the
            latter.
        work: where the folders of the folds are.
        on_fold: called with the number of each fold, from 1, and its scores.
    """
    probabilities = np.empty(images.targets.shape, np.float32)
    kept: list[int] = []
    parts: list[Scores] = []
    for number in range(int(folds.max()) + 1):
        rows = np.flatnonzero(folds == number)
        finished = work / f"fold-{number + 1}.npz"
        if not finished.is_file():
            folder = work / f"fold-{number + 1}"
            folder.mkdir(exist_ok=True)
            trained, found = train(number, np.flatnonzero(folds != number), rows, folder)
            partial = finished.with_suffix(".part.npz")
            np.savez(partial, probabilities=found.probabilities, kept=trained.kept)
            partial.replace(finished)
        with np.load(finished) as saved:
            probabilities[rows] = saved["probabilities"]
            kept.append(int(saved["kept"]))
        labels = images.targets[rows].argmax(axis=1)
        parts.append(measure(probabilities[rows], labels, class_names, resamples=0))
        on_fold(number + 1, parts[-1])
    return CrossValidated(Answers(probabilities, images.targets), median_high(kept), parts)


def _spread(values: Sequence[float]) -> Spread:
    deviation = float(np.std(values, ddof=1))
    return {
        "mean": round(float(np.mean(values)), 6),
        "deviation": round(deviation, 6),
        "low": min(values),
        "high": max(values),
    }
