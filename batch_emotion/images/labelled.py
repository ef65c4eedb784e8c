"""Training and test data to a plan with a target for every image: folders per class, or a manifest with labels."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from batch_emotion.errors import SourceError
from batch_emotion.images.sources import SourceOptions, make_plan
from batch_emotion.records import Plan

TRAIN_FOLDERS = ("train", "training")
VALIDATION_FOLDERS = ("val", "valid", "validation", "test")


@dataclass(frozen=True)
class LabelledPlan:
    """Images and what they show.

    Attributes:
        plan: N images.
        targets: float32 (N, K), each row summing to 1; one-hot where there is one label.
        ignored: how many images had a label outside the classes, by that label.
    """

    plan: Plan
    targets: NDArray[np.float32]
    ignored: dict[str, int]

    def __len__(self) -> int:
        return len(self.targets)

    def take(self, rows: NDArray[np.int64]) -> LabelledPlan:
        """The images of these rows, in their order."""
        images = self.plan.images.take(pa.array(rows))
        images = images.set_column(0, "index", pa.array(range(len(rows)), pa.int64()))
        return LabelledPlan(Plan(images, self.plan.attributes.take(pa.array(rows))), self.targets[rows], self.ignored)


def labelled_splits(data: Path, class_names: Sequence[str]) -> tuple[LabelledPlan, LabelledPlan | None]:
    """Read DATA as ``train`` takes it; the second plan is there where DATA has a validation folder of its own.

    Raises:
        SourceError: no images of the classes are there, or DATA has none of the known layouts.
    """
    if data.is_dir():
        train = _subfolder(data, TRAIN_FOLDERS)
        validation = _subfolder(data, VALIDATION_FOLDERS)
        if train is not None:
            return read_labelled(train, class_names), read_labelled(validation, class_names) if validation else None
    return read_labelled(data, class_names), None


def evaluation_folder(data: Path) -> Path:
    """The part of DATA to evaluate on: its validation folder where it has training and validation folders, else all."""
    if data.is_dir() and _subfolder(data, TRAIN_FOLDERS) is not None:
        return _subfolder(data, VALIDATION_FOLDERS) or data
    return data


def read_labelled(data: Path, class_names: Sequence[str], absent_ok: bool = False) -> LabelledPlan:
    """Read one folder per class, in any case, or a manifest with the columns ``path`` and ``label``.

    Args:
        data: the folder or manifest.
        class_names: the classes, in the order of the targets.
        absent_ok: a class may be without images.

    Raises:
        SourceError: no images of the classes are there.
    """
    if data.is_dir():
        plan = make_plan([str(data)])
        skip = len(Path(data).parts)
        labels = [_class_of(path, skip) for path in plan.images["path"].to_pylist()]
    else:
        if not data.is_file():
            raise SourceError(f"no such file or directory: {data}")
        plan = make_plan([str(data)], SourceOptions())
        if "label" not in plan.attributes.column_names:
            found = ", ".join(plan.attributes.column_names) or "none"
            raise SourceError(f"the manifest {data} has no column 'label'; beside the path it has: {found}")
        labels = [str(label).strip().lower() for label in plan.attributes["label"].to_pylist()]
    order = {name: number for number, name in enumerate(class_names)}
    chosen = np.array([row for row, label in enumerate(labels) if label in order], np.int64)
    ignored: dict[str, int] = {}
    for label in labels:
        if label not in order:
            ignored[label] = ignored.get(label, 0) + 1
    targets = np.eye(len(class_names), dtype=np.float32)[[order.get(label, 0) for label in labels]]
    labelled = LabelledPlan(plan, targets, ignored).take(chosen)
    absent = [name for name, total in zip(class_names, labelled.targets.sum(axis=0), strict=True) if not total]
    if absent and (len(absent) == len(class_names) or not absent_ok):
        raise SourceError(f"{data} has no images of: {', '.join(absent)}; choose the classes there are with --classes")
    return labelled


def split(data: LabelledPlan, fraction: float, seed: int) -> tuple[LabelledPlan, LabelledPlan]:
    """Put ``fraction`` of every class aside for validation, at random by the seed.

    Raises:
        SourceError: a class has too few images for both sides.
    """
    classes = data.targets.argmax(axis=1)
    rng = np.random.default_rng(seed)
    aside = np.zeros(len(data), bool)
    for number in range(data.targets.shape[1]):
        rows = rng.permutation(np.flatnonzero(classes == number))
        count = max(1, round(len(rows) * fraction))
        if count >= len(rows):
            raise SourceError("a class has fewer than two images, too few to put some aside for validation")
        aside[rows[:count]] = True
    return data.take(np.flatnonzero(~aside)), data.take(np.flatnonzero(aside))


def _class_of(path: str, skip: int) -> str:
    parts = Path(path).parts[skip:]
    return parts[0].lower() if len(parts) > 1 else ""


def _subfolder(data: Path, names: Sequence[str]) -> Path | None:
    folders = {entry.name.lower(): Path(entry.path) for entry in os.scandir(data) if entry.is_dir()}
    return next((folders[name] for name in names if name in folders), None)
