"""The images of one epoch, drawn, varied and batched."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from batch_emotion.options.recipe import Recipe
from batch_emotion.training.augmentation import augment, mixup
from batch_emotion.training.degradation import degrade
from batch_emotion.training.pixels import LabelledPixels
from batch_emotion.training.sampling import epoch_rows


def steps_of(recipe: Recipe, images: int) -> int:
    """How many steps an epoch of so many images has."""
    return recipe.steps or math.ceil(images / recipe.batch_size)


def training_batches(
    data: LabelledPixels, recipe: Recipe, epoch: int, class_weights: NDArray[np.float32] | None = None
) -> Any:
    """One epoch as a ``tf.data.Dataset``, shuffled and varied by (seed, epoch, step).

    Yields:
        float32 images (B, H, W, C) of 0-255, float32 targets (B, K), float32 weights (B,).
    """
    import tensorflow as tf

    drawn = recipe.steps * recipe.batch_size if recipe.steps else len(data)
    order = epoch_rows(data.targets, recipe.balance, recipe.seed, epoch, drawn)
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
    starts = tf.data.Dataset.range(0, drawn, recipe.batch_size)
    batch = tf.autograph.experimental.do_not_convert(batch)  # it would leave a file in /tmp
    return starts.map(batch, num_parallel_calls=2, deterministic=True).prefetch(4).with_options(options)
