"""The charts of a report: class mix, confidence by class, class mix by group and over time, and scores by labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from batch_emotion.reporting.counts import ClassCounts
from batch_emotion.reporting.document import ReportDocument
from batch_emotion.reporting.groups import Group, Groups
from batch_emotion.visualization.charts import NARROW, Kind, confusion_chart, reliability_chart, styled
from batch_emotion.visualization.groups import NO_VALUE, group_chart
from batch_emotion.visualization.html import shorten
from batch_emotion.visualization.palette import LIGHT, Scheme, class_colours

CHART_NAMES = ("class_mix", "confidence", "confusion_matrix", "reliability", "groups", "group_scores")
MOST_PANELS = 24
_COLUMNS = 2


def report_charts(
    document: ReportDocument, scheme: Scheme, kind: Kind = "png", *, narrow: bool = False
) -> dict[str, bytes]:
    """Draw those of ``CHART_NAMES`` that the document has numbers for.

    Args:
        document: of the report.
        scheme: light or dark.
        kind: of the files.
        narrow: for a narrow screen, only those that would not be read there when they shrink.
    """
    class_names = document["result"]["class_names"]
    charts: dict[str, bytes] = {}
    if document["scored"] and not narrow:
        charts["class_mix"] = mix_chart(document["classes"], scheme, kind)
        charts["confidence"] = confidence_chart(document["classes"], document["histogram_edges"], scheme, kind)
    labels, groups = document["labels"], document["groups"]
    if labels and not narrow:
        if len(class_names) <= MOST_PANELS:
            charts["confusion_matrix"] = confusion_chart(labels["confusion_matrix"], class_names, scheme, kind)
        charts["reliability"] = reliability_chart(labels["reliability"], scheme, kind)
    if groups and len(class_names) <= MOST_PANELS and any(each["scored"] for each in groups["groups"]):
        charts["groups"] = groups_chart(groups, class_names, scheme, kind, narrow=narrow)
    scores = document["group_scores"]
    if labels and scores and any(each["judged"] for each in scores["groups"]):
        charts["group_scores"] = group_chart([scores], labels["accuracy"], scheme, kind, narrow=narrow)
    return charts


def mix_chart(classes: Mapping[str, ClassCounts], scheme: Scheme = LIGHT, kind: Kind = "png") -> bytes:
    """Draw how many rows each class has, as bars, the most frequent on top, at most 24.

    Args:
        classes: the counts by name.
        scheme: light or dark.
        kind: of the file.
    """
    colours = class_colours(list(classes))
    names = sorted(classes, key=lambda name: classes[name]["rows"])[-MOST_PANELS:]
    rows = [classes[name]["rows"] for name in names]
    with styled(scheme, 6.4, 0.42 * len(names) + 0.7, kind) as (figure, file):
        axes = figure.subplots()
        axes.barh(names, rows, 0.72, color=[colours[name] for name in names])
        highest = max([*rows, 1])
        for at, name in enumerate(names):
            share = classes[name]["share"]
            text = f"{rows[at]:,}" if share is None else f"{share:.1%}  {rows[at]:,}"
            axes.text(rows[at] + 0.015 * highest, at, text, va="center", fontsize=8.5)
        axes.set(xlim=(0, highest * 1.28), xticks=[])
        axes.tick_params(length=0)
        axes.spines[["top", "right", "bottom"]].set_visible(False)
    return file.getvalue()


def confidence_chart(
    classes: Mapping[str, ClassCounts], edges: Sequence[float], scheme: Scheme = LIGHT, kind: Kind = "png"
) -> bytes:
    """Draw the confidence, one histogram for each predicted class, at most the 24 most frequent.

    Args:
        classes: the counts by name.
        edges: of the bins, one more than there are.
        scheme: light or dark.
        kind: of the file.
    """
    colours = class_colours(list(classes))
    frequent = sorted(classes, key=lambda name: -classes[name]["rows"])[:MOST_PANELS]
    shown = [name for name in classes if name in frequent and classes[name]["rows"]]
    lines = max(1, -(-len(shown) // _COLUMNS))
    with styled(scheme, 2.4 * _COLUMNS, 1.5 * lines + 0.3, kind) as (figure, file):
        panels = figure.subplots(lines, _COLUMNS, squeeze=False, sharex=True).ravel()
        for panel in panels[len(shown) :]:
            panel.set_axis_off()
        for panel, name in zip(panels, shown, strict=False):
            counts = classes[name]
            shares = np.array(counts["histogram"]) / max(counts["rows"], 1)
            panel.bar(edges[:-1], shares, np.diff(edges) * 0.9, align="edge", color=colours[name])
            panel.axvline(counts["mean_confidence"], color=scheme.ink, linewidth=1, linestyle="--")
            panel.set_title(f"{name}  ({counts['rows']:,})", fontsize=9.5, loc="left")
            panel.set(xlim=(0, 1), xticks=[0, 0.5, 1])
            panel.set_axisbelow(True)
            panel.grid(axis="y", color=scheme.faint, linewidth=0.7)
            panel.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
            panel.xaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
            panel.tick_params(labelsize=8, labelbottom=True)
            panel.spines[["top", "right"]].set_visible(False)
    return file.getvalue()


def groups_chart(
    groups: Groups,
    class_names: Sequence[str],
    scheme: Scheme = LIGHT,
    kind: Kind = "png",
    *,
    narrow: bool = False,
) -> bytes:
    """Draw the class mix of each group: over time from left to right, else one bar below the other.

    Args:
        groups: the groups.
        class_names: the order of the parts of a bar.
        scheme: light or dark.
        kind: of the file.
        narrow: for a narrow screen.
    """
    shown = [each for each in groups["groups"] if each["scored"]]
    if groups["period"]:
        dated = [each for each in shown if each["value"] is not None]
        return _over_time(dated, class_names, scheme, kind, narrow)
    most = 12 if narrow else 28
    names = [shorten(str(NO_VALUE if each["value"] is None else each["value"]), most) for each in shown][::-1]
    width, above = (NARROW, 1.5) if narrow else (7.2, 1.1)
    with styled(scheme, width, 0.34 * len(shown) + above, kind) as (figure, file):
        axes = figure.subplots()
        _stack(axes.barh, shown[::-1], class_names, scheme, edge="left")
        axes.set_yticks(range(len(shown)), names)
        axes.set(xlim=(0, 1))
        if narrow:
            axes.set_xticks([0, 0.5, 1])
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
        axes.tick_params(length=0)
        axes.spines[["top", "right", "left"]].set_visible(False)
        ncols = 3 if narrow else 7
        figure.legend(loc="outside upper left", ncols=ncols, frameon=False, handlelength=1, fontsize=8.5)
    return file.getvalue()


def _over_time(shown: Sequence[Group], class_names: Sequence[str], scheme: Scheme, kind: Kind, narrow: bool) -> bytes:
    with styled(scheme, NARROW if narrow else 7.2, 4.2, kind) as (figure, file):
        axes, counts = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
        _stack(axes.bar, shown, class_names, scheme, edge="bottom")
        counts.bar(range(len(shown)), [each["rows"] for each in shown], 0.86, color=scheme.mark)
        step = max(1, -(-len(shown) // (6 if narrow else 12)))
        ticks = range(0, len(shown), step)
        counts.set_xticks(ticks, [shown[at]["value"] for at in ticks], rotation=40, ha="right", rotation_mode="anchor")
        counts.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
        axes.set(ylim=(0, 1), ylabel="class mix")
        counts.set(ylabel="rows")
        for each in (axes, counts):
            each.spines[["top", "right"]].set_visible(False)
        ncols = 3 if narrow else 7
        figure.legend(loc="outside upper left", ncols=ncols, frameon=False, handlelength=1, fontsize=8.5)
    return file.getvalue()


def _stack(bars: Any, shown: Sequence[Group], class_names: Sequence[str], scheme: Scheme, edge: str) -> None:
    colours = class_colours(class_names)
    reached = np.zeros(len(shown))
    for name in class_names:
        shares = np.array([each["predicted"][name] / each["scored"] for each in shown])
        bars(
            range(len(shown)),
            shares,
            0.86,
            **{edge: reached},
            color=colours[name],
            label=name,
            edgecolor=scheme.paper,
            linewidth=0.6,
        )
        reached += shares
