"""How a run went: counts by status and emotion, and its pace."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from batch_emotion.metrics.quantification import EstimatedMix
from batch_emotion.records import FACE_SCHEMA, SCORABLE, Profile, Status
from batch_emotion.results.drift import Drift, Mix
from batch_emotion.results.run_document import ClassPriorRecord, Counts, RunCounts, WorkerRecord
from batch_emotion.results.schema import count_values, first_rows
from batch_emotion.results.update import UpdateCounts


@dataclass
class WorkerPace:
    """What one worker of an engine that has several did: images, and the seconds it worked on them."""

    worker: str
    images: int = 0
    seconds: float = 0.0

    @property
    def images_per_second(self) -> float:
        """Its pace while it worked."""
        return self.images / self.seconds if self.seconds else 0.0

    def as_dict(self) -> WorkerRecord:
        """For ``run.json``."""
        return {
            "worker": self.worker,
            "images": self.images,
            "images_per_second": round(self.images_per_second, 1),
        }


@dataclass
class Summary:
    """The counts of a result, and the pace of the run that finished it.

    Attributes:
        statuses: images by status.
        emotions: images, or the faces in them, by emotion.
        faces: how many were found; None where every image was taken whole.
        scored: images that this run scored itself, the rest being taken over from an earlier one.
        seconds: how long that took, from the first image to the output written.
        runtime: what ran the network; empty where nothing was scored.
        threads: how many cores it used; each worker, where there are several.
        workers: who scored how much; empty where this process did it all.
        profile: where the time went.
        confidence_sum: of all rows that have a confidence.
        update: what an update did.
        class_prior: the mix of classes that the probabilities hold for; None until there is a whole result.
        estimated_mix: the estimated share of each class; None where there is no estimate.
        drift: how far the result is from a baseline.
    """

    statuses: Counter[str] = field(default_factory=Counter)
    emotions: Counter[str] = field(default_factory=Counter)
    faces: int | None = None
    scored: int = 0
    seconds: float = 0.0
    runtime: str = ""
    threads: int = 0
    workers: list[WorkerPace] = field(default_factory=list)
    profile: Profile = field(default_factory=Profile)
    confidence_sum: float = 0.0
    update: UpdateCounts | None = None
    class_prior: ClassPriorRecord | None = None
    estimated_mix: EstimatedMix | None = None
    drift: Drift | None = None

    @classmethod
    def from_counts(cls, counts: Counts) -> Summary:
        """The counts that ``run.json`` holds of a finished result."""
        mix = Mix.from_counts(counts)
        faces = counts.get("faces")
        return cls(
            mix.statuses,
            mix.emotions,
            faces,
            confidence_sum=mix.mean_confidence * mix.emotions.total(),
            class_prior=counts.get("class_prior"),
            estimated_mix=counts.get("estimated_mix"),
        )

    def counting(self, tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
        """Pass tables through and count what they hold."""
        for table in tables:
            self.add(table)
            yield table

    def add(self, rows: pa.Table | pa.RecordBatch) -> None:
        """Count images, and the faces in them."""
        self.statuses.update(count_values(first_rows(rows)["status"]))
        self.emotions.update(count_values(rows["emotion"]))
        self.confidence_sum += pc.sum(rows["confidence"]).as_py() or 0.0
        if FACE_SCHEMA.names[0] in rows.schema.names:
            self.faces = (self.faces or 0) + len(rows) - rows[FACE_SCHEMA.names[0]].null_count

    def merge(self, other: Summary) -> None:
        """Add the counts of other images."""
        self.statuses.update(other.statuses)
        self.emotions.update(other.emotions)
        self.confidence_sum += other.confidence_sum
        if other.faces is not None:
            self.faces = (self.faces or 0) + other.faces

    @property
    def images(self) -> int:
        """Images of the result."""
        return self.statuses.total()

    @property
    def rows(self) -> int:
        """Rows of the result: one for each image, or one for each face and one for each image without."""
        return self.images if self.faces is None else self.images - self.statuses[Status.OK] + self.faces

    @property
    def failures(self) -> int:
        """Images that could not be scored."""
        return self.images - sum(self.statuses[status] for status in SCORABLE)

    @property
    def images_per_second(self) -> float:
        """The pace of this run; 0 where it scored nothing."""
        return self.scored / self.seconds if self.seconds else 0.0

    @property
    def mix(self) -> Mix:
        """What is compared with a baseline."""
        return Mix(self.statuses, self.emotions, self.confidence_sum / max(self.emotions.total(), 1))

    def counts(self) -> Counts:
        """Of the result, for ``run.json``."""
        counts: Counts = {
            "images": self.images,
            "faces": self.faces or 0,
            "statuses": dict(self.statuses.most_common()),
            "emotions": dict(self.emotions.most_common()),
            "mean_confidence": round(self.mix.mean_confidence, 6),
            "vanished": self.update.vanished if self.update else 0,
        }
        if self.faces is None:
            del counts["faces"]
        if self.update is None:
            del counts["vanished"]
        if self.class_prior is not None:
            counts["class_prior"] = self.class_prior
        if self.estimated_mix is not None:
            counts["estimated_mix"] = self.estimated_mix
        return counts

    def as_dict(self) -> RunCounts:
        """Of the run, for ``run.json``."""
        counts: RunCounts = {
            **self.counts(),
            "scored_in_this_run": self.scored,
            "scoring_seconds": round(self.seconds, 3),
            "images_per_second": round(self.images_per_second, 1),
            "runtime": self.runtime,
            "threads": self.threads,
            "workers": [worker.as_dict() for worker in self.workers],
            "profile_seconds": {stage: round(seconds, 3) for stage, seconds in asdict(self.profile).items()},
            "update": asdict(self.update) if self.update else None,
            "drift": self.drift.as_dict() if self.drift else None,
        }
        if not self.workers:
            del counts["workers"]
        return counts
