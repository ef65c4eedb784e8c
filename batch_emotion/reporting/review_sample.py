"""Which rows of a result teach most when a person looks at them, and a share of the others drawn by chance."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from batch_emotion.errors import SourceError
from batch_emotion.labels.results import Labels, classes_of
from batch_emotion.reporting.comparison import ResultComparer
from batch_emotion.reporting.counts import LabelScorer
from batch_emotion.reporting.predicted_rows import read_predicted_rows
from batch_emotion.reporting.samples import Sample, TopSamples
from batch_emotion.results.reader import StoredResult

Reason = Literal["unsure", "label", "models", "chance"]


@dataclass(frozen=True)
class ReviewSample:
    """Rows to be looked at, in a random order.

    Every scored row is in one of two strata: those chosen for a reason, all of which are here, and the others, of which
    a simple random sample is. A row here stands for as many rows as its stratum has, over those of it that are here;
    weighted so, the mean of anything over the sample is an unbiased estimate of its mean over the result.

    Attributes:
        chosen: the rows, each with why it is here.
        scored: how many rows of the result are scored.
        left_out: a loud line on the scored rows whose labels are none of the classes; empty where there is none.
    """

    chosen: list[tuple[Sample, Reason]]
    scored: int
    left_out: str = ""

    @property
    def strata(self) -> dict[bool, int]:
        """How many scored rows there are, chosen for a reason (False) and others (True)."""
        for_a_reason = sum(reason != "chance" for _, reason in self.chosen)
        return {False: for_a_reason, True: self.scored - for_a_reason}

    @property
    def weights(self) -> list[float]:
        """How many rows of the result each row stands for."""
        here = dict.fromkeys((False, True), 0)
        for _, reason in self.chosen:
            here[reason == "chance"] += 1
        return [self.strata[reason == "chance"] / here[reason == "chance"] for _, reason in self.chosen]


def review_sample(
    result: StoredResult,
    labels: Labels | None,
    other: StoredResult | None,
    images: int,
    by_chance: float,
    seed: int,
) -> ReviewSample:
    """Choose rows: the least sure, those most in conflict with their labels or another result, and some by chance.

    Args:
        result: the result.
        labels: the labels of its rows, where there are any.
        other: another result of the same images.
        images: how many rows to choose, fewer where there are not as many.
        by_chance: the part of them to draw by chance.
        seed: of the draw and of the order.

    Raises:
        SourceError: no row of the result is scored, or it is damaged.
        UsageError: the other result has other images.
    """
    rng = np.random.default_rng(seed)
    drawn = round(images * by_chance)
    names = result.class_names
    unsure, doubted, by_lot = (TopSamples(images, names) for _ in range(3))
    comparer = ResultComparer(result, other, images) if other else None
    scored, scorer = 0, LabelScorer(names)
    for rows in read_predicted_rows(result, [labels.column] if labels and labels.column else []):
        scored += int(rows.scored.sum())
        numbers = texts = None
        if labels is not None:
            texts = labels.of(rows.table)
            numbers = classes_of(texts, names)
            scorer.add(rows, numbers, texts)
        columns = {} if texts is None else {"label": texts}
        unsure.add(rows, -rows.confidence, rows.scored, columns)
        by_lot.add(rows, rng.random(len(rows)), rows.scored, columns)
        if numbers is not None:
            doubted.add(rows, rows.confidence, rows.scored & (numbers >= 0) & (numbers != rows.predicted), columns)
        if comparer:
            comparer.add(rows, numbers, texts)
    if not scored:
        raise SourceError(f"no row of {result.path} is scored, so that there is nothing to look at")
    if comparer:
        comparer.comparison()  # which refuses other images
    ranked: dict[Reason, list[Sample]] = {"models": comparer.changed.samples if comparer else []}
    ranked |= {"label": doubted.samples, "unsure": unsure.samples}
    chosen = dict(_in_turn(ranked, images - drawn))
    chance = [sample for sample in by_lot.samples if sample.row not in chosen][: images - len(chosen)]
    both = [*chosen.values(), *((sample, _CHANCE) for sample in chance)]
    order = rng.permutation(len(both))
    left_out = scorer.left_out("faces" if result.has_faces else "images")
    return ReviewSample([both[at] for at in order], scored, left_out)


_CHANCE: Reason = "chance"


def _in_turn(ranked: dict[Reason, list[Sample]], most: int) -> Iterator[tuple[int, tuple[Sample, Reason]]]:
    """The first of each list, the second of each, and so on, none twice, by row."""
    taken: set[int] = set()
    longest = max(map(len, ranked.values()))
    for at in range(longest):
        for reason, samples in ranked.items():
            if at < len(samples) and samples[at].row not in taken and len(taken) < most:
                taken.add(samples[at].row)
                yield samples[at].row, (samples[at], reason)
