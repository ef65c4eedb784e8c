"""What sets two models apart: classes, input, data, figures, sizes, training and weights."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from batch_emotion.metrics.scores import SCALARS, Scores
from batch_emotion.model.bundle import Bundle
from batch_emotion.model.card import Card
from batch_emotion.model.weights import compare_weights

_SIDES = {
    "training": "Figures on the training images",
    "validation": "Figures on the validation images",
    "validation_without_duplicates": "Figures on those not in the training data",
    "evaluation": "Figures by evaluate",
    "evaluation_without_duplicates": "Figures by evaluate, without training data",
}
_NAMES = {
    "balanced_accuracy": "mean recall",
    "macro_f1": "macro F1",
    "ece": "ECE",
    "log_loss": "log loss",
    "data": "trained on",
    "validation": "validated on",
    "initial": "started from",
    "licence": "licence of the weights",
    "about_data": "data set",
}
_OF_DATA = ("data", "validation", "initial", "teachers", "unusable_images", "about_data", "licence")
_LEFT_OUT = ("command", "exported_from")

Facts = dict[str, dict[str, str]]
"""Facts as text, by heading and name."""


@dataclass(frozen=True)
class Difference:
    """One fact that is not the same in two models, as text; empty where a model does not have it."""

    heading: str
    fact: str
    first: str
    second: str


@dataclass(frozen=True)
class Differences:
    """All that differs between two models.

    Attributes:
        facts: those of one heading together.
        weights: one sentence about the weights.
        same: the headings under which nothing differs.
    """

    facts: list[Difference]
    weights: str
    same: list[str]


def differences(first: Bundle, second: Bundle) -> Differences:
    """Compare two models by their cards, their files and their weights.

    Raises:
        BundleError: a file is not the one that its card describes.

    Example::

        differences(load_bundle("emotion-6"), load_bundle("emotion-7")).same  # ["Input", "Versions"]
    """
    one, other = _facts(first), _facts(second)
    shared = _shared_images(first, second)
    found: list[Difference] = []
    same = []
    for heading in [*one, *(heading for heading in other if heading not in one)]:
        mine, theirs = one.get(heading, {}), other.get(heading, {})
        names = [*mine, *(name for name in theirs if name not in mine)]
        differing = [
            Difference(heading, name, mine.get(name, ""), theirs.get(name, ""))
            for name in names
            if mine.get(name) != theirs.get(name)
        ]
        if heading == "Data":
            differing += shared
        found += differing
        if names and not differing:
            same.append(heading)
    return Differences(found, compare_weights(first, second), same)


def _facts(bundle: Bundle) -> Facts:
    card = bundle.card
    height, width = card.input.image_size
    data = {key: value for key, value in card.training.items() if key in _OF_DATA}
    training = {key: value for key, value in card.training.items() if key not in (*_OF_DATA, *_LEFT_OUT)}
    recipe = training.pop("recipe", None) or {}
    return {
        "Model": {
            "name": card.name,
            "sha256": f"{bundle.sha256[:16]}…",
            "architecture": card.architecture,
            "parameters": f"{card.parameters:,}" if card.parameters else "",
        },
        "Classes": {"in order": ", ".join(card.class_names)}
        | {f"share of {name}": f"{share:.1%}" for name, share in card.class_prior.items()},
        "Input": {
            "size": f"{height}x{width}",
            "colour": card.input.color_mode,
            "interpolation": card.input.interpolation,
            "fit": card.input.fit,
        },
        "Data": dict(_flat(data)),
        **_figures(card),
        "Sizes": _sizes(bundle),
        "Training": dict(_flat(recipe)) | dict(_flat(training)),
        "Versions": card.versions,
    }


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """The leaves of nested values as texts; of a list of sentences only how many there are."""
    for key, value in values.items():
        plain = key.replace("_", " ")
        name = prefix + plain if prefix else _NAMES.get(key, plain)
        if isinstance(value, Mapping):
            yield from _flat(value, f"{name}: ")
        elif isinstance(value, list):
            texts = [str(each) for each in value]
            yield name, ", ".join(texts) if sum(map(len, texts)) <= 60 else str(len(texts))
        elif value is not None and value != "":
            yield name, f"{value:g}" if isinstance(value, float) else str(value)


def _figures(card: Card) -> Facts:
    metrics, found = card.metrics, Facts()
    for side, heading in _SIDES.items():
        scores = cast("Scores | None", metrics.get(side))
        if not scores:
            continue
        found[heading] = {"images": f"{scores['images']:,}"}
        for key in SCALARS:
            if key in scores:
                value = scores[key]
                found[heading][_NAMES.get(key, key)] = f"{value:.3f}" if key == "log_loss" else f"{value:.1%}"
        for label, each in (scores.get("per_class") or {}).items():
            if side == "validation" and each["recall"] is not None:
                found[heading][f"recall of {label}"] = f"{each['recall']:.1%}"
    if "evaluated_on" in metrics and "Figures by evaluate" in found:
        found["Figures by evaluate"] = {"data": metrics["evaluated_on"]} | found["Figures by evaluate"]
    others = {}
    agreement = metrics.get("agreement")
    if agreement and agreement["all"]["agreement"] is not None:
        others["agreement with people"] = f"{agreement['all']['agreement']:.1%} of {agreement['all']['images']:,}"
    if "calibration" in metrics:
        others["temperature"] = f"{metrics['calibration']['temperature']:.3f}"
    return found | ({"Other figures": others} if others else {})


def _sizes(bundle: Bundle) -> dict[str, str]:
    if bundle.folder is not None:
        files = [bundle.folder / "model.keras", bundle.onnx_file, bundle.int8_file]
        return {file.name: f"{file.stat().st_size:,} bytes" for file in files if file is not None}
    file = bundle.keras_file or bundle.onnx_file or bundle.tflite_file or bundle.savedmodel
    assert file is not None
    sizes = [path.stat().st_size for path in (file.rglob("*") if file.is_dir() else [file]) if path.is_file()]
    return {"file": f"{sum(sizes):,} bytes"}


def _shared_images(first: Bundle, second: Bundle) -> list[Difference]:
    """How many different images each was trained on, and how many of them the other was too, where that can be told."""
    one, other = first.train_digests(), second.train_digests()
    if one is None or other is None or one == other:
        return []
    found = [Difference("Data", "different images", f"{len(one):,}", f"{len(other):,}")]
    if first.card.input == second.card.input:  # or the pixels of an image are not the same for both
        both = f"{len(one & other):,}"
        found.append(Difference("Data", "of these in both", both, both))
    return found
