"""An evaluation put on the card of the model that it is of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from batch_emotion.errors import UsageError
from batch_emotion.evaluation.document import FORMAT_VERSION, Evaluation
from batch_emotion.model.bundle import load_bundle
from batch_emotion.model.card import Card
from batch_emotion.model.card_metrics import CardMetrics, rename_left_out
from batch_emotion.model.model_card import human_card
from batch_emotion.results.class_prior import TRAINING
from batch_emotion.storage.commits import commit_text

_NEW_KEYS = {"truth": "label", "said": "predicted"}


def record_evaluation(folder: str | Path, evaluation: Mapping[str, Any]) -> Card:
    """Put an evaluation on a bundle's card, ``card.json`` and ``README.md``, beside the scores of its training.

    Args:
        folder: the bundle.
        evaluation: the content of ``evaluation.json``, of this format or an earlier one.

    Raises:
        UsageError: another network was evaluated, or the format is a later one.
    """
    folder = Path(folder)
    bundle, current = load_bundle(folder), current_format(evaluation)
    if current["model"]["sha256"] != bundle.sha256:
        raise UsageError(f"the evaluation is of another network than that in {folder}; evaluate this one")
    if current["model"]["class_names"] != list(bundle.card.class_names):
        raise UsageError("the evaluation is of some of the model's classes alone (`only`); evaluate all of them")
    prior = current.get("class_prior")
    if prior and prior["assumed"] != TRAINING:
        raise UsageError("the evaluation is under another mix of classes (`class_prior`); evaluate without")
    metrics: CardMetrics = {**bundle.card.metrics}
    metrics.pop("evaluation_without_duplicates", None)
    metrics.pop("agreement", None)
    metrics |= {
        "evaluated_on": current["data"]["name"],
        "evaluation": current["all"],
        "left_out": current["left_out"],
    }
    if current["without_duplicates"] is not None:
        metrics["evaluation_without_duplicates"] = current["without_duplicates"]
    if current["agreement"] is not None:
        metrics["agreement"] = current["agreement"]
    card = replace(bundle.card, metrics=metrics)
    commit_text(folder / "card.json", card.to_json())
    commit_text(folder / "README.md", human_card(card))
    return card


def current_format(evaluation: Mapping[str, Any]) -> Evaluation:
    """The content of an ``evaluation.json`` of any format so far, as it is now.

    Raises:
        UsageError: it is of a later format.
    """
    version = evaluation.get("format_version")
    if version == 1:
        mistakes = [{_NEW_KEYS.get(key, key): value for key, value in each.items()} for each in evaluation["mistakes"]]
        left_out = rename_left_out(evaluation["left_out"])
        evaluation = {**evaluation, "format_version": FORMAT_VERSION, "mistakes": mistakes, "left_out": left_out}
    elif version != FORMAT_VERSION:
        raise UsageError(f"the evaluation has format version {version}; this version reads up to {FORMAT_VERSION}")
    return cast(Evaluation, evaluation)
