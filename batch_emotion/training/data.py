"""What ``train`` learns from and is judged on: labelled images, read, split into sides, and decoded."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from batch_emotion.errors import BatchEmotionError, UsageError
from batch_emotion.frames import GivenTable
from batch_emotion.labels.groups import Groups, groups_of_images
from batch_emotion.labels.reading import misspelt_line
from batch_emotion.labels.training import LabelledPlan, evaluation_folder, labelled_splits, read_labelled
from batch_emotion.options.images import Limits
from batch_emotion.options.train import SplitOptions, TrainOptions
from batch_emotion.records import InputSpec, pixel_digests
from batch_emotion.sources.missing import check_root
from batch_emotion.training.decoding import Decoded, decode_all
from batch_emotion.training.near_duplicates import groups_of, near_duplicates
from batch_emotion.training.pixels import LabelledPixels
from batch_emotion.training.progress import wrapped
from batch_emotion.training.splitting import folds, put_aside

_MANY = 0.05
"""The part of the validation images with a near-duplicate in training from which on there is a warning."""

_MUCH = 0.1
"""By how much more than the fraction may be put aside, as groups are not cut, before there is a warning."""


@dataclass(frozen=True)
class Sides:
    """Decoded images on their sides.

    Attributes:
        images: N decoded images.
        learned: the rows to train on.
        judged: the rows to judge by; all of them where there are folds.
        folds: the fold of each image; None where one part is put aside.
        groups: the person, video or session of each image to judge by; None where that is not known.
        repeated: of each image to judge by, whether the same pixels are among those to train on, or in another fold.
        near_duplicates: how many images to judge by have a near-duplicate there.
        unusable: the images that could not be decoded, (path, status).
    """

    images: LabelledPixels
    learned: NDArray[np.int64]
    judged: NDArray[np.int64]
    folds: NDArray[np.int64] | None
    groups: NDArray[np.int64] | None
    repeated: NDArray[np.bool_]
    near_duplicates: int
    unusable: list[tuple[str, str]]


@dataclass(frozen=True)
class TrainingData:
    """Labelled images before they are decoded.

    Attributes:
        training: the images to train on, and where ``validation`` is None also those to judge by.
        validation: images to judge by that were given as such.
        split: how images are put aside where none were given.
        seed: what that is drawn from.
        groups: the groups of the training images.
        validation_groups: those of the validation images.
    """

    training: LabelledPlan
    validation: LabelledPlan | None
    split: SplitOptions
    seed: int
    groups: Groups | None
    validation_groups: Groups | None

    @property
    def class_names(self) -> tuple[str, ...]:
        """The classes, in the order of the targets."""
        return self.training.class_names

    @cached_property
    def images_to_train_on(self) -> int:
        """About how many images a network learns from."""
        folds = self.split.folds
        share = (1 - 1 / folds if folds else 1 - self.split.fraction) if self.validation is None else 1.0
        return round(len(self.training) * share)

    def identity(self) -> dict[str, Any]:
        """What tells this data, its labels and its split from others, as JSON; earlier versions had no ``labels``."""
        sides = [self.training] if self.validation is None else [self.training, self.validation]
        labels = hashlib.sha256(b"".join(side.targets.tobytes() for side in sides)).hexdigest()
        return {"labels": labels, **self._sides_identity()}

    def _sides_identity(self) -> dict[str, Any]:
        if self.validation is not None:
            return {"training": self.training.plan.digest, "validation": self.validation.plan.digest}
        if self.split.folds or self.split.group_duplicates:
            split = {"folds": self.split.folds, "group_duplicates": self.split.group_duplicates or None}
            fraction = None if self.split.folds else self.split.fraction
            groups = None if self.groups is None else self.groups.names
            return {"training": self.training.plan.digest, "validation_split": fraction, "groups": groups, **split}
        parts = self._parts(None if self.groups is None else self.groups.numbers)
        sides = [self.training.take(np.flatnonzero(parts == side)).plan.digest for side in (0, 1)]
        return dict(zip(("training", "validation"), sides, strict=True))

    def validation_in_words(self, data: Path | GivenTable, validation: Path | GivenTable | None) -> str:
        """Where the images to judge by come from, as a card says it: from ``data``, or from elsewhere."""
        if self.validation is not None:
            return evaluation_folder(data).name if validation is None else validation.name
        return f"folds {self.split.folds}" if self.split.folds else f"split {self.split.fraction:g}"

    def groups_on_card(self) -> dict[str, Any] | None:
        """What is kept on one side, and how many of it there are; None where that is not known."""
        if self.groups is None:
            return {"by": "group of near-duplicates", "count": None} if self.split.group_duplicates else None
        by = self.split.group_column or "group by the paths"
        return {"by": by, "count": self.groups.count}

    def tell(self, log: Callable[[str], None]) -> None:
        """Say what there is to train on, and what is missing or left out."""
        counts = self.training.counts
        log(wrapped(f"{len(counts)} classes in {len(self.training):,} images: {_counted(counts)}"))
        for line in self.training.remarks():
            log(wrapped(line))
        if misspelt := misspelt_line(counts):
            log(wrapped(misspelt))
        single = [name for name, count in counts.items() if count == 1]
        if single:
            log(f"warning: only one image to train on: {', '.join(single)}")
        if self.validation is not None:
            for line in self.validation.remarks():
                log(wrapped(f"validation: {line}"))
            lacking = [name for name, count in self.validation.counts.items() if not count]
            if lacking:
                log(f"warning: no images to validate on: {', '.join(lacking)}")
        if self.groups is not None and self.groups.without:
            log(f"{self.groups.without:,} images without a group are kept as groups of their own")
        if self.groups is not None and self.validation_groups is not None:
            shared = set(filter(None, self.groups.names)) & set(filter(None, self.validation_groups.names))
            if shared:
                log(f"warning: {_groups(len(shared))} on both sides, such as {min(shared)}; the figures flatter")

    def prepare(self, spec: InputSpec, limits: Limits, work: Path, log: Callable[[str], None]) -> Sides:
        """Decode the images and put each on its side.

        Raises:
            BatchEmotionError: too little could be decoded.
        """
        plans = [self.training, *([self.validation] if self.validation is not None else [])]
        decoded = decode_all([each.plan for each in plans], spec, limits, work / "pixels")
        for line in decoded.unusable_lines():
            log(line)
        targets = np.concatenate([each.targets[rows] for each, rows in zip(plans, decoded.rows, strict=True)])
        images = LabelledPixels(decoded.pixels, targets)
        pairs = near_duplicates(decoded.pixels)
        numbers = self._group_numbers(decoded, pairs)
        if self.validation is None:
            side = self._parts(numbers)[decoded.rows[0]]
            numbers = None if numbers is None else numbers[decoded.rows[0]]
        else:
            side = np.repeat([0, 1], [len(rows) for rows in decoded.rows])
        crossed = self.split.folds is not None
        judged = np.arange(len(side)) if crossed else np.flatnonzero(side == 1)
        learned = judged if crossed else np.flatnonzero(side == 0)
        if not len(learned) or not len(judged):
            raise BatchEmotionError("no image could be decoded on one side, training or validation; look at the data")
        near = self._on_other_sides(pairs, side)[judged]
        sides = Sides(
            images,
            learned,
            judged,
            side if crossed else None,
            self._judged_groups(numbers, decoded, judged),
            _repeated(images, side)[judged],
            int(near.sum()),
            decoded.unusable,
        )
        self._tell_sides(sides, log)
        return sides

    def _parts(self, groups: NDArray[np.int64] | None) -> NDArray[np.int64]:
        """The fold of each training image; without folds 1 for those put aside and 0 for the others."""
        classes = self.training.targets.argmax(axis=1)
        if self.split.folds is not None:
            return folds(classes, self.class_names, self.split.folds, self.seed, groups)
        return put_aside(classes, self.class_names, self.split.fraction, self.seed, groups).astype(np.int64)

    def _group_numbers(self, decoded: Decoded, pairs: NDArray[np.int64]) -> NDArray[np.int64] | None:
        """The groups of the training plan's rows, near-duplicates with them where that is asked for."""
        numbers = None if self.groups is None else self.groups.numbers
        if not self.split.group_duplicates or self.validation is not None:
            return numbers
        return groups_of(decoded.rows[0][pairs], len(self.training), numbers)

    def _judged_groups(
        self, numbers: NDArray[np.int64] | None, decoded: Decoded, judged: NDArray[np.int64]
    ) -> NDArray[np.int64] | None:
        if self.validation is None:
            return None if numbers is None else numbers[judged]
        return None if self.validation_groups is None else self.validation_groups.numbers[decoded.rows[1]]

    def _on_other_sides(self, pairs: NDArray[np.int64], side: NDArray[np.int64]) -> NDArray[np.bool_]:
        found = np.zeros(len(side), bool)
        crossing = pairs[side[pairs[:, 0]] != side[pairs[:, 1]]]
        found[crossing.ravel()] = True
        return found

    def _tell_sides(self, sides: Sides, log: Callable[[str], None]) -> None:
        judged = len(sides.judged)
        groups = "" if sides.groups is None else f" of {_groups(len(np.unique(sides.groups)))}"
        if sides.folds is not None:
            log(f"{judged:,} images{groups} in {self.split.folds} folds")
        else:
            log(f"{len(sides.learned):,} images to train on, {judged:,} images{groups} to validate on")
            self._tell_large_groups(len(sides.learned) + judged, judged, log)
        share = sides.near_duplicates / judged
        if not sides.near_duplicates:
            return
        other = "in another fold" if sides.folds is not None else "in training"
        log(f"{sides.near_duplicates:,} of {judged:,} validation images have a near-duplicate {other}")
        if share >= _MANY:
            log(wrapped(f"warning: {share:.0%} near-duplicates make the figures flatter: {self._remedy()}"))

    def _tell_large_groups(self, images: int, judged: int, log: Callable[[str], None]) -> None:
        share = judged / images
        if self.validation is None and share > self.split.fraction + _MUCH:
            wanted = f"{self.split.fraction:.0%}"
            log(f"warning: the groups are so large that {share:.0%} are put aside, not {wanted}")

    def _remedy(self) -> str:
        if self.validation is not None:
            return "take them out of one side"
        if self.split.has_groups:
            return "give `group_duplicates` to keep them on one side"
        return (
            "give `group_duplicates` to keep them on one side, or better `group_column` or `group_regex` "
            "to keep each person, video or session together"
        )


