"""The results on a card for people: scores with their intervals, agreement with people, and classes that it lacks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from batch_emotion.metrics.scores import ClassScores, Interval, Scalar, Scores
from batch_emotion.model.card_metrics import AgreementWithVotes, CardMetrics, CarriedOver, CrossValidation, LeftOut

_SCALARS: dict[Scalar, str] = {
    "accuracy": "accuracy",
    "balanced_accuracy": "mean recall of the classes",
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
    crossed = metrics.get("cross_validation")
    if crossed:
        parts.append(_cross_validation(crossed))
    validation = metrics.get("validation")
    if validation and validation.get("per_class"):
        parts.append("### By class, on the validation images\n\n" + _class_table(validation["per_class"]))
    if any(evaluated.values()):
        parts.append(f"### By the labels of `{metrics['evaluated_on']}`\n\n{_scores(evaluated)}")
    carried_over = _carried_over(metrics.get("carried_over") or [])
    parts += filter(
        None, [_agreement(metrics.get("agreement")), carried_over, _left_out(metrics.get("left_out") or {})]
    )
    return "\n\n".join(parts)


def validation_scores(metrics: CardMetrics) -> tuple[Scores | None, str]:
    """The scores that tell how good a network is on new images, and which of its validation images they are of.

    Those that are not in the training data, where that is known of some; the text is empty where none are in it.
    """
    known, scores = metrics.get("in_training"), metrics.get("validation")
    fresh = metrics.get("validation_without_duplicates")
    if not known or scores is None:
        return scores, ""
    if fresh is None:
        return scores, f"({known:,} of them in the training data)"
    return fresh, "that are not in the training data"


def _cross_validation(crossed: CrossValidation) -> str:
    spread = [
        f"{name} {percent(each['mean'])} on average, {percent(each['low'])} to {percent(each['high'])} over the folds "
        f"(standard deviation {each['deviation'] * 100:.1f} points)"
        for name, each in (("accuracy", crossed["accuracy"]), ("mean recall", crossed["mean_recall"]))
    ]
    epochs = "1 epoch" if crossed["epochs"] == 1 else f"{crossed['epochs']} epochs"
    return (
        f"Validated by {crossed['folds']} folds: each part of the images was judged by a network that was trained on "
        f"the others, for {epochs}; {'; '.join(spread)}. The network of this bundle was then trained "
        "on all images, as long."
    )


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
    if any(any((scores.get("intervals") or {}).values()) for scores in sides.values()):
        groups = max(scores.get("groups", 0) for scores in sides.values())
        over = f"{groups:,} groups of images, such as people" if groups else "images"
        parts.append(f"In brackets: 95 % intervals, by bootstrap over the {over}.")
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
    if not found or not found["all"]["images"]:
        return ""
    share = found["all"]
    text = (
        f"### Agreement with people\n\nOf {share['images']:,} images for which more than half of all votes "
        f"(`{found['votes']}`) are for one of the classes, the model predicts that class in "
        f"{_with_interval(share['agreement'], share['interval'])}; "
        f"the labels agree in {percent(share['label_agreement'])}."
    )
    fresh = found.get("without_duplicates")
    if fresh and fresh["images"]:
        text += f" Without images of the training data: {percent(fresh['agreement'])} of {fresh['images']:,}."
    return text


def _carried_over(measured: Sequence[CarriedOver]) -> str:
    if not measured:
        return ""
    rows = [
        [
            each["data"],
            f"{each['classes']}",
            each["prior"],
            f"{each['images']:,}",
            *(percent(value) for value in (each["accuracy"], each["mean_recall"], each["ece"])),
            ", ".join(f"{name} {found['recall'] * 100:.0f}" for name, found in each["recall"].items()),
        ]
        for each in measured
    ]
    head = ["data", "classes", "mix of classes", "images", "right", "mean recall", "ECE", "recall by class, in %"]
    return (
        "### On several kinds of pictures, under two mixes of classes\n\n"
        + _table(head, rows)
        + "\n\nRight is what more than half of those who labelled an image chose. `training`: the probabilities as "
        "they are; `uniform`: divided by the class's share of the mix it assumes, which finds more of the rare classes "
        "and errs more often on the common ones. Mean recall is over the classes with at least ten images."
    )


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
