"""Probabilities under another mix of classes, and the mix of many images estimated from their probabilities.

A network's probabilities hold for a population with the mix of classes of its training. Where classes are as likely to
look so as they were there, and only the mix is another, they become p · new / old, renormalised (Saerens, Latinne and
Decaestecker, Neural Computation 14, 2002), and the new mix itself can be found by expectation maximisation.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

PSEUDO_IMAGES = 10
"""An estimate counts so many images of the training's mix beside those it is given: a few images cannot move it far,
and no class vanishes."""

_MOST_PASSES = 500
_CLOSE = 1e-7
_CHUNK = 65_536


def with_mix(
    probabilities: NDArray[np.float32], before: NDArray[np.float64], after: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Probabilities that hold for one mix of classes as they are under another.

    Args:
        probabilities: float32 (N, K); NaN stays NaN.
        before: the mix that they hold for, float64 (K,), more than 0 each.
        after: the mix that they are to hold for, likewise.

    Example::

        with_mix(np.array([[0.5, 0.5]], np.float32), np.array([0.5, 0.5]), np.array([0.9, 0.1]))  # [[0.9, 0.1]]
    """
    weighted = probabilities.astype(np.float64) * (after / before)
    adjusted: NDArray[np.float32] = (weighted / weighted.sum(axis=1, keepdims=True)).astype(np.float32)
    return adjusted


def estimate_mix(chunks: Iterable[NDArray[np.float32]], training: NDArray[np.float64]) -> NDArray[np.float64]:
    """The mix of classes of many images, by expectation maximisation with ``PSEUDO_IMAGES`` of the training's mix.

    The chunks are read once, into a temporary file, so memory does not grow with the images; how they are cut changes
    nothing.

    Args:
        chunks: the probabilities of all images under the training's mix, float32 (N, K).
        training: that mix, float64 (K,), more than 0 each.

    Returns:
        float64 (K,), more than 0 each.
    """
    with tempfile.TemporaryFile() as file:
        for chunk in chunks:
            file.write(np.ascontiguousarray(chunk, np.float32).tobytes())
        rows = file.tell() // (4 * len(training))
        mix = training
        if not rows:
            return mix
        file.flush()
        spooled = np.memmap(file, np.float32, "r", shape=(rows, len(training)))
        for _ in range(_MOST_PASSES):
            expected = sum((_expected(part, mix / training) for part in _cut(spooled)), PSEUDO_IMAGES * training)
            before, mix = mix, expected / expected.sum()
            if np.abs(mix - before).max() < _CLOSE:
                break
        del spooled
    return mix


def _expected(rows: NDArray[np.float32], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """How many images of each class are expected among these."""
    weighted = rows * weights
    counts: NDArray[np.float64] = (weighted / weighted.sum(axis=1, keepdims=True)).sum(axis=0)
    return counts


def _cut(rows: NDArray[np.float32]) -> Iterator[NDArray[np.float32]]:
    return (rows[first : first + _CHUNK] for first in range(0, len(rows), _CHUNK))
