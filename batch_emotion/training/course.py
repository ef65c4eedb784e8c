"""The networks of one training: fitted, told epoch by epoch, and judged."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from batch_emotion.model.architectures import mix_weights
from batch_emotion.options.recipe import Recipe
from batch_emotion.training.assessment import Answers, answers
from batch_emotion.training.checkpoints import Epoch
from batch_emotion.training.cross_validation import CrossValidated, cross_validate
from batch_emotion.training.data import Sides
from batch_emotion.training.fit import Pace, Trained, fit, predict_proba
from batch_emotion.training.pixels import LabelledPixels
from batch_emotion.training.progress import HEAD, epoch_line
from batch_emotion.training.sampling import class_shares, matching_shift, shift_logits
from batch_emotion.training.tensorboard import EventFiles

_WORTH = {
    "loss": "the least validation loss",
    "recall": "the highest mean recall",
    "accuracy": "the highest validation accuracy",
}


@dataclass(frozen=True)
class Outcome:
    """The network of a training, and what is known of it.

    Attributes:
        trained: the network.
        found: what it, or the networks of the folds, answer to the images to judge by.
        crossed: the cross-validation, where there was one.
    """

    trained: Trained
    found: Answers
    crossed: CrossValidated | None


@dataclass(frozen=True)
class Course:
    """What every network of one training shares.

    Attributes:
        build: makes the untrained network.
        class_names: its classes.
        recipe: how to train.
        work: the folder of checkpoints.
        tensorboard: where the course is written for TensorBoard, if at all.
        log: called with each line on how it goes.
    """

    build: Callable[[], Any]
    class_names: tuple[str, ...]
    recipe: Recipe
    work: Path
    tensorboard: Path | None
    log: Callable[[str], None]

    def run(self, sides: Sides, taught: LabelledPixels) -> Outcome:
        """Train on one side and judge on the other; with folds, on all but each of them, and then on all images.

        Args:
            sides: the images.
            taught: those to train on, with the targets to train on.
        """
        if sides.folds is not None:
            return self._run_folds(sides, taught, sides.folds)
        judged = sides.images.take(sides.judged)
        trained = self._fit(taught, judged, self.work)
        self.log(f"kept: epoch {self.kept_in_words(trained)}")
        return Outcome(trained, answers(trained.model, judged), None)

    def kept_in_words(self, trained: Trained) -> str:
        """Which epoch's weights the network has, and why."""
        epochs = len(trained.history)
        watched = "val_loss" in trained.history[-1]
        if not watched:
            return f"{trained.kept}, the best over all folds"
        best = self.recipe.keep == "best" or self.recipe.patience is not None
        return f"{trained.kept} of {epochs}, {_WORTH[self.recipe.judge] if best else 'the last'}"

    def _run_folds(self, sides: Sides, taught: LabelledPixels, folds: NDArray[np.int64]) -> Outcome:
        def train_fold(number: int, learned: NDArray[np.int64], judged: NDArray[np.int64], folder: Path) -> None:
            self.log(f"fold {number + 1} of {int(folds.max()) + 1}")
            self._fit(taught.take(learned), sides.images.take(judged), folder)

        crossed = cross_validate(sides.images, folds, self.class_names, self.recipe, train_fold, self.work)
        epochs = "1 epoch" if crossed.epochs == 1 else f"{crossed.epochs} epochs"
        self.log(f"after {epochs}, the best over all folds:")
        for number, scores in enumerate(crossed.parts, 1):
            self.log(f"fold {number}: accuracy {scores['accuracy']:.1%}, mean recall {scores['balanced_accuracy']:.1%}")
        figures = crossed.on_card()
        for name, each in (("accuracy", figures["accuracy"]), ("mean recall", figures["mean_recall"])):
            self.log(f"{name} over the folds: {each['mean']:.1%}, {each['low']:.1%} to {each['high']:.1%}")
        self.log("all images")
        trained = self._fit(taught, None, self.work, crossed.epochs)
        return Outcome(trained, crossed.answers, crossed)

    def _fit(
        self, learn: LabelledPixels, watch: LabelledPixels | None, folder: Path, last: int | None = None
    ) -> Trained:
        board = self.tensorboard
        events = EventFiles(board if folder == self.work else board / folder.name) if board is not None else None
        for line in HEAD:
            self.log(line)

        def tell(line: Epoch, pace: Pace) -> None:
            self.log(epoch_line(line, pace, last or self.recipe.epochs))
            if events is not None:
                events.add(line, pace)

        trained = fit(self.build, learn, watch, self.recipe, folder, tell, last, with_answers=folder != self.work)
        if events is not None:
            events.close()
        if self.recipe.initial_weight:
            mix_weights(trained.model, self.build(), self.recipe.initial_weight)
        if self.recipe.balance:
            seen = predict_proba(trained.model, learn.pixels)
            shift_logits(trained.model, matching_shift(seen, class_shares(learn.targets)))
        return trained
