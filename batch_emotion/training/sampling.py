"""Which training images an epoch draws, what mix of classes that makes, and how a network is brought back to another.

A network's probabilities hold for the mix of classes that it was trained on. Multiplying them by a factor for each
class, scaled to a sum of 1, brings them to another mix (Saerens et al. 2002, doi 10.1162/089976602753284446); in a
softmax that is a shift of the logits.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from batch_emotion.errors import BatchEmotionError

_ROUNDS = 100


def class_shares(targets: NDArray[np.float32], balance: float = 0.0) -> NDArray[np.float64]:
    """The mix of classes (K,), summing to 1, in the images that epochs draw.

    Args:
        targets: (N, K), rows summing to 1.
        balance: as in ``epoch_order``; 0 gives the mix of the data.
    """
    shares = _draw_weights(targets, balance) @ targets.astype(np.float64)
    return np.asarray(shares / shares.sum(), np.float64)


def class_prior(targets: NDArray[np.float32], balance: float = 0.0) -> NDArray[np.float64]:
    """The mix (K,) that calibrated probabilities hold for: that of the likeliest classes of the images drawn.

    Args:
        targets: (N, K), rows summing to 1.
        balance: as in ``epoch_order``, where it is not put back; 1 is the mix under class weights.
    """
    weights = _draw_weights(targets, balance)
    return np.bincount(targets.argmax(axis=1), weights, targets.shape[1]).astype(np.float64)


def assumed_mix(
    targets: NDArray[np.float32], even_mix: float, class_weights: bool = False
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The mix (K,) that the finished network's probabilities are to hold for, and the shift (K,) of logits to it.

    Args:
        targets: (N, K), rows summing to 1.
        even_mix: how far to go from the mix that the probabilities hold for, 0, to an even one of the classes there, 1.
        class_weights: whether the network was trained with every class weighing alike.
    """
    prior = class_prior(targets, float(class_weights))
    known = prior > 0
    assumed = (1 - even_mix) * prior + even_mix * known / known.sum()
    return assumed, np.log(np.divide(assumed, prior, out=np.ones_like(prior), where=known))


def epoch_order(targets: NDArray[np.float32], balance: float, rng: np.random.Generator) -> NDArray[np.int64]:
    """The images of one epoch, int64 (N,), in the order of training.

    Args:
        targets: (N, K), rows summing to 1.
        balance: 0 takes every image once. Above it an image of a class with the share s of the data is drawn in
            proportion to s to the power of minus ``balance``: 1 makes all classes alike. Each image is then drawn as
            often as that says, rounded down or up.
        rng: what the order, and the rounding, are drawn from.
    """
    if not balance:
        return rng.permutation(len(targets))
    shuffled = rng.permutation(len(targets))
    edges = np.cumsum((_draw_weights(targets, balance) * len(targets))[shuffled])
    drawn = np.searchsorted(edges, (np.arange(len(targets)) + rng.random()) * (edges[-1] / len(targets)), side="right")
    return shuffled[rng.permutation(np.minimum(drawn, len(targets) - 1))]


def epoch_rows(targets: NDArray[np.float32], balance: float, seed: int, epoch: int, count: int) -> NDArray[np.int64]:
    """The ``count`` images of an epoch, from 0, in the order of training.

    Epochs are cut from passes over all images, each in an order of its own, so that an epoch may be shorter or longer
    than a pass and every image is still drawn as often as ``epoch_order`` says.
    """
    images = len(targets)
    first, last = epoch * count // images, ((epoch + 1) * count - 1) // images
    passes = [epoch_order(targets, balance, np.random.default_rng([seed, number])) for number in range(first, last + 1)]
    start = epoch * count - first * images
    return np.concatenate(passes)[start : start + count]


def _draw_weights(targets: NDArray[np.float32], balance: float) -> NDArray[np.float64]:
    """How likely each image is to be drawn, (N,), summing to 1."""
    shares = targets.mean(axis=0, dtype=np.float64)
    factors = np.where(shares > 0, np.maximum(shares, 1e-12) ** -balance, 0)
    weights = targets.astype(np.float64) @ factors
    return np.asarray(weights / weights.sum(), np.float64)


def matching_shift(probabilities: NDArray[np.floating], shares: NDArray[np.float64]) -> NDArray[np.float64]:
    """The shift of logits, (K,), under which the mean of the probabilities is the mix wanted.

    After training on images drawn by their targets, this brings a network back to the mix of the data. Dividing by
    the ratio of the two mixes would do so for one-hot targets alone: the more of what an image shows stands in its own
    soft target already, the less does drawing it more often change what the network makes of it.

    Args:
        probabilities: (N, K), of images as they come.
        shares: (K,), the mean of their targets; a class without a share is left as it is.
    """
    known = shares > 0
    logits = np.log(np.maximum(np.asarray(probabilities, np.float64), 1e-12))
    shift = np.zeros(len(shares))
    for _ in range(_ROUNDS):
        rows = np.exp(logits + shift)
        mean = (rows / rows.sum(axis=1, keepdims=True)).mean(axis=0)
        shift[known] += np.log(shares[known] / mean[known])
    return shift


def shift_logits(model: Any, shift: NDArray[np.floating]) -> None:
    """Add to the logits of a Keras model, which ends in a dense layer with a softmax, in place.

    With the logarithm of (the mix wanted / the mix that its probabilities hold for), they hold for the mix wanted.

    Args:
        model: the network.
        shift: (K,).

    Raises:
        BatchEmotionError: the last layer has no bias to add it to.
    """
    import keras

    head = model.layers[-1]
    dense = isinstance(head, keras.layers.Dense) and head.use_bias
    if not dense or head.activation is not keras.activations.softmax:
        raise BatchEmotionError(
            f"the network {model.name} does not end in a dense layer with a bias and a softmax, so no other mix of "
            "classes can be folded in; leave `balance` and `even_mix` out"
        )
    kernel, bias = head.get_weights()
    head.set_weights([kernel, bias + np.asarray(shift, bias.dtype)])
