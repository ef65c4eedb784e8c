"""An evaluation for people: one HTML page that needs nothing else."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from batch_emotion.evaluation.document import SIDES, Evaluation, Side, head_side, left_out_alarm, training_remark
from batch_emotion.evaluation.grouping import few_clusters_remark
from batch_emotion.evaluation.listing import ListedLine
from batch_emotion.evaluation.reviewed import reviewed_sentence
from batch_emotion.metrics.groups import FEWEST
from batch_emotion.metrics.scores import SCALARS, Interval, Scalar
from batch_emotion.results.class_prior import prior_in_words
from batch_emotion.visualization.groups import gap_sentences
from batch_emotion.visualization.html import Picture, percent, percent_range, render, script, thumbnail_uri
from batch_emotion.visualization.palette import class_colours

SCALAR_NAMES: dict[Scalar, str] = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "macro_f1": "macro F1",
    "ece": "calibration error (ECE)",
    "log_loss": "log loss",
}
Cell = tuple[str, str]
"""A value and its interval, as text; the interval may be empty."""


def evaluation_page(
    evaluation: Evaluation,
    confusion: Picture,
    reliability: Picture,
    groups: Sequence[Picture],
    thumbnails: Sequence[NDArray[np.uint8] | None],
    lines: Sequence[ListedLine],
) -> str:
    """The page.

    Args:
        evaluation: the content of ``evaluation.json``.
        confusion: the confusion matrix.
        reliability: the reliability diagram.
        groups: the chart of each column of groups.
        thumbnails: uint8 (H, W, 3) of each mistake, None where the image is gone.
        lines: the mistakes and doubts that are listed.
    """
    class_names = evaluation["model"]["class_names"]
    return render(
        __package__,
        "evaluation.html.j2",
        evaluation=evaluation,
        alarm=left_out_alarm(evaluation),
        head=head_side(evaluation),
        sides=sides_in_order(evaluation),
        training_remark=training_remark(evaluation),
        class_names=class_names,
        colours=class_colours([*class_names, *(name for name in evaluation["left_out"] if name not in class_names)]),
        confusion=confusion,
        reliability=reliability,
        mistakes=list(zip(evaluation["mistakes"], map(thumbnail_uri, thumbnails), strict=True)),
        scores=score_rows(evaluation),
        few_clusters=few_clusters_remark(evaluation["method"]["cluster"], evaluation["method"]["clusters"]),
        reviewed=reviewed_sentence(evaluation.get("reviewed")),
        groups=list(zip(evaluation["groups"], groups, strict=True)),
        gap_sentences=gap_sentences,
        fewest=FEWEST,
        lines=lines,
        columns=listed_columns(evaluation),
        predicted_choices=sorted({(line.number, line.predicted) for line in lines}),
        prior=prior_in_words(evaluation["class_prior"]) if evaluation["class_prior"] else "",
        script=script("samples.js"),
    )


def listed_columns(evaluation: Evaluation) -> list[str]:
    """The columns of groups and clusters, each once, in the order that lists and tables have them in."""
    cluster = evaluation["method"]["cluster"]
    columns = [*(each["column"] for each in evaluation["groups"]), *([cluster] if cluster else [])]
    return list(dict.fromkeys(columns))


def sides_in_order(evaluation: Evaluation) -> list[Side]:
    """With and without images of the training data, as far as both are there; the one that counts first."""
    return sorted((side for side in SIDES if evaluation[side]), key=lambda side: side != head_side(evaluation))


def score_rows(evaluation: Evaluation) -> list[tuple[str, list[Cell]]]:
    """The table of scores: each score's name and, on each side in its order, its value and interval."""
    order = sides_in_order(evaluation)
    sides = [scores for side in order if (scores := evaluation[side])]
    rows: list[tuple[str, list[Cell]]] = [("images", [(f"{scores['images']:,}", "") for scores in sides])]
    for key in SCALARS:
        cells = [_with_interval(key, scores[key], scores["intervals"].get(key)) for scores in sides]
        rows.append((SCALAR_NAMES[key], cells))
    with_people = evaluation["agreement"]
    if with_people:
        agreements = [each for side in order if (each := with_people[side])]
        rows.append(("clear majorities", [(f"{each['images']:,}", "") for each in agreements]))
        shares = [_with_interval("agreement", each["agreement"], each["interval"]) for each in agreements]
        rows.append(("agreement with them", shares))
    return rows


def _with_interval(key: str, value: float | None, interval: Interval | None) -> Cell:
    if key == "log_loss" and value is not None:
        return f"{value:.3f}", f"{interval[0]:.3f}–{interval[1]:.3f}" if interval else ""
    return percent(value), percent_range(interval) if interval else ""
