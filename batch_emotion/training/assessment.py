"""What a trained network is worth on its own data: calibrated on the validation images, measured on both sides."""

from __future__ import annotations

from typing import Any

import numpy as np

from batch_emotion.metrics.calibration import calibration_bins
from batch_emotion.metrics.measuring import RESAMPLES, measure
from batch_emotion.metrics.scores import Scores
from batch_emotion.model.card_metrics import Calibration, CardMetrics
from batch_emotion.model.held_out import HeldOut
from batch_emotion.records import pixel_digests
from batch_emotion.training.calibration import (
    cross_fitted_ece,
    fit_temperature,
    fold_temperature,
)
from batch_emotion.training.fit import LabelledPixels, predict_proba

_FOLDS = 5


def calibrate(model: Any, data: LabelledPixels) -> Calibration:
    """Fit a temperature to the likeliest class of each image and fold it into the network, in place.

    Returns:
        ``temperature``, ``ece_before``, and ``ece_after``, which is cross-fitted in so many ``folds``.
    """
    probabilities = predict_proba(model, data.pixels)
    logits = np.log(np.maximum(probabilities, np.finfo(np.float32).tiny))
    labels = data.targets.argmax(axis=1)
    targets = np.eye(data.targets.shape[1])[labels]
    temperature = fit_temperature(logits, targets)
    fold_temperature(model, temperature)
    return {
        "temperature": round(temperature, 4),
        "ece_before": round(calibration_bins(probabilities, labels).error, 4),
        "ece_after": round(cross_fitted_ece(logits, targets, _FOLDS), 4),
        "folds": _FOLDS,
    }


def answers(model: Any, validation: LabelledPixels, class_names: tuple[str, ...]) -> HeldOut:
    """What a network answers to the validation images of which more than half of the target is for one class."""
    clear = np.flatnonzero(validation.targets.max(axis=1) > 0.5)
    judged = validation.take(clear)
    return HeldOut(class_names, judged.targets.argmax(axis=1), predict_proba(model, judged.pixels))


def assess(model: Any, train: LabelledPixels, validation: LabelledPixels, class_names: tuple[str, ...]) -> CardMetrics:
    """The scores of a card: of both sides, and of the validation images that are not among the training images.

    Args:
        model: the trained Keras network.
        train: what it learned from.
        validation: what it was watched on.
        class_names: its outputs.
    """
    known = np.isin(pixel_digests(validation.pixels), pixel_digests(train.pixels))
    metrics: CardMetrics = {
        "training": _scores(model, train, class_names, resamples=0),
        "validation": _scores(model, validation, class_names),
        "in_training": int(known.sum()),
    }
    if known.any() and not known.all():
        metrics["validation_without_duplicates"] = _scores(model, validation.take(np.flatnonzero(~known)), class_names)
    return metrics


def _scores(model: Any, data: LabelledPixels, class_names: tuple[str, ...], resamples: int = RESAMPLES) -> Scores:
    return measure(predict_proba(model, data.pixels), data.targets.argmax(axis=1), class_names, resamples)
