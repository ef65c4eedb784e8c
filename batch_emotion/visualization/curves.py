"""The course of a training as a picture, in colours that no class has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from batch_emotion.visualization.charts import styled
from batch_emotion.visualization.palette import LIGHT, Scheme

_CURVES = {
    "loss": {"training, varied images": "loss", "validation": "val_loss"},
    "share": {
        "training, varied images: accuracy": "accuracy",
        "validation: accuracy": "val_accuracy",
        "validation: mean recall": "val_mean_recall",
    },
}


def training_curves(history: Sequence[Mapping[str, float]], kept: int | None = None, scheme: Scheme = LIGHT) -> bytes:
    """Draw loss, accuracy and mean recall over the epochs, as PNG.

    Args:
        history: a line for each epoch, with those of ``epoch``, ``loss``, ``accuracy``, ``val_loss``, ``val_accuracy``
            and ``val_mean_recall`` that are known.
        kept: the epoch whose weights were kept, which is marked.
        scheme: light or dark.
    """
    styles = ((scheme.mark, "--"), (scheme.ink, "-"), (scheme.ink, ":"))
    with styled(scheme, 9.0, 3.6) as (figure, file):
        for axes, (title, curves) in zip(figure.subplots(1, 2), _CURVES.items(), strict=True):
            for (label, key), (colour, line) in zip(curves.items(), styles, strict=False):
                points = [(each["epoch"], each[key]) for each in history if key in each]
                if points:
                    axes.plot(*zip(*points, strict=True), line, marker=".", label=label, color=colour)
            if kept is not None:
                axes.axvline(kept, color=scheme.faint, linewidth=4, zorder=0, label="kept")
            axes.set(xlabel="epoch", ylabel=title)
            if title == "share":
                axes.yaxis.set_major_formatter(lambda value, _: f"{value * 100:.3g} %")
            axes.xaxis.get_major_locator().set_params(integer=True)
            axes.grid(color=scheme.faint, linewidth=0.7)
            axes.spines[["top", "right"]].set_visible(False)
            axes.legend(frameon=False)
    return file.getvalue()
