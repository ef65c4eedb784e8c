"""Pixels and targets to a trained network, an epoch at a time.

Every random choice is drawn from (seed, epoch, step), so that a resumed epoch is the one that was lost.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from batch_emotion.model.architectures import with_mirror
from batch_emotion.options.train import Recipe
from batch_emotion.training.augmentation import augment, mixup
from batch_emotion.training.checkpoints import (
    Epoch,
    best_weights_file,
    checkpoint_file,
    commit_epoch,
    read_history,
    weights_file,
)
from batch_emotion.training.degradation import degrade
from batch_emotion.training.normalization import fuse_normalization, fused_batch_normalization
from batch_emotion.training.sampling import epoch_order


@dataclass(frozen=True)
class LabelledPixels:
    """Decoded images and what they show: pixels uint8 (N, H, W, C), targets float32 (N, K) whose rows sum to 1."""

    pixels: NDArray[np.uint8]
    targets: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.targets)

    def take(self, rows: NDArray[np.int64]) -> LabelledPixels:
        """The images of these rows, in their order."""
        return LabelledPixels(self.pixels[rows], self.targets[rows])


def fit(
    build: Callable[[], Any],
    train: LabelledPixels,
    validation: LabelledPixels,
    recipe: Recipe,
    checkpoints: Path,
    on_epoch: Callable[[Epoch], None],
) -> tuple[Any, list[Epoch]]:
    """Train a network, or carry on from the last checkpoint; gives the trained float32 model and its history.

    Args:
        build: makes the uncompiled Keras model, with a softmax at its end, in the dtype policy of the moment.
        train: what to learn from.
        validation: what to watch.
        recipe: how.
        checkpoints: a folder for the last checkpoint (with optimizer state), the best weights and ``history.csv``.
        on_epoch: called with every new line of the history.
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
        model = _build_for_training(build, recipe)
        model.set_weights(kept.get_weights())
        model.compile(_optimizer(recipe, len(train)), _loss(recipe), weighted_metrics=["accuracy"])
    kept.compile(loss=_loss(recipe), weighted_metrics=["accuracy"])
    weights = _class_weights(train.targets) if recipe.class_weights else None
    for epoch in range(len(history), recipe.epochs):
        if _has_stalled(history, recipe.patience):
            break
        _reseed(model, recipe.seed, epoch)
        figures = _train_epoch(model, kept, training_batches(train, recipe, epoch, weights), recipe.ema)
        watched = _evaluate(kept, validation)
        line = {"epoch": epoch + 1.0} | figures | {f"val_{key}": value for key, value in watched.items()}
        history.append(line)
        commit_epoch(model, kept, history, checkpoints)
        on_epoch(line)
    if recipe.patience is not None:
        kept.load_weights(best_weights_file(checkpoints))
    return with_mirror(kept) if recipe.mirror else kept, history


def _build_for_training(build: Callable[[], Any], recipe: Recipe) -> Any:
    import keras

    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16" if recipe.precision == "mixed" else "float32")
    try:
        return fuse_normalization(build())
    finally:
        keras.config.set_dtype_policy(policy)


def _reseed(model: Any, seed: int, epoch: int) -> None:
    """Make what dropout draws depend on the epoch alone, not on whether the training was resumed."""
    for number, layer in enumerate(model.layers):
        generator = getattr(layer, "seed_generator", None)
        if generator is not None:
            generator.state.assign([seed * 1_000 + number, epoch * 1_000_000])


def _optimizer(recipe: Recipe, images: int) -> Any:
    import keras

    rate: Any = recipe.learning_rate
    if recipe.schedule == "cosine":
        steps = math.ceil(images / recipe.batch_size)
        rate = keras.optimizers.schedules.CosineDecay(
            0.0, max(1, steps * (recipe.epochs - 1)), warmup_target=recipe.learning_rate, warmup_steps=steps
        )
    decay = recipe.weight_decay or None
    if recipe.optimizer == "sgd":
        optimizer = keras.optimizers.SGD(rate, momentum=0.9, nesterov=True, weight_decay=decay)
    else:
        optimizer = keras.optimizers.Adam(rate, weight_decay=decay)
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return optimizer


