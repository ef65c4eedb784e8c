"""The results on a card for people: scores with their intervals, agreement with people, and classes that it lacks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from batch_emotion.metrics.scores import ClassScores, Interval, Scalar, Scores
from batch_emotion.model.card_metrics import AgreementWithVotes, CardMetrics, LeftOut

_SCALARS: dict[Scalar, str] = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "macro_f1": "macro F1",
    "ece": "calibration error (ECE, 15 bins)",
    "log_loss": "log loss",
}


def results_section(metrics: CardMetrics) -> str:
    """The section as Markdown, without its heading."""
    trained = {
        "training": metrics.get("training"),
        "validation": metrics.get("validation"),
        "validation without images of the training data": metrics.get("validation_without_duplicates"),
    }
    evaluated = {
        "all": metrics.get("evaluation"),
        "without images of the training data": metrics.get("evaluation_without_duplicates"),
    }
    parts = [_scores(trained) or "Nothing was measured."]
    validation = metrics.get("validation")
    if validation and validation.get("per_class"):
        parts.append("### By class, on the validation images\n\n" + _class_table(validation["per_class"]))
    if any(evaluated.values()):
        parts.append(f"### By the labels of `{metrics['evaluated_on']}`\n\n{_scores(evaluated)}")
    parts += filter(None, [_agreement(metrics.get("agreement")), _left_out(metrics.get("left_out") or {})])
    return "\n\n".join(parts)


def percent(value: float | None) -> str:
    """A fraction for people: ``64.4 %``."""
    return "not defined" if value is None else f"{value * 100:.1f} %"


def _scores(by_name: Mapping[str, Scores | None]) -> str:
    sides = {name: scores for name, scores in by_name.items() if scores}
    if not sides:
        return ""
    rows = [["images", *(f"{scores['images']:,}" for scores in sides.values())]]
    for key, name in _SCALARS.items():
        if any(key in scores for scores in sides.values()):
            rows.append([name, *(_scalar(key, scores) for scores in sides.values())])
    parts = [_table(["images of", *sides], rows)]
    if any(scores.get("intervals") for scores in sides.values()):
        parts.append("In brackets: 95 % intervals, by bootstrap over the images.")
    return "\n\n".join(parts)


def _class_table(per_class: Mapping[str, ClassScores]) -> str:
    rows = []
    for name, scores in per_class.items():
        intervals = scores.get("intervals") or {}
        values = {"precision": scores["precision"], "recall": scores["recall"], "f1": scores["f1"]}
        cells = [_with_interval(value, intervals.get(key)) for key, value in values.items()]
        rows.append([name, f"{scores['support']:,}", *cells])
    return _table(["class", "images", "precision", "recall", "F1"], rows)


def _agreement(found: AgreementWithVotes | None) -> str:
    if not found or not found["all"]["images"] or not found["all"]["interval"]:
        return ""
    share, (low, high) = found["all"], found["all"]["interval"]
    text = (
        f"### Agreement with people\n\nOf {share['images']:,} images for which more than half of all votes "
        f"(`{found['votes']}`) are for one of the classes, the model predicts that class in "
        f"{percent(share['agreement'])} ({low * 100:.1f} to {high * 100:.1f}); "
        f"the labels agree in {percent(share['label_agreement'])}."
    )
    fresh = found.get("without_duplicates")
    if fresh and fresh["images"]:
        text += f" Without images of the training data: {percent(fresh['agreement'])} of {fresh['images']:,}."
    return text


def _left_out(left_out: Mapping[str, LeftOut]) -> str:
    if not left_out:
        return ""
    lines = []
    for label, each in left_out.items():
        predicted = sorted(each["predicted"].items(), key=lambda pair: -pair[1])
        shares = ", ".join(f"{name} {percent(count / each['images'])}" for name, count in predicted)
        lines.append(
            f"- {label} ({each['images']:,} images): {shares}; mean confidence {percent(each['mean_confidence'])}"
        )
    return "### Faces of classes that it lacks\n\nPredicted for them:\n\n" + "\n".join(lines)


def _scalar(key: Scalar, scores: Scores) -> str:
    if key not in scores:  # an early card holds accuracy only
        return ""
    interval = scores.get("intervals", {}).get(key)
    if key != "log_loss":
        return _with_interval(scores[key], interval)
    return f"{scores[key]:.3f}" + (f" ({interval[0]:.3f} to {interval[1]:.3f})" if interval else "")


def _with_interval(value: float | None, interval: Interval | None) -> str:
    return percent(value) + (f" ({interval[0] * 100:.1f} to {interval[1] * 100:.1f})" if interval else "")


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)
