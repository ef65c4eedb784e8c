"""The content of ``evaluation.json``: every figure, with and without images that stand in the training data."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from batch_emotion._version import __version__
from batch_emotion.errors import BatchEmotionError
from batch_emotion.evaluation.gathering import Gathered
from batch_emotion.labels.votes import Votes, match_tails
from batch_emotion.metrics import BINS, LEVEL, RESAMPLES, measure, proportion, reliability
from batch_emotion.records import Status

FORMAT_VERSION = 1
MOST_MISTAKES = 30


def evaluation_document(gathered: Gathered, votes: Votes | None, votes_name: str, seed: int) -> dict[str, Any]:
    """Judge all that was gathered; everything in the document is ready for JSON.

    Args:
        gathered: the images.
        votes: of people on the images, where there are any.
        votes_name: what the votes are called.
        seed: of the bootstrap.

    Raises:
        BatchEmotionError: no image of the model's classes could be scored.
    """
    number = {name: at for at, name in enumerate(gathered.class_names)}
    truth = np.array([number.get(label, -1) for label in gathered.labels], np.int64)
    scored = np.array([status == Status.OK for status in gathered.statuses])
    judged = scored & (truth >= 0)
    if not judged.any():
        raise BatchEmotionError(
            f"no image of the classes {', '.join(gathered.class_names)} could be scored; look at the data's labels"
        )
    fresh = None if gathered.in_training is None else ~gathered.in_training
    majority, majorities = (None, {}) if votes is None else _majorities(gathered, votes)

    def figures(rows: NDArray[np.bool_]) -> dict[str, Any] | None:
        if not rows.any():
            return None
        return measure(gathered.probabilities[rows], truth[rows], gathered.class_names, RESAMPLES, seed)

    def agreement(rows: NDArray[np.bool_]) -> dict[str, Any] | None:
        return None if majority is None else _agreement(gathered, majority, rows, seed)

    clear = scored if fresh is None else scored & fresh
    return {
        "format_version": FORMAT_VERSION,
        "tool": f"batch-emotion {__version__}",
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "data": gathered.data
        | {
            "plan": gathered.plan.digest,
            "images": len(gathered.plan),
            "judged": int(judged.sum()),
            "unlabelled": gathered.unlabelled,
            "not_scored": dict(Counter(status for status in gathered.statuses if status != Status.OK).most_common()),
        },
        "model": gathered.model,
        "method": {"level": LEVEL, "resamples": RESAMPLES, "seed": seed, "ece_bins": BINS},
        "in_training": {"images": int((judged & gathered.in_training).sum())}
        if gathered.in_training is not None
        else {"images": None, "reason": gathered.unknown_training},
        "all": figures(judged),
        "without_duplicates": None if fresh is None else figures(judged & fresh),
        "agreement": None
        if majority is None
        else {
            "votes": votes_name,
            **majorities,
            "all": agreement(scored),
            "without_duplicates": None if fresh is None else agreement(clear),
        },
        "left_out": _left_out(gathered, scored & (truth < 0)),
        "mean_confidence": round(float(gathered.probabilities[judged].max(axis=1).mean()), 6),
        "reliability": reliability(gathered.probabilities[judged], truth[judged]),
        "mistakes": _mistakes(gathered, truth, judged, majority),
    }


def _majorities(gathered: Gathered, votes: Votes) -> tuple[NDArray[np.int64], dict[str, Any]]:
    """The class of each image's clear majority, -1 where there is none among the model's, and how votes were found."""
    number = {name: at for at, name in enumerate(gathered.class_names)}
    rows, by_parts = match_tails(gathered.plan.images["path"].to_pylist(), votes.files)
    clear = [number.get(choice, -1) for choice in votes.clear_majorities()]
    majority = np.array([clear[row] if row >= 0 else -1 for row in rows], np.int64)
    return majority, {
        "matched": int((rows >= 0).sum()),
        "unmatched": int((rows < 0).sum()),
        "matched_by_parts": {str(parts): count for parts, count in by_parts.items()},
    }


def _agreement(gathered: Gathered, majority: NDArray[np.int64], rows: NDArray[np.bool_], seed: int) -> dict[str, Any]:
    """How often the model, and how often the label, says what a clear majority of people says."""
    chosen = np.flatnonzero(rows & (majority >= 0))
    people = majority[chosen]
    agreed = gathered.probabilities[chosen].argmax(axis=1) == people
    labels = [gathered.labels[row] == gathered.class_names[choice] for row, choice in zip(chosen, people, strict=True)]
    share, interval = proportion(int(agreed.sum()), len(chosen), RESAMPLES, seed)
    return {
        "images": len(chosen),
        "agreement": share,
        "interval": interval,
        "label_agreement": proportion(sum(labels), len(chosen))[0],
        "per_class": {
            name: {
                "images": int((people == at).sum()),
                "agreement": proportion(int(agreed[people == at].sum()), int((people == at).sum()))[0],
            }
            for at, name in enumerate(gathered.class_names)
        },
    }


def _left_out(gathered: Gathered, rows: NDArray[np.bool_]) -> dict[str, Any]:
    """What the model says of images whose label it lacks, by that label: how often what, and how sure it is."""
    labels = np.array(gathered.labels, object)
    told = {}
    for label in sorted(set(labels[rows]) - {""}):
        probabilities = gathered.probabilities[rows & (labels == label)]
        said = np.bincount(probabilities.argmax(axis=1), minlength=len(gathered.class_names))
        told[label] = {
            "images": len(probabilities),
            "mean_confidence": round(float(probabilities.max(axis=1).mean()), 6),
            "said": dict(zip(gathered.class_names, said.tolist(), strict=True)),
        }
    return told


def _mistakes(
    gathered: Gathered, truth: NDArray[np.int64], judged: NDArray[np.bool_], majority: NDArray[np.int64] | None
) -> list[dict[str, Any]]:
    """The most confident mistakes, the surest first."""
    said, confidence = gathered.probabilities.argmax(axis=1), gathered.probabilities.max(axis=1)
    wrong = np.flatnonzero(judged & (said != truth))
    wrong = wrong[np.argsort(-confidence[wrong], kind="stable")][:MOST_MISTAKES]
    paths = gathered.plan.images["path"]
    names = gathered.class_names
    return [
        {
            "index": int(row),
            "path": paths[int(row)].as_py(),
            "truth": names[truth[row]],
            "said": names[said[row]],
            "confidence": round(float(confidence[row]), 6),
            "people": None if majority is None or majority[row] < 0 else names[majority[row]],
        }
        for row in wrong
    ]
