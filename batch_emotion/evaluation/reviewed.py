"""What the labels of a review say of a whole result: most of its images were chosen for being hard."""

from __future__ import annotations

from pathlib import Path
from typing import TypedDict

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from batch_emotion.evaluation.gathered import Gathered
from batch_emotion.frames import GivenTable
from batch_emotion.labels.matching import PathMatcher
from batch_emotion.labels.repeats import absolute_locations
from batch_emotion.options.evaluate import EvaluateOptions
from batch_emotion.sources.manifest import read_manifest
from batch_emotion.visualization.html import percent, percent_range

FEWEST = 30
"""The fewest answers to images drawn by chance that are enough to tell the accuracy by."""

_REASONS = ("unsure", "label", "models", "chance")
_SPREAD = 1.96
_NONE = 1e-12  # what rounding leaves of a variance of 0


class ReviewedAccuracy(TypedDict):
    """The accuracy on all that a review chose from, by the weights of its answers, with a 95 % interval."""

    manifest: str
    answers: int
    by_chance: int
    stand_for: int
    accuracy: float
    interval: tuple[float, float]


def reviewed_accuracy(gathered: Gathered, options: EvaluateOptions) -> ReviewedAccuracy | None:
    """The accuracy by the manifest of a review; None where the labels are from elsewhere, or it has too few answers.

    The estimate is the ratio of two totals in a stratified sample, and its variance that of the linearized ratio
    (Cochran, Sampling Techniques, 1977, sections 5 and 6). The interval is Wilson's, for as many independent answers as
    would have this variance (Korn and Graubard, Survey Methodology 24, 1998); where all that were drawn by chance are
    right, or wrong, that is none, and the variance is that of a share in a sample of this size.

    Args:
        gathered: the images, with the labels of the manifest.
        options: which manifest it is, and how it is read.
    """
    manifest = options.data if options.labels is None else options.labels
    if isinstance(manifest, str):
        manifest = Path(manifest)
    if isinstance(manifest, Path) and (not manifest.is_file() or manifest.suffix.lower() != ".csv"):
        return None
    if isinstance(manifest, GivenTable) and options.path_column not in manifest.table.column_names:
        return None
    paths, columns = read_manifest(manifest, options.path_column, options.encoding, options.delimiter)
    if not {"weight", "chosen"} <= set(columns.column_names) or not _is_review(columns["chosen"]):
        return None
    try:
        weights = columns["weight"].cast(pa.float64()).to_numpy()
    except pa.ArrowInvalid:
        return None
    listed = paths.combine_chunks()
    locations = absolute_locations(listed, manifest.parent)
    images = gathered.plan.images["location"].combine_chunks()
    found = PathMatcher(images, Path(), [(listed, locations)]).rows(listed, locations)
    rows = pc.fill_null(found, -1).to_numpy()
    judged = (rows >= 0) & gathered.judged[rows]
    right = judged & (gathered.predicted[rows] == gathered.classes[rows])
    by_chance = pc.equal(columns["chosen"], "chance").to_numpy()
    total = float((weights * judged).sum())
    enough = min(FEWEST, weights[by_chance].sum())
    if not total or not by_chance.any() or by_chance.sum() < enough:
        return None
    accuracy = float((weights * right).sum()) / total
    off = np.where(judged, right - accuracy, 0.0)
    size_of_all, variance, unit = float(weights.sum()), 0.0, 0.0
    for stratum in (by_chance, ~by_chance):
        count, size = int(stratum.sum()), float(weights[stratum].sum())
        if count > 1:
            left = size**2 * max(0.0, 1 / count - 1 / size)
            variance += left * float(off[stratum].var(ddof=1)) / total**2
            unit += left / size_of_all**2
    each = variance / (accuracy * (1 - accuracy)) if variance > _NONE else unit
    return {
        "manifest": manifest.name,
        "answers": len(weights),
        "by_chance": int(by_chance.sum()),
        "stand_for": round(size_of_all),
        "accuracy": round(accuracy, 6),
        "interval": _wilson(accuracy, each),
    }


def _wilson(share: float, one_over_n: float) -> tuple[float, float]:
    """Wilson's score interval of a share in a sample of n."""
    z = _SPREAD**2 * one_over_n
    half = (z * share * (1 - share) + (z / 2) ** 2) ** 0.5
    return round((share + z / 2 - half) / (1 + z), 6), round((share + z / 2 + half) / (1 + z), 6)


def reviewed_sentence(reviewed: ReviewedAccuracy | None) -> str:
    """What it says, for people; empty where there is nothing to say."""
    if reviewed is None:
        return ""
    return (
        f"These images are those of a review, most of them chosen for being hard. By the weights of its answers, "
        f"accuracy on all {reviewed['stand_for']:,} images is {percent(reviewed['accuracy'])} "
        f"({percent_range(reviewed['interval'])})."
    )


def _is_review(chosen: pa.ChunkedArray) -> bool:
    return pa.types.is_string(chosen.type) and set(chosen.unique().to_pylist()) <= set(_REASONS)
