"""The images that are worth a look, as tables: every mistake, and every image that the model could not decide on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from batch_emotion.evaluation.gathered import Gathered

DOUBT = 0.2
"""An image is in doubt where its two highest probabilities are closer than this."""


@dataclass(frozen=True)
class ListedRows:
    """Which images are mistakes, the most confident first, and which are in doubt, the closest first.

    Attributes:
        gathered: the images.
        columns: those of their manifest or result that the tables have too.
        mistakes: int64, the images whose predicted class is not their label.
        doubts: int64, the images with two probabilities that are nearly alike, whatever their label.
    """

    gathered: Gathered
    columns: Sequence[str]
    mistakes: NDArray[np.int64]
    doubts: NDArray[np.int64]

    @classmethod
    def of(cls, gathered: Gathered, columns: Sequence[str] = ()) -> ListedRows:
        """Find them."""
        scored, confidence = gathered.scored, gathered.probabilities.max(axis=1)
        wrong = np.flatnonzero(gathered.judged & (gathered.predicted != gathered.classes))
        ordered = np.sort(gathered.probabilities, axis=1)
        margin = np.where(scored, ordered[:, -1] - ordered[:, -2], np.inf)
        near = np.flatnonzero(margin < DOUBT)
        return cls(
            gathered,
            tuple(columns),
            wrong[np.argsort(-confidence[wrong], kind="stable")],
            near[np.argsort(margin[near], kind="stable")],
        )

    def mistakes_table(self) -> pa.Table:
        """The mistakes, all of them."""
        return self.table.take(self.mistakes)

    def doubts_table(self) -> pa.Table:
        """The images in doubt, all of them."""
        return self.table.take(self.doubts)

    @cached_property
    def table(self) -> pa.Table:
        """All images: path, label, the two likeliest classes, their probabilities, the label's, and ``columns``."""
        gathered = self.gathered
        names = np.array(gathered.class_names, object)
        rows, order = np.arange(len(gathered.plan)), np.argsort(-gathered.probabilities, axis=1, kind="stable")
        second = order[:, 1]
        of_label = np.where(gathered.classes >= 0, gathered.probabilities[rows, gathered.classes], np.nan)
        table = pa.table(
            {
                "path": gathered.plan.images["path"],
                "label": pa.array([label or None for label in gathered.labels], pa.string()),
                "predicted": pa.array(names[order[:, 0]], pa.string()),
                "confidence": pa.array(gathered.probabilities[rows, order[:, 0]], pa.float32()),
                "second": pa.array(names[second], pa.string()),
                "second_confidence": pa.array(gathered.probabilities[rows, second], pa.float32()),
                "label_confidence": pa.array(of_label, pa.float32(), mask=np.isnan(of_label)),
            }
        )
        for name in self.columns:
            if name not in table.column_names:
                table = table.append_column(name, gathered.columns[name])
        return table