def read_training_data(options: TrainOptions) -> TrainingData:
    """Read the images, their labels and their groups, without opening an image.

    Raises:
        UsageError: the data make no sense, or do not go with the options.
    """
    check_root(options.labels.source.root)
    training, validation = labelled_splits(options.data, options.class_names, options.labels)
    if options.validation is not None:
        validation = read_labelled(options.validation, training.class_names, options.labels, absent_ok=True)
    if validation is not None and options.split.folds is not None:
        raise UsageError(f"`folds` needs all images in one place, but {options.data} has a validation folder")
    _check_split(options, has_validation=validation is not None)
    groups = groups_of_images(training, options.split)
    validation_groups = None if validation is None else groups_of_images(validation, options.split)
    return TrainingData(training, validation, options.split, options.recipe.seed, groups, validation_groups)


def _check_split(options: TrainOptions, has_validation: bool) -> None:
    """Refuse what is asked of a part put aside where none is."""
    split = options.split
    has_fraction = split.fraction != SplitOptions().fraction
    if split.folds is not None and has_fraction:
        raise UsageError("with `folds` every image is validated on once; leave `split.fraction` out")
    for name, is_given in (("split.fraction", has_fraction), ("group_duplicates", split.group_duplicates)):
        if has_validation and is_given:
            where = "`validation` names" if options.validation is not None else f"{options.data} has a folder of"
            raise UsageError(f"`{name}` is about images put aside, but {where} those to validate on; leave it out")


def _repeated(images: LabelledPixels, side: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Of each image, whether the same pixels are on another side."""
    _, numbers = np.unique(pixel_digests(images.pixels), return_inverse=True)
    low, high = np.full(len(side), np.iinfo(np.int64).max), np.full(len(side), -1)
    np.minimum.at(low, numbers, side)
    np.maximum.at(high, numbers, side)
    return np.asarray((low != high)[numbers], bool)


def _counted(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counts.items())


def _groups(count: int) -> str:
    return f"{count:,} group{'' if count == 1 else 's'}"
