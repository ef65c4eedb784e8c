"""Training images, varied: one affine map, a change of light and an erased patch for each, and mixtures of two."""

from __future__ import annotations

import math
from typing import Any

from batch_emotion.options.recipe import Augmentation


def augment(images: Any, ranges: Augmentation, seed: tuple[int, Any]) -> Any:
    """Vary a float32 batch (B, H, W, C) of 0-255, each image by draws of its own.

    Args:
        images: the batch; what moves in from outside repeats the nearest pixel.
        ranges: what to draw from; ``mixup`` is not applied here.
        seed: two whole numbers; the same pair gives the same images.
    """
    import tensorflow as tf

    draws = tf.random.stateless_uniform((13, tf.shape(images)[0]), _seed(seed), -1.0, 1.0)
    moved = _move(images, ranges, draws[:6])
    mean = tf.reduce_mean(moved, axis=(1, 2, 3), keepdims=True)
    contrast, brightness = (draws[row][:, None, None, None] for row in (6, 7))
    lit = (moved - mean) * (1 + contrast * ranges.contrast) + mean + brightness * (ranges.brightness * 255)
    images = tf.clip_by_value(lit, 0.0, 255.0)
    return _erase(images, mean, ranges.erase, draws[8:]) if ranges.erase else images


def mixup(images: Any, targets: Any, alpha: float, seed: tuple[int, Any]) -> tuple[Any, Any]:
    """Blend every image (B, H, W, C) and target (B, K) of a batch with another of the same batch.

    Args:
        images: the batch.
        targets: their classes.
        alpha: of the Beta distribution that the share of the first is drawn from, once for the batch.
        seed: two whole numbers; the same pair gives the same blend.
    """
    import tensorflow as tf

    one, other = tf.unstack(tf.random.stateless_gamma((2,), _seed(seed), alpha))
    share = one / (one + other)
    return share * images + (1 - share) * images[::-1], share * targets + (1 - share) * targets[::-1]


def _seed(seed: tuple[int, Any]) -> list[Any]:
    import tensorflow as tf

    return [seed[0], tf.cast(seed[1], tf.int32)]


def _move(images: Any, ranges: Augmentation, draws: Any) -> Any:
    import tensorflow as tf

    height, width = images.shape[1], images.shape[2]
    angle = draws[0] * (ranges.rotation * math.pi / 180)
    scale_x, scale_y = 1 + draws[1] * ranges.zoom, 1 + draws[2] * ranges.zoom
    mirror = tf.where((draws[3] < 0) & ranges.flip, -1.0, 1.0)
    cos, sin = tf.cos(angle), tf.sin(angle)
    a, b = cos * scale_x * mirror, -sin * scale_y
    c, d = sin * scale_x * mirror, cos * scale_y
    middle_x, middle_y = (width - 1) / 2, (height - 1) / 2
    offset_x = middle_x - a * middle_x - b * middle_y + draws[4] * ranges.shift * width
    offset_y = middle_y - c * middle_x - d * middle_y + draws[5] * ranges.shift * height
    zero = tf.zeros_like(a)
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=images,
        transforms=tf.stack([a, b, offset_x, c, d, offset_y, zero, zero], axis=1),
        output_shape=tf.constant([height, width]),
        fill_value=0.0,
        interpolation="BILINEAR",
        fill_mode="NEAREST",
    )


def _erase(images: Any, filling: Any, largest: float, draws: Any) -> Any:
    import tensorflow as tf

    def covered(middle: Any, extent: Any, length: int) -> Any:
        places = (tf.range(length, dtype=tf.float32) + 0.5) / length
        return tf.abs(places[None] - (middle[:, None] + 1) / 2) < tf.abs(extent)[:, None] * largest / 2

    rows = covered(draws[0], draws[1], images.shape[1]) & (draws[4] < 0)[:, None]
    columns = covered(draws[2], draws[3], images.shape[2])
    return tf.where((rows[:, :, None] & columns[:, None, :])[..., None], filling, images)
