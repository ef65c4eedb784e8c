"""The card for people, ``README.md`` of a bundle, written from what ``card.json`` holds.

Beside the figures of ``measuring.measure`` for ``training``, ``validation`` and ``validation_without_duplicates``, it
tells of these parts of ``metrics``, each where it is there:

- ``evaluation`` and ``evaluation_without_duplicates``: the same figures by the labels of ``evaluated_on``;
- ``in_training``: how many validation images stand in the training data too;
- ``agreement`` and ``left_out``: as in ``evaluation.json``;
- ``carried_over``: a list, in each ``data, classes`` (how many), ``prior`` (the mix of classes that is assumed,
  ``training`` or ``uniform``), ``images, accuracy, mean_recall, ece``, and ``recall``: ``images, recall`` by class;
- ``calibration``: ``temperature, ece_before, ece_after, folds``;
- ``speed``: ``images_per_second, of_seed_cnn, mflops, onnx_bytes, machine``, any of them.

Of ``training`` it tells ``command``, ``recipe``, and ``about_data``: ``name, source, licence, faults`` (a list).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from batch_emotion.model.bundle import Card

_SIDES = {
    "training": "training",
    "validation": "validation",
    "validation_without_duplicates": "validation without images of the training data",
}
_EVALUATED = {
    "evaluation": "all",
    "evaluation_without_duplicates": "without images of the training data",
}
_SCALARS = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "macro_f1": "macro F1",
    "ece": "calibration error (ECE, 15 bins)",
    "log_loss": "log loss",
}
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
        "Recipe": _recipe(card),
        "Results": _results(card),
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
        shares = ", ".join(f"{name} {share * 100:.1f} %" for name, share in card.class_prior.items())
        lines.append(f"- Mix of classes that the probabilities assume: {shares}")
    calibrated = "calibration" in card.metrics
    lines.append(
        f"- Probabilities: of a softmax, {'calibrated on the validation data' if calibrated else 'not calibrated'}"
    )
    return "\n".join(lines)


def _data(card: Card) -> str:
    told, about = card.training, card.training.get("about_data") or {}
    counts = [
        f"{side} on {card.metrics[key]['images']:,} images {_origin(str(told[origin]))}"
        for side, key, origin in (("Trained", "training", "data"), ("measured", "validation", "validation"))
        if key in card.metrics and origin in told
    ]
    lines = [f"{', '.join(counts)}."] if counts else []
    if told.get("unusable_images"):
        lines.append(f"{told['unusable_images']:,} images could not be decoded and were not used.")
    if card.metrics.get("in_training"):
        lines.append(f"{card.metrics['in_training']:,} of the validation images stand in the training data too.")
    text = " ".join(lines)
    facts = [f"- {key.capitalize()}: {about[key]}" for key in ("name", "source", "licence") if about.get(key)]
    facts += [f"- Known fault: {fault}" for fault in about.get("faults", [])]
    if not facts:
        facts = [
            "Where the data come from, what is wrong with them, and under which licence they are, is not recorded."
        ]
    return "\n\n".join(filter(None, [text, "\n".join(facts)]))


def _origin(name: str) -> str:
    return "of them that were put aside" if name.startswith("split ") else f"of `{name}`"


def _recipe(card: Card) -> str:
    told = card.training
    command = f"```sh\n{told['command']}\n```" if told.get("command") else ""
    facts = [f"- {key}: {value}" for key, value in _flat(told.get("recipe") or {})]
    named = {
        "initial": "started from",
        "label_weight": "part of a target that the label decides",
        "teachers": "teachers",
        "teacher_weight": "part of a target that the teachers decide",
        "epochs": "epochs run",
        "decoder": "decoder",
        "finished": "finished",
    }
    told = told | {"teachers": ", ".join(told.get("teachers") or [])}
    facts += [f"- {name}: {told[key]}" for key, name in named.items() if told.get(key)]
    facts += [f"- versions: {', '.join(f'{name} {number}' for name, number in card.versions.items())}"]
    closing = "`history.csv` and `curves.png` show the course of the training; `card.json` holds all that is told here."
    return "\n\n".join(filter(None, [command, "\n".join(facts), closing]))


def _flat(values: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _results(card: Card) -> str:
    parts = [_scores(card, _SIDES) or "Nothing was measured."]
    per_class = card.metrics.get("validation", {}).get("per_class")
    if per_class:
        parts.append("### By class, on the validation images\n\n" + _class_table(per_class))
    evaluated = _scores(card, _EVALUATED)
    if evaluated:
        parts.append(f"### By the labels of `{card.metrics['evaluated_on']}`\n\n{evaluated}")
    metrics = card.metrics
    parts += filter(
        None,
        [
            _agreement(metrics.get("agreement")),
            _carried_over(metrics.get("carried_over") or []),
            _left_out(metrics.get("left_out") or {}),
        ],
    )
    return "\n\n".join(parts)


def _scores(card: Card, names: dict[str, str]) -> str:
    sides = {name: card.metrics[key] for key, name in names.items() if card.metrics.get(key)}
    if not sides:
        return ""
    rows = [["images", *(f"{figures['images']:,}" for figures in sides.values())]]
    for key, name in _SCALARS.items():
        if any(key in figures for figures in sides.values()):
            rows.append([name, *(_scalar(key, figures) for figures in sides.values())])
    parts = [_table(["images of", *sides], rows)]
    if any(figures.get("intervals") for figures in sides.values()):
        parts.append("In brackets: 95 % intervals, by bootstrap over the images.")
    return "\n\n".join(parts)


def _class_table(per_class: dict[str, Any]) -> str:
    rows = [
        [name, f"{figures['support']:,}", *(_with_interval(figures, key) for key in ("precision", "recall", "f1"))]
        for name, figures in per_class.items()
    ]
    return _table(["class", "images", "precision", "recall", "F1"], rows)


def _agreement(agreement: dict[str, Any] | None) -> str:
    figures = agreement and agreement.get("all")
    if not agreement or not figures or not figures["images"]:
        return ""
    low, high = figures["interval"]
    text = (
        f"### Agreement with people\n\nOf {figures['images']:,} images for which more than half of all votes "
        f"(`{agreement['votes']}`) are for one of the classes, the model says the same in "
        f"{_percent(figures['agreement'])} ({low * 100:.1f} to {high * 100:.1f}); "
        f"the labels do so in {_percent(figures['label_agreement'])}."
    )
    fresh = agreement.get("without_duplicates")
    if fresh and fresh["images"]:
        text += f" Without images of the training data: {_percent(fresh['agreement'])} of {fresh['images']:,}."
    return text


def _carried_over(told: list[dict[str, Any]]) -> str:
    if not told:
        return ""
    rows = [
        [
            row["data"],
            f"{row['classes']}",
            row["prior"],
            f"{row['images']:,}",
            *(_percent(row[key]) for key in ("accuracy", "mean_recall", "ece")),
            ", ".join(f"{name} {each['recall'] * 100:.0f}" for name, each in row["recall"].items()),
        ]
        for row in told
    ]
    head = ["data", "classes", "mix of classes", "images", "right", "mean recall", "ECE", "recall by class, in %"]
    return (
        "### On several kinds of pictures, under two mixes of classes\n\n"
        + _table(head, rows)
        + "\n\nRight is what more than half of those who labelled an image chose. `training`: the probabilities as "
        "they are; `uniform`: divided by the class's share of the training data, which finds more of the rare classes "
        "and errs more often on the common ones. Mean recall is over the classes with at least ten images."
    )


def _left_out(left_out: dict[str, Any]) -> str:
    if not left_out:
        return ""
    lines = []
    for label, told in left_out.items():
        said = sorted(told["said"].items(), key=lambda pair: -pair[1])
        shares = ", ".join(f"{name} {_percent(count / told['images'])}" for name, count in said)
        lines.append(
            f"- {label} ({told['images']:,} images): {shares}; mean confidence {_percent(told['mean_confidence'])}"
        )
    return "### Faces of classes that it lacks\n\nWhat it says of them:\n\n" + "\n".join(lines)


def _calibration(card: Card) -> str:
    told = card.metrics.get("calibration")
    if not told:
        return "The probabilities were not calibrated: their confidence is not a chance of being right."
    return (
        f"A temperature of {told['temperature']:.3f}, fitted on the validation data, is folded into the last layer; "
        f"every export carries it. Calibration error before: {_percent(told['ece_before'])}; after, each image by a "
        f"temperature fitted on the other of {told['folds']} folds: {_percent(told['ece_after'])}. Of the answers with "
        "a confidence of 80 %, about 80 in 100 are right where pictures and mix of classes are like those of the "
        "validation data, and fewer where they are not."
    )


def _speed(card: Card) -> str:
    told = card.metrics.get("speed") or {}
    return "\n".join(f"- {text.format(told[key])}" for key, text in _SPEED.items() if told.get(key) is not None)


def _licence(card: Card) -> str:
    about = card.training.get("about_data") or {}
    weights = card.training.get("licence")
    lines = [f"The weights: {weights}."] if weights else ["No licence is stated for the weights."]
    lines.append(f"The data: {about['licence']}." if about.get("licence") else "The data's licence is not recorded.")
    return " ".join(line.replace("..", ".") for line in lines) + " The bundle holds no image of the data."


def _scalar(key: str, figures: dict[str, Any]) -> str:
    if key not in figures:
        return ""
    if key != "log_loss":
        return _with_interval(figures, key)
    interval = figures.get("intervals", {}).get(key)
    return f"{figures[key]:.3f}" + (f" ({interval[0]:.3f} to {interval[1]:.3f})" if interval else "")


def _with_interval(figures: dict[str, Any], key: str) -> str:
    interval = figures.get("intervals", {}).get(key)
    return _percent(figures[key]) + (f" ({interval[0] * 100:.1f} to {interval[1] * 100:.1f})" if interval else "")


def _percent(value: float | None) -> str:
    return "not defined" if value is None else f"{value * 100:.1f} %"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)
