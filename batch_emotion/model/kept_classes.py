"""A choice among a model's classes: the probabilities as if the others did not exist."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def keep_classes(
    probabilities: NDArray[np.float32], class_names: Sequence[str], kept: Sequence[str]
) -> NDArray[np.float32]:
    """The probabilities of some classes, renormalised: those given that it is one of them.

    Args:
        probabilities: float32 (N, K).
        class_names: the K classes.
        kept: some of them, in their order.

    Returns:
        float32 (N, len(kept)). A row that gives none of them any probability says nothing about which of them it is:
        all become equally likely there.
    """
    if tuple(kept) == tuple(class_names):
        return probabilities
    columns = [list(class_names).index(name) for name in kept]
    rows = np.take(probabilities, columns, axis=1).astype(np.float64)
    rows[rows.sum(axis=1) == 0] = 1
    renormalised: NDArray[np.float32] = (rows / rows.sum(axis=1, keepdims=True)).astype(np.float32)
    return renormalised
