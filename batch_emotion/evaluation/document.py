"""The content of ``evaluation.json``: every score, with and without images that are in the training data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Literal, NotRequired, TypedDict

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from batch_emotion._version import __version__
from batch_emotion.errors import BatchEmotionError
from batch_emotion.evaluation.gathered import EvaluatedModel, Gathered
from batch_emotion.evaluation.grouping import check_columns, cluster_numbers, scores_by_column
from batch_emotion.evaluation.reviewed import ReviewedAccuracy
from batch_emotion.evaluation.rows import ListedRows
from batch_emotion.labels.matching import PathMatcher
from batch_emotion.labels.reading import LabelReader, left_out_line
from batch_emotion.labels.votes import Votes
from batch_emotion.metrics.calibration import BINS, calibration_bins
from batch_emotion.metrics.groups import GroupedScores
from batch_emotion.metrics.measuring import LEVEL, RESAMPLES, agreement, measure
from batch_emotion.metrics.scores import Agreement, ReliabilityBin, Scores
from batch_emotion.model.card_metrics import AgreementWithVotes, LeftOut, Majorities
from batch_emotion.records import Status
from batch_emotion.results.run_document import ClassPriorRecord

FORMAT_VERSION = 2
"""2 has ``label`` and ``predicted`` where 1 has ``truth`` and ``said``."""
MOST_MISTAKES = 30
_MOST_LABELS = 10


class EvaluatedData(TypedDict):
    """What was evaluated on: ``judged`` are the images of the model's classes that could be scored.

    ``repeats`` is how many rows list an image again, ``disputed`` how many images have different labels and are left
    out, with an example; evaluations of earlier versions do not say.
    """

    name: str
    kind: str
    plan: str
    images: int
    judged: int
    unlabelled: int
    not_scored: dict[str, int]
    repeats: NotRequired[int]
    disputed: NotRequired[int]
    disputed_example: NotRequired[str]


class Method(TypedDict):
    """How the scores and their intervals were computed: over resampled images, or clusters of them by a column."""

    level: float
    resamples: int
    seed: int
    ece_bins: int
    cluster: str | None
    clusters: int | None


class InTraining(TypedDict):
    """How many judged images are in the training data too; None where that is not known, for a reason."""

    images: int | None
    reason: NotRequired[str]


class Mistake(TypedDict):
    """An image whose predicted class is not its label; ``people`` is what a clear majority of people chose."""

    index: int
    path: str
    label: str
    predicted: str
    confidence: float
    people: str | None


class Evaluation(TypedDict):
    """The content of ``evaluation.json``; ``class_prior`` is the mix that the probabilities hold for, where told.

    ``reviewed`` is there where the labels are those of a review.
    """

    format_version: int
    tool: str
    made: str
    data: EvaluatedData
    model: EvaluatedModel
    method: Method
    in_training: InTraining
    all: Scores
    without_duplicates: Scores | None
    agreement: AgreementWithVotes | None
    groups: list[GroupedScores]
    left_out: dict[str, LeftOut]
    class_prior: ClassPriorRecord | None
    mean_confidence: float | None
    reliability: list[ReliabilityBin]
    mistakes: list[Mistake]
    reviewed: NotRequired[ReviewedAccuracy]


Side = Literal["all", "without_duplicates"]
SIDES: tuple[Side, ...] = ("all", "without_duplicates")


def evaluation_document(
    gathered: Gathered,
    votes: Votes | None = None,
    votes_name: str = "",
    seed: int = 0,
    group_by: Sequence[str] = (),
    cluster: str | None = None,
) -> Evaluation:
    """Compute every score of what was gathered.

    Args:
        gathered: the images.
        votes: of people on the images, where there are any.
        votes_name: what the votes are called.
        seed: random seed of the bootstrap.
        group_by: columns whose values are measured apart.
        cluster: a column whose values are resampled, not images.

    Raises:
        UsageError: a column is not there, or has too many values.
        BatchEmotionError: no image of the model's classes could be scored.
    """
    check_columns(gathered.columns, gathered.tables, group_by, cluster)
    names, predicted, labels = gathered.class_names, gathered.predicted, gathered.classes
    scored, judged = gathered.scored, gathered.judged
    if not scored.any():
        raise BatchEmotionError(f"none of {len(scored):,} images could be scored: {_counted(gathered.statuses)}")
    if not judged.any():
        raise BatchEmotionError(
            f"no image of the classes {', '.join(names)} could be scored; the labels are: {_shown(gathered.labels)}; "
            "`map_labels` says which class a label means"
        )
    known = gathered.in_training
    clusters = cluster_numbers(gathered, cluster)
    fresh = np.zeros_like(judged) if known is None else ~known
    bins = calibration_bins(gathered.probabilities[judged], labels[judged])
    majority, majorities = (None, None) if votes is None else _majorities(gathered, votes)

    def scores(rows: NDArray[np.bool_]) -> Scores:
        of_rows = None if clusters is None else clusters[rows]
        return measure(gathered.probabilities[rows], labels[rows], names, RESAMPLES, seed, of_rows)

    def with_people(rows: NDArray[np.bool_], chosen: NDArray[np.int64]) -> Agreement:
        rows = rows & (chosen >= 0)
        of_rows = None if clusters is None else clusters[rows]
        return agreement(predicted[rows], labels[rows], chosen[rows], names, seed, of_rows)

    with_votes: AgreementWithVotes | None = None
    if majority is not None and majorities is not None:
        with_votes = {
            "votes": votes_name,
            **majorities,
            "all": with_people(scored, majority),
            "without_duplicates": None if known is None else with_people(scored & fresh, majority),
        }
    not_scored = Counter(status for status in gathered.statuses if status != Status.OK)
    return {
        "format_version": FORMAT_VERSION,
        "tool": f"batch-emotion {__version__}",
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "data": {
            "name": gathered.data_name,
            "kind": gathered.data_kind,
            "plan": gathered.plan.digest,
            "images": len(gathered.plan),
            "judged": int(judged.sum()),
            "unlabelled": gathered.unlabelled,
            "not_scored": dict(not_scored.most_common()),
            "repeats": gathered.repeats.rows,
            "disputed": gathered.repeats.images,
            "disputed_example": gathered.repeats.example,
        },
        "model": gathered.model,
        "method": {
            "level": LEVEL,
            "resamples": RESAMPLES,
            "seed": seed,
            "ece_bins": BINS,
            "cluster": cluster,
            "clusters": None if clusters is None else len(np.unique(clusters[judged])),
        },
        "in_training": {"images": None, "reason": gathered.unknown_training}
        if known is None
        else {"images": int((judged & known).sum())},
        "all": scores(judged),
        "without_duplicates": scores(judged & fresh) if (judged & fresh).any() else None,
        "agreement": with_votes,
        "groups": [scores_by_column(gathered, column, clusters, seed) for column in group_by],
        "left_out": _left_out(gathered, scored & (labels < 0)),
        "class_prior": gathered.class_prior,
        "mean_confidence": bins.mean_confidence,
        "reliability": bins.reliability(),
        "mistakes": _mistakes(gathered, ListedRows.of(gathered).mistakes[:MOST_MISTAKES], majority),
    }


def head_side(evaluation: Evaluation) -> Side:
    """Which scores tell how good the model is on new images: those without images of the training data, if there are.

    Where none were found both are the same, and where all were there are no others than those of all images.
    """
    some = evaluation["in_training"]["images"] and evaluation["without_duplicates"]
    return "without_duplicates" if some else "all"


def training_remark(evaluation: Evaluation) -> str:
    """What to think of scores of images that are in the training data; empty where none are, or it is not known."""
    known, images = evaluation["in_training"]["images"], evaluation["all"]["images"]
    if not known:
        return ""
    if known == images:
        return f"All {images:,} images are in the training data, so no score tells how good the model is on new ones."
    are = "is" if known == 1 else "are"
    left_out = ", and left out of the groups" if evaluation["groups"] else ""
    return (
        f"{known:,} of the {images:,} images {are} in the training data too, pixel for pixel{left_out}: the scores "
        "without duplicates tell how good the model is on new images."
    )


def _shown(labels: Sequence[str]) -> str:
    counts = Counter(filter(None, labels)).most_common()
    shown = ", ".join(f"{label} ({count:,})" for label, count in counts[:_MOST_LABELS])
    return f"{shown}, …" if len(counts) > _MOST_LABELS else shown or "none"


def _counted(statuses: Sequence[str]) -> str:
    return ", ".join(f"{count:,} {status}" for status, count in Counter(statuses).most_common())


def left_out_alarm(evaluation: Evaluation) -> str:
    """A loud line on the images whose labels are none of the model's classes; empty without such."""
    known = LabelReader(evaluation["model"].get("not_asked", ()))
    others = {label: each["images"] for label, each in evaluation["left_out"].items()}
    images = evaluation["data"]["judged"] + sum(others.values())
    others = {label: count for label, count in others.items() if known.class_of(label) is None}
    return left_out_line(others, images, evaluation["model"]["class_names"], unit="labelled images")


