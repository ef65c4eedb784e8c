"""Pixels and targets to a trained network, an epoch at a time.

Every random choice is drawn from (seed, epoch, step), so that a resumed epoch is the one that was lost.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from batch_emotion.model.architectures import with_mirror
from batch_emotion.options.recipe import Recipe
from batch_emotion.records import Pixels
from batch_emotion.training.batches import steps_of, training_batches
from batch_emotion.training.checkpoints import (
    Epoch,
    answers_file,
    best_epoch,
    best_weights_file,
    checkpoint_file,
    commit_epoch,
    read_history,
    weights_file,
)
from batch_emotion.training.normalization import fuse_normalization, fused_batch_normalization
from batch_emotion.training.optimization import freeze_body, optimizer_of, unfreeze
from batch_emotion.training.pixels import LabelledPixels

_TINY = 1e-7


@dataclass(frozen=True)
class Pace:
    """How fast an epoch went, and the seconds that those to come will take if they are as fast."""

    seconds: float
    images_per_second: float
    seconds_left: float


OnEpoch = Callable[[Epoch, Pace], None]


@dataclass(frozen=True)
class Trained:
    """What a training came to.

    Attributes:
        model: the float32 network that is kept.
        history: a line for each epoch.
        kept: the epoch, from 1, that the network is of.
    """

    model: Any
    history: list[Epoch]
    kept: int


def fit(
    build: Callable[[], Any],
    train: LabelledPixels,
    validation: LabelledPixels | None,
    recipe: Recipe,
    checkpoints: Path,
    on_epoch: OnEpoch = lambda line, pace: None,
    last: int | None = None,
    with_answers: bool = False,
) -> Trained:
    """Train a network, or carry on from the last checkpoint.

    Args:
        build: makes the uncompiled Keras model, with a softmax at its end, in the dtype policy of the moment.
        train: what to learn from.
        validation: what to watch; without it the last epoch is kept.
        recipe: how.
        checkpoints: a folder for the last checkpoint (with optimizer state), the best weights and ``history.csv``.
        on_epoch: called with every new line of the history.
        last: the epoch to stop after, where that is before the recipe's end.
        with_answers: keep what is answered to the images watched after each epoch, in ``checkpoints``.
    """
    import keras

    keras.utils.set_random_seed(recipe.seed)
    kept = build()
    history = read_history(checkpoints / "history.csv")
    if history:
        fused = fused_batch_normalization()
        checkpoint = checkpoint_file(checkpoints, len(history))
        model = keras.models.load_model(checkpoint, custom_objects={fused.__name__: fused}, safe_mode=True)
        kept.load_weights(weights_file(checkpoints, len(history)))
    else:
        model = new_model(build, recipe, len(train))
        model.set_weights(kept.get_weights())
    weights = _class_weights(train.targets) if recipe.class_weights else None
    epochs = min(recipe.epochs, last or recipe.epochs)
    for epoch in range(len(history), epochs):
        if _has_stalled(history, recipe):
            break
        started = perf_counter()
        if recipe.frozen and epoch == recipe.frozen:
            unfreeze(model)
            _compile(model, recipe, len(train), epoch)
        _reseed(model, recipe.seed, epoch)
        figures, images = _train_epoch(model, kept, training_batches(train, recipe, epoch, weights), recipe.ema)
        trained = perf_counter()
        watched: dict[str, float] = {}
        if validation is not None:
            found = predict_proba(kept, validation.pixels)
            watched = _figures(found, validation.targets, recipe.label_smoothing)
            if with_answers:
                np.save(answers_file(checkpoints, epoch + 1), found)
        line = {"epoch": epoch + 1.0} | figures | {f"val_{key}": value for key, value in watched.items()}
        history.append(line)
        commit_epoch(model, kept, history, checkpoints, recipe.judge)
        taken = perf_counter() - started
        on_epoch(line, Pace(taken, images / (trained - started), taken * (epochs - epoch - 1)))
    keeps_best = validation is not None and (recipe.keep == "best" or recipe.patience is not None)
    if keeps_best:
        kept.load_weights(best_weights_file(checkpoints))
    number = best_epoch(history, recipe.judge) if keeps_best else len(history)
    return Trained(with_mirror(kept) if recipe.mirror else kept, history, number)


def new_model(build: Callable[[], Any], recipe: Recipe, images: int) -> Any:
    """A network compiled to be trained on so many images."""
    import keras

    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16" if recipe.precision == "mixed" else "float32")
    try:
        model = fuse_normalization(build())
    finally:
        keras.config.set_dtype_policy(policy)
    if recipe.frozen:
        freeze_body(model)
    _compile(model, recipe, images, 0)
    return model


def _compile(model: Any, recipe: Recipe, images: int, epoch: int) -> None:
    import keras

    loss = keras.losses.CategoricalCrossentropy(label_smoothing=recipe.label_smoothing)
    optimizer = optimizer_of(recipe, steps_of(recipe, images), epoch)
    model.compile(optimizer, loss, weighted_metrics=["accuracy"])


def _reseed(model: Any, seed: int, epoch: int) -> None:
    """Make what dropout draws depend on the epoch alone, not on whether the training was resumed."""
    for number, layer in enumerate(model.layers):
        generator = getattr(layer, "seed_generator", None)
        if generator is not None:
            generator.state.assign([seed * 1_000 + number, epoch * 1_000_000])


def _train_epoch(model: Any, kept: Any, batches: Any, momentum: float) -> tuple[dict[str, float], int]:
    """One pass, and its images; ``kept`` follows the weights as a running average, or takes them over at the end."""
    import tensorflow as tf

    def follow() -> None:
        for mean, value in zip(kept.weights, model.weights, strict=True):
            mean.assign(momentum * mean.value + (1 - momentum) * tf.cast(value.value, tf.float32))

    average = tf.function(follow, autograph=False)
    figures: list[dict[str, float]] = []
    sizes: list[int] = []
    for images, targets, weights in batches:
        figures.append(model.train_on_batch(images, targets, weights, return_dict=True))
        sizes.append(len(targets))
        if momentum:
            average()
    if not momentum:
        kept.set_weights(model.get_weights())
    means = {key: float(np.average([each[key] for each in figures], weights=sizes)) for key in ("accuracy", "loss")}
    return means, sum(sizes)


def _figures(found: NDArray[np.float32], targets: NDArray[np.float32], label_smoothing: float) -> dict[str, float]:
    """Accuracy, loss and mean recall of answers (N, K) to images with these targets; the loss is that of training."""
    probabilities = np.clip(found.astype(np.float64), _TINY, 1 - _TINY)
    smoothed = targets * (1 - label_smoothing) + label_smoothing / targets.shape[1]
    labels = targets.argmax(axis=1)
    right = probabilities.argmax(axis=1) == labels
    images = np.bincount(labels, minlength=targets.shape[1])
    recalls = np.bincount(labels, right, len(images))[images > 0] / images[images > 0]
    return {
        "accuracy": float(right.mean()),
        "loss": float(-(smoothed * np.log(probabilities)).sum(axis=1).mean()),
        "mean_recall": float(recalls.mean()),
    }


def predict_proba(model: Any, pixels: Pixels, batch_size: int = 256) -> NDArray[np.float32]:
    """Probabilities, float32 (N, K), of uint8 pixels (N, H, W, C) under a Keras model."""
    starts = range(0, len(pixels), batch_size)
    batches = (pixels[start : start + batch_size].astype(np.float32) for start in starts)
    return np.concatenate([np.asarray(model.predict_on_batch(batch)) for batch in batches])


def _has_stalled(history: list[Epoch], recipe: Recipe) -> bool:
    if recipe.patience is None or not history or "val_loss" not in history[-1]:
        return False
    return len(history) - best_epoch(history, recipe.judge) >= recipe.patience


def _class_weights(targets: NDArray[np.float32]) -> NDArray[np.float32]:
    share = targets.mean(axis=0)
    return np.where(share > 0, 1 / (len(share) * np.maximum(share, 1e-9)), 0).astype(np.float32)
