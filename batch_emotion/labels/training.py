"""Training and test data to a plan with a target for every image: folders per class, or a manifest with labels."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from batch_emotion.errors import SourceError
from batch_emotion.labels.reading import LabelReader, label_column_hint
from batch_emotion.options.train import LabelOptions
from batch_emotion.plan import Plan
from batch_emotion.sources.folder import is_archive
from batch_emotion.sources.planning import make_plan, plan_file

TRAIN_FOLDERS = ("train", "training")
VALIDATION_FOLDERS = ("val", "valid", "validation", "test")


@dataclass(frozen=True)
class LabelledPlan:
    """Images and what they show.

    Attributes:
        plan: N images.
        targets: float32 (N, K), each row summing to 1; one-hot where there is one label.
        ignored: how many images had a label outside the classes, by that label; ``""`` where they had none.
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


def labelled_splits(
    data: Path, class_names: Sequence[str], options: LabelOptions | None = None
) -> tuple[LabelledPlan, LabelledPlan | None]:
    """Read DATA as ``train`` takes it; the second plan is there where DATA has a validation folder of its own.

    Raises:
        SourceError: no images of the classes are there, or DATA has none of the known layouts.
    """
    if data.is_dir():
        train = _subfolder(data, TRAIN_FOLDERS)
        validation = _subfolder(data, VALIDATION_FOLDERS)
        if train is not None:
            held_out = read_labelled(validation, class_names, options) if validation else None
            return read_labelled(train, class_names, options), held_out
    return read_labelled(data, class_names, options), None


def evaluation_folder(data: Path) -> Path:
    """The part of DATA to evaluate on: its validation folder where it has training and validation folders, else all."""
    if data.is_dir() and _subfolder(data, TRAIN_FOLDERS) is not None:
        return _subfolder(data, VALIDATION_FOLDERS) or data
    return data


def read_labelled(
    data: Path, class_names: Sequence[str], options: LabelOptions | None = None, absent_ok: bool = False
) -> LabelledPlan:
    """Read one folder per class, an archive of such, or a manifest; labels and names are read by a ``LabelReader``.

    A manifest has a column ``label``, or votes: a column for every class, named like it, that holds how many people
    chose the class or how likely it is. Images with no vote for any of the classes are left out.

    Args:
        data: the folder, archive, table of images or manifest.
        class_names: the classes, in the order of the targets.
        options: which columns of a manifest hold its labels, and what labels mean.
        absent_ok: a class may be without images.

    Raises:
        SourceError: no images of the classes are there, or the manifest has neither labels nor votes.
    """
    options = options or LabelOptions()
    reader = LabelReader(class_names, options.map_labels)
    if data.is_dir():
        plan = make_plan([str(data)])
        skip = len(Path(data).parts)
        folders = reader.read_names(_class_of(path, skip) for path in plan.images["path"].to_pylist())
        targets, ignored = _one_hot(folders, class_names)
    else:
        if not data.is_file():
            raise SourceError(f"no such file or directory: {data}")
        plan = plan_file(data, replace(options.source, label_column=None))
        if is_archive(data.name) and not plan.attributes.column_names:
            folders = reader.read_names(map(_folder_of, plan.images["path"].to_pylist()))
            targets, ignored = _one_hot(folders, class_names)
        else:
            targets, ignored = _manifest_targets(data, plan.attributes, reader, options)
    chosen = np.flatnonzero(targets.sum(axis=1) > 0)
    labelled = LabelledPlan(plan, targets, ignored).take(chosen)
    absent = [name for name, total in zip(class_names, labelled.targets.sum(axis=0), strict=True) if not total]
    if absent and (len(absent) == len(class_names) or not absent_ok):
        raise SourceError(
            f"{data} has no images of: {', '.join(absent)}; choose the classes there are with `class_names`"
            f"{_hint_on_labels(ignored)}"
        )
    return labelled


def _hint_on_labels(ignored: dict[str, int]) -> str:
    others = sorted(filter(None, ignored))
    if not others:
        return ""
    shown = f"{', '.join(others[:8])}{', …' if len(others) > 8 else ''}"
    return f", or say with `map_labels` which class a label means; the others are: {shown}"


