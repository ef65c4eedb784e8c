"""Pixels and targets to a trained network: augmentation, the epochs, checkpoints and resume.

Every random choice is drawn from (seed, epoch, step), so that a resumed epoch is the one that was lost.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from batch_emotion.storage import committing


@dataclass(frozen=True)
class Augmentation:
    """How far training images are varied; 0 turns a kind off.

    Attributes:
        flip: mirror every second image.
        rotation: degrees to either side.
        shift: fraction of the side, both ways.
        zoom: fraction, in and out.
        brightness: fraction of the pixel range, both ways.
    """

    flip: bool = True
    rotation: float = 10.0
    shift: float = 0.1
    zoom: float = 0.1
    brightness: float = 0.0


@dataclass(frozen=True)
class Recipe:
    """How a network is trained; the defaults are the seed's recipe.

    Attributes:
        epochs: passes over the training images.
        batch_size: images in a step.
        learning_rate: of Adam.
        augmentation: how far images are varied.
        class_weights: weigh every class alike, whatever its share of the images.
        patience: stop after so many epochs without a better validation loss and keep the best; None never stops.
        seed: of every random choice.
    """

    epochs: int = 25
    batch_size: int = 32
    learning_rate: float = 1e-3
    augmentation: Augmentation = Augmentation()
    class_weights: bool = False
    patience: int | None = None
    seed: int = 0


@dataclass(frozen=True)
class LabelledPixels:
    """Decoded images and what they show: pixels uint8 (N, H, W, C), targets float32 (N, K) whose rows sum to 1."""

    pixels: NDArray[np.uint8]
    targets: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.targets)


Epoch = dict[str, float]
"""One line of the history: epoch, accuracy, loss, val_accuracy, val_loss."""


def fit(
    model: Any,
    train: LabelledPixels,
    validation: LabelledPixels,
    recipe: Recipe,
    checkpoints: Path,
    on_epoch: Callable[[Epoch], None],
) -> tuple[Any, list[Epoch]]:
    """Train the model, or carry on from the last checkpoint; gives the trained model and its history.

    Args:
        model: an uncompiled Keras model with a softmax at its end.
        train: what to learn from.
        validation: what to watch.
        recipe: how.
        checkpoints: a folder for ``checkpoint.keras`` (with optimizer state), ``best.keras`` and ``history.csv``.
        on_epoch: called with every new line of the history.
    """
    import keras

    keras.utils.set_random_seed(recipe.seed)
    history = read_history(checkpoints / "history.csv")
    if history:
        model = keras.models.load_model(checkpoints / f"checkpoint-{len(history)}.keras", safe_mode=True)
    else:
        model.compile(keras.optimizers.Adam(recipe.learning_rate), "categorical_crossentropy", metrics=["accuracy"])
    weights = _class_weights(train.targets) if recipe.class_weights else None
    watched = _validation_batches(validation)
    for epoch in range(len(history), recipe.epochs):
        if _has_stalled(history, recipe.patience):
            break
        batches = _training_batches(train, recipe, epoch, weights)
        figures = model.fit(batches, initial_epoch=epoch, epochs=epoch + 1, validation_data=watched, verbose=0)
        line = {"epoch": epoch + 1.0} | {key: float(values[-1]) for key, values in sorted(figures.history.items())}
        history.append(line)
        _checkpoint(model, history, checkpoints)
        on_epoch(line)
    if recipe.patience is not None:
        model = keras.models.load_model(checkpoints / "best.keras", safe_mode=True)
    return model, history


def read_history(path: Path) -> list[Epoch]:
    """The epochs recorded so far; none where there is no file."""
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return [{key: float(value) for key, value in row.items()} for row in csv.DictReader(file)]


def write_history(history: list[Epoch], path: Path) -> None:
    """Write one line per epoch as CSV."""
    with committing(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(history[0]))
        writer.writeheader()
        writer.writerows({key: f"{value:.6g}" for key, value in line.items()} for line in history)


def _checkpoint(model: Any, history: list[Epoch], folder: Path) -> None:
    """Save the model first and the history last: the history names the checkpoint that counts."""
    _save(model, folder / f"checkpoint-{len(history)}.keras")
    if min(history, key=lambda line: line["val_loss"]) is history[-1]:
        _save(model, folder / "best.keras")
    write_history(history, folder / "history.csv")
    (folder / f"checkpoint-{len(history) - 1}.keras").unlink(missing_ok=True)


def _save(model: Any, path: Path) -> None:
    with committing(path) as temporary:
        partial = temporary.with_suffix(".keras")
        model.save(partial)
        partial.replace(temporary)


def _has_stalled(history: list[Epoch], patience: int | None) -> bool:
    if patience is None or not history:
        return False
    best = min(history, key=lambda line: line["val_loss"])
    return history[-1]["epoch"] - best["epoch"] >= patience


def _class_weights(targets: NDArray[np.float32]) -> NDArray[np.float32]:
    share = targets.mean(axis=0)
    return np.where(share > 0, 1 / (len(share) * np.maximum(share, 1e-9)), 0).astype(np.float32)


def _training_batches(
    data: LabelledPixels, recipe: Recipe, epoch: int, class_weights: NDArray[np.float32] | None
) -> Any:
    import tensorflow as tf

    order = np.random.default_rng([recipe.seed, epoch]).permutation(len(data))
    starts = tf.data.Dataset.range(0, len(data), recipe.batch_size)
    shape = data.pixels.shape[1:]

    def gather(start: np.int64) -> tuple[np.ndarray, np.ndarray]:
        rows = np.sort(order[start : start + recipe.batch_size])
        return data.pixels[rows], data.targets[rows]

    def batch(start: Any) -> Any:
        pixels, targets = tf.numpy_function(gather, [start], [tf.uint8, tf.float32])
        pixels = tf.ensure_shape(pixels, (None, *shape))
        targets = tf.ensure_shape(targets, (None, data.targets.shape[1]))
        images = augment(tf.cast(pixels, tf.float32), recipe.augmentation, (recipe.seed * 100_003 + epoch, start))
        if class_weights is None:
            return images, targets
        return images, targets, tf.linalg.matvec(targets, class_weights)

    steps = math.ceil(len(data) / recipe.batch_size)
    dataset = starts.map(batch, num_parallel_calls=2, deterministic=True).prefetch(4)
    return dataset.apply(tf.data.experimental.assert_cardinality(steps))


def _validation_batches(data: LabelledPixels, batch_size: int = 256) -> Any:
    import tensorflow as tf

    def gather(start: np.int64) -> tuple[np.ndarray, np.ndarray]:
        rows = slice(start, start + batch_size)
        return data.pixels[rows].astype(np.float32), data.targets[rows]

    def batch(start: Any) -> Any:
        pixels, targets = tf.numpy_function(gather, [start], [tf.float32, tf.float32])
        shape = (None, *data.pixels.shape[1:])
        return tf.ensure_shape(pixels, shape), tf.ensure_shape(targets, (None, data.targets.shape[1]))

    return tf.data.Dataset.range(0, len(data), batch_size).map(batch).prefetch(2)


def augment(images: Any, how: Augmentation, seed: tuple[int, Any]) -> Any:
    """Vary a float32 batch (B, H, W, C) of 0-255 by one affine map per image and a change of brightness.

    Args:
        images: the batch; what moves in from outside repeats the nearest pixel.
        how: the ranges to draw from.
        seed: two whole numbers; the same pair gives the same images.
    """
    import tensorflow as tf

    count = tf.shape(images)[0]
    height, width = images.shape[1], images.shape[2]
    draws = tf.random.stateless_uniform((7, count), [seed[0], tf.cast(seed[1], tf.int32)], -1.0, 1.0)
    angle = draws[0] * (how.rotation * math.pi / 180)
    scale_x, scale_y = 1 + draws[1] * how.zoom, 1 + draws[2] * how.zoom
    mirror = tf.where((draws[3] < 0) & how.flip, -1.0, 1.0)
    cos, sin = tf.cos(angle), tf.sin(angle)
    a, b = cos * scale_x * mirror, -sin * scale_y
    c, d = sin * scale_x * mirror, cos * scale_y
    middle_x, middle_y = (width - 1) / 2, (height - 1) / 2
    offset_x = middle_x - a * middle_x - b * middle_y + draws[4] * how.shift * width
    offset_y = middle_y - c * middle_x - d * middle_y + draws[5] * how.shift * height
    zero = tf.zeros_like(a)
    moved = tf.raw_ops.ImageProjectiveTransformV3(
        images=images,
        transforms=tf.stack([a, b, offset_x, c, d, offset_y, zero, zero], axis=1),
        output_shape=tf.constant([height, width]),
        fill_value=0.0,
        interpolation="BILINEAR",
        fill_mode="NEAREST",
    )
    brighter = moved + (draws[6] * how.brightness * 255)[:, None, None, None]
    return tf.clip_by_value(brighter, 0.0, 255.0)
