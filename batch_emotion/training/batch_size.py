"""How many images a second a network trains at with batches of different sizes, and which still fit into memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Any

import numpy as np

from batch_emotion.options.recipe import Recipe
from batch_emotion.training.batches import training_batches
from batch_emotion.training.fit import new_model
from batch_emotion.training.pixels import LabelledPixels

SIZES = (16, 32, 64, 128, 256, 512, 1024, 2048, 4096)
_STEPS = 4
_SLOWER = 0.9


@dataclass(frozen=True)
class BatchPace:
    """The pace of training with one batch size; None where it does not fit into memory."""

    batch_size: int
    images_per_second: float | None


def batch_paces(build: Callable[[], Any], image_shape: tuple[int, int, int], recipe: Recipe) -> Iterator[BatchPace]:
    """Time a few steps of each size, smallest first, until one does not fit or two are slower than the best by a tenth.

    Args:
        build: makes the uncompiled Keras model.
        image_shape: (H, W, C) of the images, which are made up.
        recipe: how to train; its batch size does not count.
    """
    import tensorflow as tf

    rng = np.random.default_rng(0)
    best, slower = 0.0, 0
    for size in SIZES:
        pixels = rng.integers(0, 256, (size, *image_shape), np.uint8)
        tried = replace(recipe, batch_size=size, steps=_STEPS + 1, frozen=0, balance=0.0)
        try:
            model = new_model(build, tried, size)
            classes = model.output_shape[-1]
            targets = np.eye(classes, dtype=np.float32)[rng.integers(0, classes, size)]
            batches = iter(training_batches(LabelledPixels(pixels, targets), tried, 0))
            model.train_on_batch(*next(batches))
            started = perf_counter()
            for batch in batches:
                model.train_on_batch(*batch)
        except (tf.errors.ResourceExhaustedError, MemoryError):
            yield BatchPace(size, None)
            return
        pace = size * _STEPS / (perf_counter() - started)
        yield BatchPace(size, pace)
        best, slower = max(best, pace), slower + 1 if pace < _SLOWER * best else 0
        if slower == 2:
            return


def advice(paces: list[BatchPace], given: int) -> str:
    """The line that says which size to take: the smallest that is about as fast as the fastest."""
    fitting = [each for each in paces if each.images_per_second is not None]
    if not fitting:
        return "no batch size fits into memory"
    fastest = max(each.images_per_second or 0 for each in fitting)
    good = next(each.batch_size for each in fitting if (each.images_per_second or 0) >= _SLOWER * fastest)
    text = f"{good} is as fast as any within a tenth" if len(fitting) > 1 else f"only {good} fits"
    rate = "" if good == given else "; with larger batches a learning rate that grows alike is usual"
    return f"{text}, {fitting[-1].batch_size} is the largest that was tried and fits: give `batch_size` {good}{rate}"
