"""Drift: the distance between the predictions of a run and those of an earlier one."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict, dataclass

import pyarrow.compute as pc

from batch_emotion.errors import SourceError, UsageError
from batch_emotion.records import SCORABLE
from batch_emotion.results.reader import read_result
from batch_emotion.results.run_document import Counts
from batch_emotion.results.schema import count_values, first_rows
from batch_emotion.storage.places import Place


@dataclass(frozen=True)
class Mix:
    """What drift compares: images by status, images or the faces in them by emotion, and their mean confidence."""

    statuses: Counter[str]
    emotions: Counter[str]
    mean_confidence: float

    @classmethod
    def from_counts(cls, counts: Counts) -> Mix:
        """From the ``counts`` of a ``run.json``."""
        return cls(Counter(counts["statuses"]), Counter(counts["emotions"]), counts["mean_confidence"])

    @property
    def failure_rate(self) -> float:
        """The part of all images that could not be scored."""
        return 1 - sum(self.statuses[status] for status in SCORABLE) / max(self.statuses.total(), 1)


@dataclass(frozen=True)
class Drift:
    """The three distances from a baseline, each between 0 and 1.

    Attributes:
        class_mix: total-variation distance of the shares of the emotions (``uncertain`` is one): half the sum of the
            absolute differences.
        mean_confidence: absolute difference.
        failure_rate: absolute difference.
    """

    class_mix: float
    mean_confidence: float
    failure_rate: float

    @property
    def largest(self) -> float:
        """The largest of the three, which ``--max-drift`` limits."""
        return max(self.class_mix, self.mean_confidence, self.failure_rate)

    def as_dict(self) -> dict[str, float]:
        """For ``run.json``."""
        return {name: round(value, 6) for name, value in (asdict(self) | {"largest": self.largest}).items()}


def drift(now: Mix, baseline: Mix) -> Drift:
    """How far ``now`` is from ``baseline``; a mix without scored rows has no class mix and no confidence to compare."""
    both = bool(now.emotions and baseline.emotions)
    names = now.emotions.keys() | baseline.emotions.keys()
    gaps = [abs(_share(now.emotions, name) - _share(baseline.emotions, name)) for name in names]
    return Drift(
        sum(gaps) / 2 if both else 0.0,
        abs(now.mean_confidence - baseline.mean_confidence) if both else 0.0,
        abs(now.failure_rate - baseline.failure_rate),
    )


def read_mix(baseline: Place) -> Mix:
    """The mix of an earlier run, from its ``run.json`` or from its result.

    Raises:
        UsageError: it is neither.
    """
    if baseline.suffix == ".json":
        try:
            return Mix.from_counts(json.loads(baseline.read_text(encoding="utf-8"))["result"]["counts"])
        except (OSError, ValueError, KeyError, TypeError):
            raise UsageError(f"`baseline`: {baseline} is not the run.json of a finished result") from None
    try:
        rows = read_result(baseline)
    except SourceError as error:
        raise UsageError(f"`baseline`: {error}") from None
    emotions = Counter(count_values(rows["emotion"]))
    return Mix(Counter(count_values(first_rows(rows)["status"])), emotions, pc.mean(rows["confidence"]).as_py() or 0.0)


def _share(counts: Counter[str], name: str) -> float:
    return counts[name] / max(counts.total(), 1)
