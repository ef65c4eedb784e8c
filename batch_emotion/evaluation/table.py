"""An evaluation on the terminal: a table of at most 80 columns."""

from __future__ import annotations

import textwrap

from batch_emotion.evaluation.document import Evaluation, Side, left_out_alarm, training_remark
from batch_emotion.evaluation.page import score_rows, sides_in_order
from batch_emotion.evaluation.reviewed import reviewed_sentence
from batch_emotion.metrics.groups import GroupedScores
from batch_emotion.storage.escaping import printable
from batch_emotion.visualization.groups import NO_VALUE, gap_sentences
from batch_emotion.visualization.html import percent, percent_range, shorten

_WIDTH = 80
_MOST_GROUPS = 12
_HEADS: dict[Side, str] = {"all": "all images", "without_duplicates": "without duplicates"}


def evaluation_table(evaluation: Evaluation) -> str:
    """What was left out for its label, loudly; the scores with their intervals, with and without training images."""
    rows = score_rows(evaluation)
    heading = f"{evaluation['model']['name']} on {evaluation['data']['name']}"
    alarm = textwrap.wrap(left_out_alarm(evaluation), _WIDTH)
    lines = [*alarm, ""] if alarm else []
    heads = "".join(f"{_HEADS[side]:>27}" for side in sides_in_order(evaluation))
    lines += [shorten(heading, _WIDTH), "", f"{'':<24}{heads}"]
    for name, cells in rows:
        texts = [f"{value} ({interval})" if interval else value for value, interval in cells]
        lines.append(f"{name:<24}" + "".join(f"{text:>27}" for text in texts))
    if remark := training_remark(evaluation):
        lines += ["", *textwrap.wrap(remark, _WIDTH)]
    if reviewed := reviewed_sentence(evaluation.get("reviewed")):
        lines += ["", *textwrap.wrap(reviewed, _WIDTH)]
    for grouped in evaluation["groups"]:
        lines += ["", *_group_lines(grouped)]
    if evaluation["in_training"]["images"] == 0:
        lines += ["", "None of the images is in the training data too."]
    for label, each in evaluation["left_out"].items():
        most = max(each["predicted"], key=lambda name: each["predicted"][name])
        share = each["predicted"][most] / each["images"]
        text = (
            f"{label} ({each['images']:,}): mostly predicted as {most} ({percent(share, 0)}), "
            f"mean confidence {percent(each['mean_confidence'], 0)}"
        )
        lines += textwrap.wrap(text, _WIDTH, subsequent_indent="  ")
    return "\n".join(lines)


def _group_lines(grouped: GroupedScores) -> list[str]:
    known = any(each.get("in_training") for each in grouped["groups"])
    name, images, score, failures = (14, 8, 18, 10) if known else (20, 9, 20, 11)
    head = f"{'images':>{images}}{'in training':>12}" if known else f"{'images':>{images}}"
    heads = f"{head}{'accuracy':>{score}}{'mean recall':>{score}}{'failures':>{failures}}"
    lines = [f"{'by ' + shorten(grouped['column'], name - 4):<{name}}{heads}"]
    for each in grouped["groups"][:_MOST_GROUPS]:
        value = shorten(NO_VALUE if each["value"] is None else printable(each["value"]), name - 1)
        cells = [percent(each[key]) for key in ("accuracy", "balanced_accuracy")]
        ranges = [each["intervals"].get(key) for key in ("accuracy", "balanced_accuracy")]
        texts = [f"{c} ({percent_range(r, 0)})" if r else c for c, r in zip(cells, ranges, strict=True)]
        counts = f"{each['images']:>{images},}" + (f"{each.get('in_training') or 0:>12,}" if known else "")
        scores = "".join(f"{text:>{score}}" for text in texts)
        lines.append(f"{value:<{name}}{counts}{scores}{percent(each['failures']):>{failures}}")
    hidden = len(grouped["groups"][_MOST_GROUPS:]) + grouped["others"]
    if hidden:
        lines.append(f"and {hidden:,} more group{'' if hidden == 1 else 's'}")
    for sentence in gap_sentences(grouped):
        lines += textwrap.wrap(sentence, _WIDTH, subsequent_indent="  ")
    return lines
