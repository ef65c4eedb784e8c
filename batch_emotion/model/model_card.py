"""The card for people, ``README.md`` of a bundle, written from what ``card.json`` holds.

Beside the metrics it states these parts of ``training``, each where it is there: ``command``, ``recipe``, ``licence``,
``about_data`` with ``name, source, licence, faults`` (a list), and ``ancestors``, the models that it started from.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from batch_emotion.model.ancestry import Ancestor
from batch_emotion.model.card import Card
from batch_emotion.model.card_results import percent, results_section

_SPEED = {
    "images_per_second": "{:,.0f} images/s",
    "of_seed_cnn": "{:.2f} of the pace of `seed-cnn` in the same run",
    "mflops": "{:,.0f} million multiplications and additions for an image",
    "onnx_bytes": "`model.onnx` has {:,} bytes",
    "machine": "measured on {}",
}
_USES = """The model tells which of its classes the expression of a cropped face looks most like to the people who
labelled its training data. It is made for counting over many images: how often which expression occurs, and how that
changes."""
_LIMITS = """- An expression is not a feeling: the model does not know what a person feels, thinks or intends.
- It answers with one of its classes even where there is no face, or an expression that is none of them.
- People disagree about such labels, and so do model and labels; a single answer means little, whatever its confidence.
- How its errors differ between groups of people (age, gender, skin, culture, glasses, beards) was not measured, and
  they are known to differ in models of this kind.
- Faces that are turned away, covered, dark or small, drawings, and crops much wider or narrower than a face are unlike
  what it has learned."""
_UNSUITABLE = """It must not decide about people, alone or as a part of something larger: not on employment, schooling,
credit, insurance, health, credibility, access or punishment, and not for watching single people.

