"""What ``predict`` gives back: the counts, the rows, and what a notebook shows of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from batch_emotion.errors import ExitCode
from batch_emotion.options.images import Limits
from batch_emotion.options.predict import PredictOptions
from batch_emotion.plan import Plan
from batch_emotion.reporting.notebook import MOST_ROWS, result_html
from batch_emotion.results.reader import open_result
from batch_emotion.results.summary import Summary
from batch_emotion.runs.output import Outcome
from batch_emotion.sources.given import Given
from batch_emotion.storage.places import Place

if TYPE_CHECKING:
    import pandas as pd

_BATCH = 4096


@dataclass(frozen=True)
class FirstImages:
    """Where the images are that a notebook shows, apart from the plan, which may be large.

    Attributes:
        locations: of the first ones, in the order of the plan.
        limits: what is refused when they are read.
        given: keeps those in memory.
    """

    locations: tuple[str, ...]
    limits: Limits
    given: Given | None = None

    @classmethod
    def of(cls, plan: Plan, options: PredictOptions) -> FirstImages:
        """Those of a run."""
        locations = plan.images["location"].slice(0, MOST_ROWS).to_pylist()
        return cls(tuple(locations), options.limits, options.source.given)


@dataclass(frozen=True, eq=False, repr=False)
class PredictResult:
    """What came of it; iterating gives the rows, each as a dict, and ``len`` counts them.

    Attributes:
        outcome: ``done``, or ``nothing to do`` where the finished output was there already.
        summary: the counts.
        exit_code: 0, or 3 with more failures or drift than allowed.
        left_out: files passed over for their extension.
        complaints: why the exit code is not 0.
        out: where the rows were written; None where they are in memory only.
        marked: how many annotated copies were written; None where none were asked for.

    Example:
        >>> result = predict("faces")
        >>> result
        <PredictResult: 48 images, 48 ok; angry ..., surprise ...>
        >>> len(result), result.summary.emotions["happy"]
        (48, 8)
        >>> [row["emotion"] for row in result if "happy-0001" in row["path"]]
        ['happy']
        >>> bool(result.to_pandas().confidence.mean() > 0.5)
        True
    """

    outcome: Outcome
    summary: Summary
    exit_code: ExitCode
    left_out: int
    complaints: tuple[str, ...] = ()
    out: Place | None = None
    marked: int | None = None
    _rows: pa.Table | None = None
    _first: FirstImages | None = None

    @cached_property
    def table(self) -> pa.Table:
        """All rows; those of an output are read when this is first asked for.

        Raises:
            SourceError: the output is no longer there.
        """
        assert self._rows is not None or self.out is not None
        return self._rows if self._rows is not None or self.out is None else open_result(self.out).read()

    def to_pandas(self) -> pd.DataFrame:
        """All rows as a pandas DataFrame."""
        frame: pd.DataFrame = self.table.to_pandas()
        return frame

    def __len__(self) -> int:
        return self.summary.rows

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for batch in self._batches():
            for first in range(0, len(batch), _BATCH):
                yield from batch.slice(first, _BATCH).to_pylist()

    def _batches(self) -> Iterator[pa.RecordBatch]:
        if self.out is None or "table" in vars(self):
            yield from self.table.to_batches()
        else:
            stored = open_result(self.out)
            yield from stored.batches(stored.schema.names)

    def __repr__(self) -> str:
        images, statuses = self.summary.images, self.summary.statuses
        facts = [f"{images:,} image{'' if images == 1 else 's'}"]
        facts += [f"{count:,} {status}" for status, count in statuses.items()]
        emotions = ", ".join(f"{name} {count:,}" for name, count in sorted(self.summary.emotions.items()))
        return f"<PredictResult: {', '.join(facts)}{'; ' if emotions else ''}{emotions}>"

    def _repr_html_(self) -> str:
        """What a notebook shows: the counts, the class mix, and the first rows with their faces."""
        first = next(self._batches(), None)
        rows = [] if first is None else first.slice(0, MOST_ROWS).to_pylist()
        images = self._first or FirstImages((), Limits())
        out = None if self.out is None else str(self.out)
        return result_html(self.summary, rows, images.locations, images.limits, out)