def _manifest_targets(
    manifest: Path, attributes: pa.Table, reader: LabelReader, options: LabelOptions
) -> tuple[NDArray[np.float32], dict[str, int]]:
    class_names, label_weight = reader.class_names, options.label_weight
    labels = _label_column(manifest, attributes, options.source.label_column)
    has_votes = set(class_names) <= set(reader.read_names(attributes.column_names))
    if labels is None and not has_votes:
        found = ", ".join(attributes.column_names) or "none"
        raise SourceError(
            f"the manifest {manifest} has neither a column 'label' nor one for each class; "
            f"beside the path it has: {found}{label_column_hint(attributes, reader)}"
        )
    if label_weight and not (has_votes and labels is not None):
        raise SourceError(f"`label_weight` needs both votes and labels, but {manifest} has only one of them")
    if labels is not None and (not has_votes or (options.source.label_column and not label_weight)):
        return _one_hot(_texts(labels, reader), class_names)
    try:
        votes = _votes(attributes, reader)
    except pa.ArrowInvalid as error:
        raise SourceError(f"the votes in {manifest} are not all numbers: {error}") from None
    if not (np.isfinite(votes).all() and (votes >= 0).all()):
        raise SourceError(f"the votes in {manifest} must be numbers of 0 and more, without gaps")
    total = votes.sum(axis=1, keepdims=True)
    targets = np.divide(votes, total, out=np.zeros_like(votes), where=total > 0)
    if label_weight:
        of_labels, _ = _one_hot(_texts(labels, reader), class_names)
        label_share = label_weight * of_labels.sum(axis=1, keepdims=True)
        label_share[(total == 0) & (label_share > 0)] = 1
        targets = (1 - label_share) * targets + label_share * of_labels
    unknown = int((targets.sum(axis=1) == 0).sum())
    return targets, {"": unknown} if unknown else {}


def _label_column(manifest: Path, attributes: pa.Table, wanted: str | None) -> pa.ChunkedArray | None:
    """The column of labels: the one that is wanted, else ``label`` in any case; None where there is none."""
    if wanted is None:
        found = [name for name in attributes.column_names if name.strip().lower() == "label"]
    elif wanted in attributes.column_names:
        found = [wanted]
    else:
        columns = ", ".join(attributes.column_names) or "none"
        raise SourceError(
            f"`label_column`: the manifest {manifest} has no column {wanted!r}; beside the path it has: {columns}"
        )
    return attributes[found[0]] if found else None


def _texts(labels: pa.ChunkedArray, reader: LabelReader) -> list[str]:
    return [label or "" for label in reader.read(labels).to_pylist()]


def _votes(attributes: pa.Table, reader: LabelReader) -> NDArray[np.float32]:
    """The votes for each class, float32 (N, K): of the column named like it, else of those that mean it, added up."""
    names = dict(zip(attributes.column_names, reader.read_names(attributes.column_names), strict=True))
    votes = np.zeros((len(attributes), len(reader.class_names)), np.float32)
    for at, wanted in enumerate(reader.class_names):
        columns = [column for column, name in names.items() if name == wanted]
        exact = [column for column in columns if column.strip().lower() == wanted]
        for column in exact or columns:
            votes[:, at] += attributes[column].cast(pa.float32()).to_numpy()
    return votes


def _one_hot(labels: Sequence[str], class_names: Sequence[str]) -> tuple[NDArray[np.float32], dict[str, int]]:
    """One-hot targets, zero for labels outside the classes, and how often each of those occurs."""
    order = {name: number for number, name in enumerate(class_names)}
    rows = np.vstack([np.eye(len(class_names), dtype=np.float32), np.zeros(len(class_names), np.float32)])
    targets = rows[[order.get(label, len(class_names)) for label in labels]]
    return targets, dict(Counter(label for label in labels if label not in order))


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
    return parts[0] if len(parts) > 1 else ""


def _folder_of(path: str) -> str:
    """The folder that an image lies in, in an archive; its name says the class."""
    return path.rpartition("/")[0].rpartition("/")[2]


def _subfolder(data: Path, names: Sequence[str]) -> Path | None:
    folders = {entry.name.lower(): Path(entry.path) for entry in os.scandir(data) if entry.is_dir()}
    return next((folders[name] for name in names if name in folders), None)
