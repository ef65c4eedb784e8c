"""The scoring kernel, a slice of the plan to rows: the one place where images, model and results meet."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass

import pyarrow as pa

from batch_emotion.images.isolation import IsolatedLoader
from batch_emotion.images.pipeline import stream
from batch_emotion.model.runtime import Runtime
from batch_emotion.records import InputSpec, Limits, Plan, pixel_digests
from batch_emotion.results.schema import assemble


@dataclass(frozen=True)
class Scorer:
    """A loaded model with all that decides the rows; every engine calls its ``score``.

    Attributes:
        runtime: what runs the network.
        class_names: the network's outputs.
        spec: what the network wants to be shown.
        limits: what is refused.
        min_confidence: below it the emotion is ``uncertain``.
        batch_size: images shown to the network at a time.
        with_digests: add the column ``pixel_digest``, by which an image is found again among others.
    """

    runtime: Runtime
    class_names: tuple[str, ...]
    spec: InputSpec
    limits: Limits
    min_confidence: float = 0.0
    batch_size: int = 256
    with_digests: bool = False

    def score(self, plan: Plan, isolated: bool = False) -> Iterator[pa.RecordBatch]:
        """Score every image of a plan slice, in its order: batches of rows in the columns of ``part_schema``.

        Args:
            plan: the slice.
            isolated: decode in a child process, slower, for images that may kill the process.
        """
        with IsolatedLoader(self.spec, self.limits) if isolated else nullcontext() as loader:
            first = 0
            for batch in stream(plan, self.spec, self.limits, self.batch_size, loader):
                rows = plan.slice(first, len(batch.image_index))
                probabilities = self.runtime.predict_proba(batch.pixels)
                scored = assemble(rows, batch, probabilities, self.class_names, self.min_confidence)
                if self.with_digests:
                    scored = scored.append_column("pixel_digest", pa.array(pixel_digests(batch.pixels), pa.string()))
                yield scored
                first += len(batch.image_index)
