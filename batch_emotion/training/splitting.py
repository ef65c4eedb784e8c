"""Which images are put aside to validate on: some of every class, and what belongs together on one side."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from batch_emotion.errors import SourceError

_MOST_PARTS = 20


def put_aside(
    classes: NDArray[np.integer],
    class_names: Sequence[str],
    fraction: float,
    seed: int,
    groups: NDArray[np.int64] | None = None,
) -> NDArray[np.bool_]:
    """Which images to validate on, bool (N,): about ``fraction`` of every class, drawn by the seed.

    Args:
        classes: of each image, (N,).
        class_names: the classes.
        fraction: the part to put aside.
        seed: random seed.
        groups: (N,), equal for images that must be on one side.

    Raises:
        SourceError: a class has too few images, or too few groups, for both sides.
    """
    if groups is not None:
        return _put_groups_aside(classes, class_names, fraction, seed, groups)
    rng = np.random.default_rng(seed)
    aside = np.zeros(len(classes), bool)
    for number, name in enumerate(class_names):
        rows = rng.permutation(np.flatnonzero(classes == number))
        count = max(1, round(len(rows) * fraction))
        if count >= len(rows):
            raise SourceError(
                f"the class {name} has {_images(len(rows))}, too few to put some aside for validation; "
                "add more, or leave it out with `class_names`"
            )
        aside[rows[:count]] = True
    return aside


def folds(
    classes: NDArray[np.integer],
    class_names: Sequence[str],
    count: int,
    seed: int,
    groups: NDArray[np.int64] | None = None,
) -> NDArray[np.int64]:
    """The fold of each image, int64 (N,) from 0, so that every fold has about the same part of every class.

    Raises:
        SourceError: a class has fewer images, or groups, than folds.
    """
    for number, name in enumerate(class_names):
        rows = classes == number
        there = int(rows.sum()) if groups is None else len(np.unique(groups[rows]))
        if there < count:
            kind = _images(there) if groups is None else f"images of {there} group{'' if there == 1 else 's'}"
            raise SourceError(
                f"the class {name} has {kind}, too few for {count} folds; give fewer `folds`, or leave it out with "
                "`class_names`"
            )
    return _parts(classes, count, seed, groups)


def _put_groups_aside(
    classes: NDArray[np.integer], class_names: Sequence[str], fraction: float, seed: int, groups: NDArray[np.int64]
) -> NDArray[np.bool_]:
    there = len(np.unique(groups))
    if there < 2:
        raise SourceError("all images are of one group, which cannot be on both sides, training and validation")
    most = min(_MOST_PARTS, there)
    share = Fraction(fraction).limit_denominator(most)
    share = min(max(share, Fraction(1, most)), 1 - Fraction(1, most))
    count, wanted = share.denominator, share.numerator
    parts = _parts(classes, count, seed, groups)
    sides = [np.isin((parts - start) % count, range(wanted)) for start in range(count)]
    lacking = [_lacking(classes, aside, len(class_names)) for aside in sides]
    best = min(range(count), key=lambda start: (len(lacking[start][0]), len(lacking[start][1])))
    if lacking[best][0] or not sides[best].any():
        names = ", ".join(class_names[number] for number in lacking[best][0]) or "all classes"
        raise SourceError(
            f"the images of {names} are of too few groups for both sides, training and validation; "
            "add images of others, or leave the class out with `class_names`"
        )
    return sides[best]


def _lacking(classes: NDArray[np.integer], aside: NDArray[np.bool_], count: int) -> tuple[list[int], list[int]]:
    """The classes that are not among the training images, and those not among the validation images."""
    training, validation = (np.bincount(classes[side], minlength=count) for side in (~aside, aside))
    return np.flatnonzero(training == 0).tolist(), np.flatnonzero(validation == 0).tolist()


def _parts(classes: NDArray[np.integer], count: int, seed: int, groups: NDArray[np.int64] | None) -> NDArray[np.int64]:
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

    kind = StratifiedKFold if groups is None else StratifiedGroupKFold
    parts = np.empty(len(classes), np.int64)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a rare class that not every part can have
        splits = kind(count, shuffle=True, random_state=seed).split(np.zeros(len(classes)), classes, groups)
        for number, (_, rows) in enumerate(splits):
            parts[rows] = number
    return parts


def _images(count: int) -> str:
    return f"{count} image{'' if count == 1 else 's'}"
