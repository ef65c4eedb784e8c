"""The rows of a result with the predicted class of each, never all in memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from batch_emotion.records import Status
from batch_emotion.results.reader import StoredResult, result_probabilities

_COLUMNS = (
    "path",
    "status",
    "emotion",
    "confidence",
    "error",
    "width",
    "height",
    "face_index",
    "box_x",
    "box_y",
    "box_w",
    "box_h",
    "face_roll",
)


@dataclass(frozen=True)
class PredictedRows:
    """N rows of a result.

    Attributes:
        first: the number of the first one in the result.
        table: their columns.
        scored: bool (N,), whether the status is ok.
        predicted: intp (N,), the class of the highest probability, -1 where there is none.
        confidence: float32 (N,), that probability, NaN where there is none.
    """

    first: int
    table: pa.RecordBatch
    scored: NDArray[np.bool_]
    predicted: NDArray[np.intp]
    confidence: NDArray[np.float32]

    def __len__(self) -> int:
        return int(self.table.num_rows)

    @classmethod
    def of(cls, table: pa.RecordBatch, class_names: Sequence[str], first: int) -> PredictedRows:
        """Find the class of each row's highest probability; without regard to ``uncertain``."""
        probabilities = result_probabilities(table, class_names)
        known = pc.fill_null(pc.equal(table["status"], Status.OK.value), False).to_numpy(zero_copy_only=False)
        scored = known & np.isfinite(probabilities).all(axis=1)
        predicted = probabilities.argmax(axis=1)
        confidence = probabilities[np.arange(len(predicted)), predicted].astype(np.float32)
        none = np.float32("nan")
        return cls(first, table, scored, np.where(scored, predicted, -1), np.where(scored, confidence, none))


def read_predicted_rows(result: StoredResult, extra: Sequence[str] = ()) -> Iterator[PredictedRows]:
    """All rows of a result; ``extra`` names columns beside those that every report needs."""
    wanted = [name for name in result.schema.names if name in _COLUMNS or name in extra]
    probabilities = [f"p_{name}" for name in result.class_names]
    first = 0
    for batch in result.batches(list(dict.fromkeys([*wanted, *probabilities]))):
        yield PredictedRows.of(batch, result.class_names, first)
        first += len(batch)