In the European Union the use of AI systems to infer emotions at the workplace and in education is prohibited, except
for medical or safety reasons (Regulation (EU) 2024/1689, Article 5(1)(f)); elsewhere emotion recognition counts as
high-risk (Annex III), and people who are exposed to it must be told (Article 50(3)). Other countries have rules of
their own."""


def human_card(card: Card) -> str:
    """The card as Markdown."""
    sections = {
        "": card.summary,
        "In short": _in_short(card),
        "What it is for": _USES,
        "Data": _data(card),
        "Where it comes from": _ancestry(card),
        "Recipe": _recipe(card),
        "Results": results_section(card.metrics),
        "Calibration": _calibration(card),
        "Speed": _speed(card),
        "Limits": _LIMITS,
        "Unsuitable uses": _UNSUITABLE,
        "Licence": _licence(card),
    }
    parts = [f"## {title}\n\n{text}" if title else text for title, text in sections.items() if text]
    return "\n\n".join([f"# {card.name}", *parts]) + "\n"


def _in_short(card: Card) -> str:
    height, width = card.input.image_size
    lines = [
        f"- Architecture: {card.architecture}, {card.parameters:,} parameters",
        f"- Classes, in order: {', '.join(card.class_names)}",
        f"- Input: {height}x{width} {card.input.color_mode}, 0-255, {card.input.interpolation} interpolation, "
        f"{card.input.fit} where an image is not of this shape",
    ]
    if card.class_prior:
        shares = ", ".join(f"{name} {percent(share)}" for name, share in card.class_prior.items())
        lines.append(f"- Mix of classes that the probabilities assume: {shares}{_evened(card)}")
    calibrated = "calibration" in card.metrics
    lines.append(
        f"- Probabilities: of a softmax, {'calibrated on the validation data' if calibrated else 'not calibrated'}"
    )
    return "\n".join(lines)


def _evened(card: Card) -> str:
    even_mix = card.training.get("recipe", {}).get("even_mix", 0.0)
    return f"; {even_mix * 100:g} % of the way from the mix of the training data to an even one" if even_mix else ""


def _data(card: Card) -> str:
    training, about = card.training, card.training.get("about_data") or {}
    sides = (
        ("Trained", card.metrics.get("training"), "data"),
        ("measured", card.metrics.get("validation"), "validation"),
    )
    counts = [
        f"{side} on {scores['images']:,} images {_origin(str(training[origin]))}"
        for side, scores, origin in sides
        if scores and origin in training
    ]
    lines = [f"{', '.join(counts)}."] if counts else []
    if training.get("unusable_images"):
        lines.append(f"{training['unusable_images']:,} images could not be decoded and were not used.")
    groups = training.get("groups")
    if groups:
        there = f"; there are {groups['count']:,}" if groups["count"] else ""
        lines.append(f"All images of one {groups['by']} are on one side{there}.")
    if card.metrics.get("in_training"):
        lines.append(f"{card.metrics['in_training']:,} of the validation images are in the training data too.")
    if card.metrics.get("near_duplicates"):
        lines.append(
            f"{card.metrics['near_duplicates']:,} of them have a near-duplicate there, found by a perceptual hash."
        )
    if not str(training.get("kept", "the last")).endswith("the last"):
        lines.append("The epoch was chosen by the validation images, so their figures flatter a little.")
    text = " ".join(lines)
    facts = [f"- {key.capitalize()}: {about[key]}" for key in ("name", "source", "licence") if about.get(key)]
    facts += [f"- Known fault: {fault}" for fault in about.get("faults", [])]
    if not facts:
        facts = [
            "Where the data come from, what is wrong with them, and under which licence they are, is not recorded."
        ]
    return "\n\n".join(filter(None, [text, "\n".join(facts)]))


def _origin(name: str) -> str:
    if name.startswith("folds "):
        return f"of them by cross-validation in {name.removeprefix('folds ')} folds"
    return "of them that were put aside" if name.startswith("split ") else f"of `{name}`"


def _ancestry(card: Card) -> str:
    ancestors: list[Ancestor] = card.training.get("ancestors") or []
    if not ancestors:
        return ""
    lines = []
    for each in ancestors:
        data = each["about_data"]
        facts = [f"data: {data.get('name') or 'not recorded'}"]
        facts += [f"their licence: {data['licence']}"] if data.get("licence") else []
        facts += [f"{each['images']:,} different images"] if each["images"] else []
        facts.append(f"licence of its weights: {each['licence'] or 'not recorded'}")
        lines.append(f"- `{each['name']}`: {'; '.join(facts)}")
    return (
        "The weights were not trained from nothing. They started from these models, the nearest first, whose images "
        "count as training data wherever duplicates are looked for:\n\n" + "\n".join(lines)
    )


def _recipe(card: Card) -> str:
    training = card.training
    command = f"```sh\n{training['command']}\n```" if training.get("command") else ""
    facts = [f"- {key}: {value}" for key, value in _flat(training.get("recipe") or {})]
    named = {
        "initial": "started from",
        "label_weight": "share of each target that comes from the label",
        "teachers": "teachers",
        "teacher_weight": "share of each target that comes from the teachers",
        "recipe_name": "the recipe it follows",
        "epochs": "epochs run",
        "kept": "epoch kept",
        "decoder": "decoder",
        "finished": "finished",
    }
    training = training | {"teachers": ", ".join(training.get("teachers") or [])}
    facts += [f"- {name}: {training[key]}" for key, name in named.items() if training.get(key)]
    facts += [f"- versions: {', '.join(f'{name} {number}' for name, number in card.versions.items())}"]
    closing = "`history.csv` and `curves.png` show the course of the training; `card.json` holds all of these facts."
    return "\n\n".join(filter(None, [command, "\n".join(facts), closing]))


def _flat(values: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _calibration(card: Card) -> str:
    fitted = card.metrics.get("calibration")
    if not fitted:
        return "The probabilities were not calibrated: their confidence is not a chance of being right."
    folded = (
        f"A temperature of {fitted['temperature']:.3f}, fitted on the validation data, is folded into the last layer; "
        f"every export carries it. Calibration error before: {percent(fitted['ece_before'])}"
    )
    if "ece_after" not in fitted:
        return (
            f"{folded}; after it the error is not known, as there is only one validation image, so that the "
            "confidence is not a chance of being right."
        )
    return (
        f"{folded}; after, each image by a "
        f"temperature fitted on the other of {fitted['folds']} folds: {percent(fitted['ece_after'])}. Of the "
        "predictions with a confidence of 80 %, about 80 in 100 are right where pictures and mix of classes are like "
        "those of the validation data, and fewer where they are not."
    )


def _speed(card: Card) -> str:
    measured = dict(card.metrics.get("speed") or {})
    lines = [f"- {text.format(measured[key])}" for key, text in _SPEED.items() if measured.get(key) is not None]
    int8 = card.metrics.get("int8")
    if int8:
        lines.append(
            f"- `--precision int8` predicts the same class for {int8['agreement']:.2%} of {int8['images']:,} images "
            f"of `{int8['data']}`, and the label for {int8['accuracy']:.2%}, against {int8['float32_accuracy']:.2%} in "
            f"float32; {int8['float_layers']} of its convolutions compute in float32"
        )
    return "\n".join(lines)


def _licence(card: Card) -> str:
    about = card.training.get("about_data") or {}
    weights = card.training.get("licence")
    lines = [f"The weights: {weights}."] if weights else ["No licence is stated for the weights."]
    lines.append(f"The data: {about['licence']}." if about.get("licence") else "The data's licence is not recorded.")
    for each in card.training.get("ancestors") or []:
        licences = {"the weights": each["licence"], "the data": each["about_data"].get("licence")}
        told = "; ".join(f"{what}: {licence}" for what, licence in licences.items() if licence) or "not recorded"
        lines.append(f"Of `{each['name']}`, which it started from, {told}.")
    return " ".join(line.replace("..", ".") for line in lines) + " The bundle holds no image of the data."
