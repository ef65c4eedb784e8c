"""A choice among a model's classes: the probabilities as if the others did not exist."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from batch_emotion.errors import UsageError


def kept_classes(class_names: Sequence[str], only: Sequence[str] | None) -> tuple[str, ...]:
    """The classes of a model that are asked for, in the model's order; all of them where ``only`` is None.

    Raises:
        UsageError: a class is not the model's, or fewer than two are left.

    Example::

        kept_classes(("happy", "sad", "neutral"), ["sad", "happy"])  # ("happy", "sad")
    """
    if only is None:
        return tuple(class_names)
    unknown = [name for name in only if name not in class_names]
    if unknown:
        raise UsageError(f"`only`: the model has no class {unknown[0]!r}; it has {', '.join(class_names)}")
    kept = tuple(name for name in class_names if name in only)
    if len(kept) < 2:
        raise UsageError(f"`only` needs at least two classes, not {kept[0] if kept else 'none'} alone")
    return kept


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
