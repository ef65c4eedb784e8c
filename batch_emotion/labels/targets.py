"""The targets of a manifest: what its labels or its votes say of each image."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from batch_emotion.columns import find_column, lacks_column
from batch_emotion.errors import SourceError
from batch_emotion.frames import GivenTable
from batch_emotion.labels.class_names import COMMON_EMOTIONS
from batch_emotion.labels.reading import LabelReader, label_column_hint
from batch_emotion.options.train import LabelOptions


def manifest_targets(
    manifest: Path | GivenTable, attributes: pa.Table, reader: LabelReader, options: LabelOptions
) -> tuple[NDArray[np.float32], dict[str, int], bool]:
    """The targets of N images by labels, votes or both.

    Args:
        manifest: what they are called in errors.
        attributes: its columns beside the path.
        reader: which reads labels and the names of columns as K classes.
        options: which column holds the labels, and how much they weigh beside votes.

    Returns:
        the targets, float32 (N, K), zero where an image has no class; how many have none, by what they have for it;
        and whether the targets are of votes.

    Raises:
        SourceError: there are neither labels nor votes, or not what the options ask for.
    """
    class_names, label_weight = reader.class_names, options.label_weight
    labels = label_column(manifest, attributes, options.source.label_column)
    has_votes = bool(class_names) and set(class_names) <= set(reader.read_names(attributes.column_names))
    if labels is None and not has_votes:
        found = ", ".join(attributes.column_names) or "none"
        raise SourceError(
            f"{_named(manifest)} has neither a column 'label' nor one for each class; "
            f"beside the path it has: {found}{label_column_hint(attributes, reader)}"
        )
    if label_weight and not (has_votes and labels is not None):
        raise SourceError(f"`label_weight` needs both votes and labels, but {manifest} has only one of them")
    if labels is not None and (not has_votes or (options.source.label_column and not label_weight)):
        return *one_hot(label_texts(labels, reader), class_names), False
    try:
        votes = _votes(attributes, reader)
    except pa.ArrowException as error:
        raise SourceError(f"the votes in {manifest} are not all numbers: {error}") from None
    if not (np.isfinite(votes).all() and (votes >= 0).all()):
        raise SourceError(f"the votes in {manifest} must be numbers of 0 and more, without gaps")
    total = votes.sum(axis=1, keepdims=True)
    targets = np.divide(votes, total, out=np.zeros_like(votes), where=total > 0).astype(np.float32)
    if label_weight:
        of_labels, _ = one_hot(label_texts(labels, reader), class_names)
        label_share = label_weight * of_labels.sum(axis=1, keepdims=True)
        label_share[(total == 0) & (label_share > 0)] = 1
        targets = (1 - label_share) * targets + label_share * of_labels
    unknown = int((targets.sum(axis=1) == 0).sum())
    return targets, {"": unknown} if unknown else {}, True


def _named(manifest: Path | GivenTable) -> str:
    return str(manifest) if isinstance(manifest, GivenTable) else f"the manifest {manifest}"


def label_column(manifest: Path | GivenTable, attributes: pa.Table, wanted: str | None) -> pa.ChunkedArray | None:
    """The column of labels: the one that is wanted, else ``label`` in any case; None where there is none."""
    if wanted is None:
        found = [name for name in attributes.column_names if name.strip().lower() == "label"]
    elif (named := find_column(attributes.column_names, wanted)) is not None:
        found = [named]
    else:
        raise SourceError(f"`label_column`: {lacks_column([_named(manifest)], wanted, attributes.column_names)}")
    return attributes[found[0]] if found else None


def label_texts(labels: pa.Array | pa.ChunkedArray, reader: LabelReader) -> list[str]:
    """Labels as class names where they mean one, else as cleaned text; empty where there is none."""
    return [label or "" for label in reader.read(labels).to_pylist()]


def _votes(attributes: pa.Table, reader: LabelReader) -> NDArray[np.float64]:
    """The votes for each class, float64 (N, K): of the column named like it, else of those that mean it, added up."""
    names = dict(zip(attributes.column_names, reader.read_names(attributes.column_names), strict=True))
    votes = np.zeros((len(attributes), len(reader.class_names)))
    for at, wanted in enumerate(reader.class_names):
        columns = [column for column, name in names.items() if name == wanted]
        exact = [column for column in columns if column.strip().lower() == wanted]
        for column in exact or columns:
            votes[:, at] += attributes[column].cast(pa.float64()).to_numpy()
    return votes


def one_hot(labels: Sequence[str], class_names: Sequence[str]) -> tuple[NDArray[np.float32], dict[str, int]]:
    """One-hot targets, zero for labels outside the classes, and how often each of those occurs."""
    order = {name: number for number, name in enumerate(class_names)}
    rows = np.vstack([np.eye(len(class_names), dtype=np.float32), np.zeros(len(class_names), np.float32)])
    targets = rows[[order.get(label, len(class_names)) for label in labels]]
    return targets, dict(Counter(label for label in labels if label not in order))


def other_votes(columns: Sequence[str], kept: Sequence[str], class_names: Sequence[str]) -> list[str]:
    """The classes, beside those that are kept, that a manifest's columns may hold votes for, and so may win.

    Args:
        columns: the manifest's.
        kept: the classes that are asked for.
        class_names: those of the model; the seven common emotions and contempt are classes too.
    """
    known = LabelReader(kept)
    every = dict.fromkeys((*class_names, *COMMON_EMOTIONS, "contempt"))
    others = [name for name in every if known.class_of(name) is None]
    found = LabelReader((*kept, *others)).read_names(columns)
    return [name for name in others if name in found]
