"""An evaluation for people: one HTML page that needs nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from batch_emotion.visualization.html import Picture, percent, percent_range, render, thumbnail_uri
from batch_emotion.visualization.palette import class_colours

SCALAR_NAMES = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "macro_f1": "macro F1",
    "ece": "calibration error (ECE)",
    "log_loss": "log loss",
}


def evaluation_page(
    evaluation: dict[str, Any],
    confusion: Picture,
    reliability: Picture,
    thumbnails: Sequence[NDArray[np.uint8] | None],
) -> str:
    """The page.

    Args:
        evaluation: the content of ``evaluation.json``.
        confusion: the confusion matrix.
        reliability: the reliability diagram.
        thumbnails: uint8 (H, W, 3) of each mistake, None where the image is gone.
    """
    class_names = evaluation["model"]["class_names"]
    return render(
        "evaluation.html.j2",
        evaluation=evaluation,
        class_names=class_names,
        colours=class_colours([*class_names, *(name for name in evaluation["left_out"] if name not in class_names)]),
        confusion=confusion,
        reliability=reliability,
        mistakes=list(zip(evaluation["mistakes"], map(thumbnail_uri, thumbnails), strict=True)),
        scores=score_rows(evaluation),
    )


def score_rows(evaluation: dict[str, Any]) -> list[tuple[str, list[tuple[str, str]]]]:
    """The table of scores: for each figure its name and, for each set of images, the value and the interval as text."""
    sides = [evaluation[side] for side in ("all", "without_duplicates") if evaluation[side]]
    rows = [("images", [(f"{side['images']:,}", "") for side in sides])]
    for key, name in SCALAR_NAMES.items():
        rows.append((name, [_with_interval(key, side[key], side["intervals"].get(key)) for side in sides]))
    agreement = evaluation["agreement"]
    if agreement:
        told = [agreement[side] for side in ("all", "without_duplicates") if agreement[side]]
        rows.append(("clear majorities", [(f"{each['images']:,}", "") for each in told]))
        rows.append(
            ("agreement with them", [_with_interval("agreement", each["agreement"], each["interval"]) for each in told])
        )
    return rows


def _with_interval(key: str, value: float | None, interval: tuple[float, float] | None) -> tuple[str, str]:
    if key == "log_loss" and value is not None:
        return f"{value:.3f}", f"{interval[0]:.3f}–{interval[1]:.3f}" if interval else ""
    return percent(value), percent_range(interval) if interval else ""
