"""How good a model is in each group, as a chart and in words."""

from __future__ import annotations

from collections.abc import Sequence

from batch_emotion.metrics.groups import GroupedScores
from batch_emotion.visualization.charts import NARROW, Kind, styled
from batch_emotion.visualization.html import percent_range, shorten
from batch_emotion.visualization.palette import LIGHT, Scheme

NO_VALUE = "(none)"
"""What stands for a group without a value."""


def group_chart(
    columns: Sequence[GroupedScores],
    accuracy: float,
    scheme: Scheme = LIGHT,
    kind: Kind = "png",
    *,
    narrow: bool = False,
) -> bytes:
    """Draw the accuracy of each group with its interval, and its mean recall, one panel for each column.

    Args:
        columns: the groups.
        accuracy: of all images, as a line.
        scheme: light or dark.
        kind: of the file.
        narrow: for a narrow screen.
    """
    shown = [[each for each in grouped["groups"] if each["judged"]][::-1] for grouped in columns]
    heights = [max(len(groups), 1) + 1.2 for groups in shown]
    height = 0.3 * sum(heights) + (1.2 if narrow else 0.8)
    with styled(scheme, NARROW if narrow else 7.2, height, kind) as (figure, file):
        panels = figure.subplots(len(columns), 1, squeeze=False, sharex=True, height_ratios=heights).ravel()
        for panel, grouped, groups in zip(panels, columns, shown, strict=True):
            panel.axvline(accuracy, color=scheme.ink, linewidth=1, linestyle="--", label="accuracy of all")
            for at, each in enumerate(groups):
                interval = each["intervals"].get("accuracy")
                if interval:
                    panel.plot(interval, (at, at), color=scheme.mark, linewidth=2, solid_capstyle="round")
            at_heights = range(len(groups))
            marks = {"markeredgecolor": scheme.ink, "zorder": 3, "clip_on": False}
            right = [each["accuracy"] for each in groups]
            recall = [each["balanced_accuracy"] for each in groups]
            panel.plot(right, at_heights, "o", markersize=6, color=scheme.ink, label="accuracy, 95 % interval", **marks)
            panel.plot(recall, at_heights, "D", markersize=4.5, color=scheme.paper, label="mean recall", **marks)
            most = 12 if narrow else 28
            names = [shorten(NO_VALUE if each["value"] is None else each["value"], most) for each in groups]
            texts = [f"{name}  ({each['judged']:,})" for name, each in zip(names, groups, strict=True)]
            panel.set_yticks(at_heights, texts)
            panel.set(xlim=(0, 1), ylim=(-0.7, max(len(groups), 1) - 0.3))
            if narrow:
                panel.set_xticks([0, 0.5, 1])
            if len(columns) > 1:
                panel.set_title(shorten(grouped["column"], 30 if narrow else 60), loc="left", fontsize=9.5)
            panel.xaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
            panel.set_axisbelow(True)
            panel.grid(axis="x", color=scheme.faint, linewidth=0.7)
            panel.tick_params(length=0, labelbottom=True)
            panel.spines[["top", "right", "left"]].set_visible(False)
        handles, labels = panels[0].get_legend_handles_labels()
        ncols = 1 if narrow else 3
        figure.legend(handles, labels, loc="outside upper left", ncols=ncols, frameon=False, fontsize=8.5)
    return file.getvalue()


def gap_sentences(grouped: GroupedScores) -> list[str]:
    """How far apart the groups of a column are, in words: for the accuracy and for the mean recall."""
    sentences = []
    for key, gap in grouped["gaps"].items():
        name = {"accuracy": "accuracy", "balanced_accuracy": "mean recall"}[key]
        if not gap["gap"]:
            sentences.append(f"No gap in {name}: it is the same in all groups that are compared.")
            continue
        ends = [shorten(NO_VALUE if gap[end] is None else str(gap[end]), 40) for end in ("highest", "lowest")]
        points = f" ({percent_range(gap['interval'])})" if gap["interval"] else ""
        sentence = f"Largest gap in {name}: {gap['gap'] * 100:.1f} points{points}, {ends[0]} above {ends[1]}."
        if gap["by_chance"] is not None:
            sentence += f" By chance alone it would be below {gap['by_chance'] * 100:.1f} in 95 of 100 cases."
        sentences.append(sentence)
    return sentences