def _loss(recipe: Recipe) -> Any:
    import keras

    return keras.losses.CategoricalCrossentropy(label_smoothing=recipe.label_smoothing)


def _train_epoch(model: Any, kept: Any, batches: Any, momentum: float) -> dict[str, float]:
    """One pass; ``kept`` follows the model's weights as a running average, or takes them over at the end."""
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
    return _mean(figures, sizes)


def _evaluate(model: Any, data: LabelledPixels, batch_size: int = 256) -> dict[str, float]:
    figures: list[dict[str, float]] = []
    sizes: list[int] = []
    for start in range(0, len(data), batch_size):
        rows = slice(start, start + batch_size)
        pixels, targets = data.pixels[rows].astype(np.float32), data.targets[rows]
        figures.append(model.test_on_batch(pixels, targets, return_dict=True))
        sizes.append(len(targets))
    return _mean(figures, sizes)


def predict_proba(model: Any, pixels: NDArray[np.uint8], batch_size: int = 256) -> NDArray[np.float32]:
    """Probabilities, float32 (N, K), of uint8 pixels (N, H, W, C) under a Keras model."""
    starts = range(0, len(pixels), batch_size)
    batches = (pixels[start : start + batch_size].astype(np.float32) for start in starts)
    return np.concatenate([np.asarray(model.predict_on_batch(batch)) for batch in batches])


def _mean(figures: list[dict[str, float]], sizes: list[int]) -> dict[str, float]:
    return {key: float(np.average([each[key] for each in figures], weights=sizes)) for key in ("accuracy", "loss")}


def _has_stalled(history: list[Epoch], patience: int | None) -> bool:
    if patience is None or not history:
        return False
    best = min(history, key=lambda line: line["val_loss"])
    return history[-1]["epoch"] - best["epoch"] >= patience


def _class_weights(targets: NDArray[np.float32]) -> NDArray[np.float32]:
    share = targets.mean(axis=0)
    return np.where(share > 0, 1 / (len(share) * np.maximum(share, 1e-9)), 0).astype(np.float32)


def training_batches(
    data: LabelledPixels, recipe: Recipe, epoch: int, class_weights: NDArray[np.float32] | None = None
) -> Any:
    """One epoch as a ``tf.data.Dataset``, shuffled and varied by (seed, epoch, step).

    Yields:
        float32 images (B, H, W, C) of 0-255, float32 targets (B, K), float32 weights (B,).
    """
    import tensorflow as tf

    order = epoch_order(data.targets, recipe.balance, np.random.default_rng([recipe.seed, epoch]))
    shape = data.pixels.shape[1:]
    how = recipe.augmentation

    def gather(start: np.int64) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        rows = order[start : start + recipe.batch_size]
        targets = data.targets[rows]
        weights = np.ones(len(rows), np.float32) if class_weights is None else targets @ class_weights
        pixels = data.pixels[rows]
        if recipe.degradation.is_on:
            pixels = degrade(pixels, recipe.degradation, np.random.default_rng([recipe.seed, epoch, int(start)]))
        return pixels, targets, weights

    def batch(start: Any) -> Any:
        pixels, targets, weights = tf.numpy_function(gather, [start], [tf.uint8, tf.float32, tf.float32])
        images = tf.cast(tf.ensure_shape(pixels, (None, *shape)), tf.float32)
        targets = tf.ensure_shape(targets, (None, data.targets.shape[1]))
        draw = (recipe.seed * 100_003 + epoch, start)
        images = augment(images, how, draw)
        if how.mixup:
            images, targets = mixup(images, targets, how.mixup, draw)
        return images, targets, tf.ensure_shape(weights, (None,))

    options = tf.data.Options()
    options.autotune.enabled = False  # nothing to tune, and its thread can hold up the end of an epoch
    starts = tf.data.Dataset.range(0, len(data), recipe.batch_size)
    batch = tf.autograph.experimental.do_not_convert(batch)  # it would leave a file in /tmp
    return starts.map(batch, num_parallel_calls=2, deterministic=True).prefetch(4).with_options(options)
