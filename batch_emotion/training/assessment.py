"""What a trained network is worth on its own data: calibrated on the validation images, measured on both sides."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from batch_emotion.metrics.calibration import calibration_bins
from batch_emotion.metrics.measuring import measure
from batch_emotion.metrics.scores import Scores
from batch_emotion.model.card_metrics import Calibration, CardMetrics
from batch_emotion.model.held_out import HeldOut
from batch_emotion.records import pixel_digests
from batch_emotion.training.calibration import (
    apply_temperature,
    cross_fitted_ece,
    fit_temperature,
    fold_temperature,
)
from batch_emotion.training.fit import predict_proba
from batch_emotion.training.pixels import LabelledPixels
from batch_emotion.training.sampling import shift_logits

_FOLDS = 5


Groups = NDArray[np.int64] | None


@dataclass(frozen=True)
class Answers:
    """What networks answer to labelled images: probabilities float32 (N, K), targets float32 (N, K)."""

    probabilities: NDArray[np.float32]
    targets: NDArray[np.float32]

    @property
    def labels(self) -> NDArray[np.intp]:
        """The likeliest class of each image by its target, (N,)."""
        return np.asarray(self.targets.argmax(axis=1), np.intp)

    def scaled(self, temperature: float, shift: NDArray[np.float64]) -> Answers:
        """The same, of networks with this temperature and a shift (K,) of their logits."""
        scaled = apply_temperature(_logits(self.probabilities), temperature, shift)
        return Answers(scaled.astype(np.float32), self.targets)


def answers(model: Any, data: LabelledPixels) -> Answers:
    """What a Keras network answers to images."""
    return Answers(predict_proba(model, data.pixels), data.targets)


def calibrate(model: Any, validation: Answers, shift: NDArray[np.float64]) -> Calibration:
    """Fit a temperature to the likeliest class of each image, and fold it and the shift into the network, in place.

    Args:
        model: the Keras network.
        validation: what it, or the networks of a cross-validation, answer to images that they did not learn from.
        shift: (K,), what brings the logits to the mix of classes that the probabilities are to hold for.

    Returns:
        ``temperature``, ``ece_before``, and ``ece_after``, which is cross-fitted in so many ``folds``; of a single
        image there is none.
    """
    temperature = temperature_of(validation, shift)
    fold_temperature(model, temperature)
    if shift.any():
        shift_logits(model, shift)
    logits, labels = _logits(validation.probabilities), validation.labels
    fitted: Calibration = {
        "temperature": round(temperature, 4),
        "ece_before": round(calibration_bins(validation.probabilities, labels).error, 4),
    }
    folds = min(_FOLDS, len(labels))
    if folds > 1:
        after = cross_fitted_ece(logits, np.eye(logits.shape[1])[labels], folds, shift=shift)
        fitted |= {"ece_after": round(after, 4), "folds": folds}
    return fitted


def temperature_of(found: Answers, shift: NDArray[np.float64]) -> float:
    """The temperature fitted to the likeliest class of each image, for logits that are then shifted by (K,)."""
    logits = _logits(found.probabilities)
    return fit_temperature(logits, np.eye(logits.shape[1])[found.labels], shift)


def held_out(validation: Answers, class_names: tuple[str, ...]) -> HeldOut:
    """The answers to images of which more than half of the target is for one class."""
    clear = validation.targets.max(axis=1) > 0.5
    return HeldOut(class_names, validation.labels[clear], validation.probabilities[clear])


def _logits(probabilities: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(np.log(np.maximum(probabilities, np.finfo(np.float32).tiny)), np.float32)


def assess(
    train: Answers, validation: Answers, class_names: tuple[str, ...], known: NDArray[np.bool_], groups: Groups = None
) -> CardMetrics:
    """The scores of a card: of both sides, and of the validation images that are not among the training images.

    Args:
        train: what the network answers to the images that it learned from.
        validation: what it, or the networks of a cross-validation, answer to others.
        class_names: its outputs.
        known: of each validation image, whether the same pixels are in the training data.
        groups: of each validation image the person, video or session, for the intervals.
    """
    metrics: CardMetrics = {
        "training": measure(train.probabilities, train.labels, class_names, resamples=0),
        "validation": _judged(validation, class_names, np.ones(len(known), bool), groups),
        "in_training": int(known.sum()),
    }
    if known.any() and not known.all():
        metrics["validation_without_duplicates"] = _judged(validation, class_names, ~known, groups)
    return metrics


def _judged(found: Answers, class_names: tuple[str, ...], rows: NDArray[np.bool_], groups: Groups) -> Scores:
    clusters = None if groups is None else groups[rows]
    scores = measure(found.probabilities[rows], found.labels[rows], class_names, clusters=clusters)
    if clusters is not None:
        scores["groups"] = len(np.unique(clusters))
    return scores


def in_training(validation: LabelledPixels, known: Collection[str]) -> NDArray[np.bool_]:
    """Of each image, whether the digest of its pixels is among those known."""
    return np.array([digest in known for digest in pixel_digests(validation.pixels)], bool)


def inherited_warning(known: NDArray[np.bool_], initial: str) -> str:
    """What to know of validation images that the network has learned from before it starts; empty without such.

    Args:
        known: of each validation image, whether it is in the training data of the model that the network starts from.
        initial: what that is called.
    """
    count = int(known.sum())
    if not count:
        return ""
    of_all = f"{count:,} of {len(known):,} validation images"
    where = f"{'is' if count == 1 else 'are'} in the training data of {initial}"
    if known.all():
        return f"warning: {of_all} {where}, so no figure tells how good the network is; give others as `validation`"
    return f"warning: {of_all} {where}, so the figures of the epochs flatter; the last line has the one without them"


def single_class_warning(validation: Scores, from_nothing: bool) -> str:
    """What to do about a network that predicts one class for all validation images; empty where it predicts others.

    Args:
        validation: its scores.
        from_nothing: whether it started from no other network.
    """
    predicted = np.array(validation["confusion_matrix"]).sum(axis=0)
    if (predicted > 0).sum() != 1 or (np.array(validation["confusion_matrix"]).sum(axis=1) > 0).sum() < 2:
        return ""
    name = list(validation["per_class"])[int(predicted.argmax())]
    start = ", or start from a model with `initial`" if from_nothing else ""
    return (
        f"warning: it predicts {name} for every validation image, so it has learned nothing yet; "
        f"train for more `epochs`, on more images{start}"
    )
