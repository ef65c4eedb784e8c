"""The charts that both pages share, as PNG or SVG: the confusion matrix and the reliability diagram."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from batch_emotion.metrics.scores import ReliabilityBin
from batch_emotion.visualization.palette import LIGHT, Scheme, class_colours

Kind = Literal["png", "svg"]
NARROW = 3.7
"""The width of a chart on a narrow screen, in inches of 100 pixels of the page."""
_DPI = 160


def confusion_chart(matrix: ArrayLike, class_names: Sequence[str], scheme: Scheme = LIGHT, kind: Kind = "png") -> bytes:
    """Draw counts by label (rows) and prediction (columns), shaded by the share of the row.

    Args:
        matrix: the counts, (K, K).
        class_names: the K classes.
        scheme: light or dark.
        kind: of the file.
    """
    from matplotlib.colors import LinearSegmentedColormap

    counts = np.asarray(matrix)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    count = len(class_names)
    with styled(scheme, 0.66 * count + 1.25, 0.66 * count + 1.2, kind) as (figure, file):
        axes = figure.subplots()
        axes.imshow(shares, LinearSegmentedColormap.from_list("ramp", scheme.ramp), vmin=0, vmax=1)
        for row, column in np.ndindex(count, count):
            share = shares[row, column]
            text = f"{share:.0%}\n" if counts[row].sum() else ""
            ink = scheme.paper if share > 0.5 else scheme.ink
            axes.text(column, row, f"{text}{counts[row, column]:,}", ha="center", va="center", color=ink, fontsize=8.5)
        axes.set_xticks(range(count), class_names, rotation=40, ha="right", rotation_mode="anchor")
        axes.set_yticks(range(count), class_names)
        axes.set(xlabel="predicted", ylabel="label")
        axes.tick_params(length=0, pad=9)
        _class_edges(axes, class_names)
        for spine in axes.spines.values():
            spine.set_visible(False)
    return file.getvalue()


def reliability_chart(bins: Sequence[ReliabilityBin], scheme: Scheme = LIGHT, kind: Kind = "png") -> bytes:
    """Draw accuracy by confidence, against the line on which both are equal, and how many images each bin has.

    Args:
        bins: of the confidence.
        scheme: light or dark.
        kind: of the file.
    """
    filled = [each for each in bins if each["images"]]
    middles = [(each["low"] + each["high"]) / 2 for each in filled]
    width = 0.92 / len(bins)
    with styled(scheme, 5.2, 5.0, kind) as (figure, file):
        axes, shares = figure.subplots(2, 1, sharex=True, height_ratios=(3.2, 1))
        axes.plot(
            [0, 1], [0, 1], color=scheme.ink, linewidth=1, linestyle="--", label="confidence = accuracy", zorder=3
        )
        axes.bar(middles, [each["accuracy"] for each in filled], width, color=scheme.mark, label="accuracy")
        means = [each["confidence"] for each in filled]
        axes.plot(
            middles,
            means,
            "o",
            markersize=4.5,
            color=scheme.paper,
            markeredgecolor=scheme.ink,
            label="mean confidence",
            zorder=4,
        )
        axes.set(xlim=(0, 1), ylim=(0, 1), ylabel="accuracy")
        figure.legend(loc="outside upper left", ncols=2, frameon=False)
        total = sum(each["images"] for each in filled)
        shares.bar(middles, [each["images"] / max(total, 1) for each in filled], width, color=scheme.mark)
        shares.set(xlabel="confidence", ylabel="share of images")
        for each in (axes, shares):
            each.set_axisbelow(True)
            each.grid(axis="y", color=scheme.faint, linewidth=0.7)
            each.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
            each.xaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
            each.spines[["top", "right"]].set_visible(False)
    return file.getvalue()


def _class_edges(axes: Any, class_names: Sequence[str]) -> None:
    """Lay a strip in each class's colour along the matrix, between it and the names."""
    from matplotlib.patches import Rectangle

    for number, colour in enumerate(class_colours(class_names).values()):
        low = number - 0.44
        last = len(class_names) - 0.5
        for corner, width, height in (((-0.64, low), 0.1, 0.88), ((low, last + 0.04), 0.88, 0.1)):
            axes.add_patch(Rectangle(corner, width, height, color=colour, clip_on=False, linewidth=0))


@contextmanager
def styled(scheme: Scheme, width: float, height: float, kind: Kind = "png") -> Iterator[tuple[Any, io.BytesIO]]:
    """A figure of so many inches in the scheme's colours, and where it is written when the block ends."""
    import matplotlib
    from matplotlib.figure import Figure

    style = {
        "text.parse_math": False,
        "font.size": 9.5,
        "svg.hashsalt": "batch-emotion",
        "figure.facecolor": scheme.paper,
        "axes.facecolor": scheme.paper,
        "savefig.facecolor": scheme.paper,
        **dict.fromkeys(("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"), scheme.ink),
    }
    file = io.BytesIO()
    with matplotlib.rc_context(style):
        figure = Figure(figsize=(width, height), layout="constrained")
        yield figure, file
        # Without date and version the same numbers give the same file.
        figure.savefig(file, format=kind, dpi=_DPI, metadata={"Software": None} if kind == "png" else {"Date": None})
