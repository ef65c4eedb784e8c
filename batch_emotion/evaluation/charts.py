"""The chart that only an evaluation has: a sheet of the most confident mistakes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from batch_emotion.evaluation.document import Mistake
from batch_emotion.visualization.charts import Kind, styled
from batch_emotion.visualization.palette import LIGHT, Scheme, class_colours

_COLUMNS = 6


def mistakes_sheet(
    mistakes: Sequence[Mistake],
    thumbnails: Sequence[NDArray[np.uint8] | None],
    class_names: Sequence[str],
    scheme: Scheme = LIGHT,
    kind: Kind = "png",
) -> bytes:
    """Draw one thumbnail for each mistake, with its label, the predicted class, and the confidence.

    Args:
        mistakes: the mistakes.
        thumbnails: uint8 (H, W, 3) of each, None where the image is gone.
        class_names: whose colours frame the thumbnails, by predicted class.
        scheme: light or dark.
        kind: of the file.
    """
    colours = class_colours(class_names)
    rows = max(1, -(-len(mistakes) // _COLUMNS))
    with styled(scheme, 1.45 * _COLUMNS, 1.85 * rows, kind) as (figure, file):
        cells = figure.subplots(rows, _COLUMNS, squeeze=False).ravel()
        for cell in cells:
            cell.set_axis_off()
        if not mistakes:
            figure.text(0.5, 0.5, "no mistakes", ha="center", va="center")
        for cell, mistake, pixels in zip(cells, mistakes, thumbnails, strict=False):
            cell.set_axis_on()
            cell.set(xticks=[], yticks=[])
            if pixels is None:
                cell.text(0.5, 0.5, "image not\nfound", ha="center", va="center", transform=cell.transAxes)
            else:
                cell.imshow(pixels)
            for spine in cell.spines.values():
                spine.set(color=colours[mistake["predicted"]], linewidth=3)
            cell.set_title(f"{mistake['label']} → {mistake['predicted']}\n{mistake['confidence']:.1%}", fontsize=8.5)
    return file.getvalue()