def _majorities(gathered: Gathered, votes: Votes) -> tuple[NDArray[np.int64], Majorities]:
    """The class of each image's clear majority, -1 where there is none among the model's, and how many were found."""
    number = {name: at for at, name in enumerate(gathered.class_names)}
    images = [gathered.plan.images[name].combine_chunks() for name in ("path", "location")]
    often = Counter(votes.files)
    files = pa.array([file if often[file] == 1 else "" for file in votes.files], pa.string())
    matcher = PathMatcher(files, votes.folder, [(images[0], images[1])])
    rows = matcher.rows(images[0], images[1]).to_pylist()
    clear = [number.get(choice, -1) for choice in votes.clear_majorities()]
    majority = np.array([-1 if row is None else clear[row] for row in rows], np.int64)
    return majority, {
        "matched": len(rows) - rows.count(None),
        "unmatched": rows.count(None),
        "matched_by_parts": {way: count for way, count in matcher.counts.items() if count},
    }


def _left_out(gathered: Gathered, rows: NDArray[np.bool_]) -> dict[str, LeftOut]:
    """The predictions of images whose label the model lacks, by that label."""
    labels = np.array(gathered.labels, object)
    left_out: dict[str, LeftOut] = {}
    for label in sorted(set(labels[rows]) - {""}):
        probabilities = gathered.probabilities[rows & (labels == label)]
        predicted = np.bincount(probabilities.argmax(axis=1), minlength=len(gathered.class_names))
        left_out[label] = {
            "images": len(probabilities),
            "mean_confidence": round(float(probabilities.max(axis=1).mean()), 6),
            "predicted": dict(zip(gathered.class_names, predicted.tolist(), strict=True)),
        }
    return left_out


def _mistakes(gathered: Gathered, rows: NDArray[np.int64], majority: NDArray[np.int64] | None) -> list[Mistake]:
    predicted, confidence = gathered.predicted, gathered.probabilities.max(axis=1)
    paths, names = gathered.plan.images["path"], gathered.class_names
    return [
        {
            "index": int(row),
            "path": paths[int(row)].as_py(),
            "label": names[gathered.classes[row]],
            "predicted": names[predicted[row]],
            "confidence": round(float(confidence[row]), 6),
            "people": None if majority is None or majority[row] < 0 else names[majority[row]],
        }
        for row in rows
    ]
