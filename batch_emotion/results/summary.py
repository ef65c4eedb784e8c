"""How a run went: counts by status and emotion, and ``<out>.run.json``."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from batch_emotion.records import SCORABLE, Profile, Status
from batch_emotion.results.schema import count_values, first_rows
from batch_emotion.storage import commit_text


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
        threads: how many cores it used.
        profile: where the time went.
    """

    statuses: Counter[str] = field(default_factory=Counter)
    emotions: Counter[str] = field(default_factory=Counter)
    faces: int | None = None
    scored: int = 0
    seconds: float = 0.0
    runtime: str = ""
    threads: int = 0
    profile: Profile = field(default_factory=Profile)

    def counting(self, tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
        """Pass tables through and count what they hold."""
        for table in tables:
            self.statuses.update(count_values(first_rows(table)["status"]))
            self.emotions.update(count_values(table["emotion"]))
            if "face_index" in table.column_names:
                self.faces = (self.faces or 0) + len(table) - table["face_index"].null_count
            yield table

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

    def as_dict(self) -> dict[str, Any]:
        """For ``run.json``."""
        return {
            "images": self.images,
            **({} if self.faces is None else {"faces": self.faces}),
            "statuses": dict(self.statuses.most_common()),
            "emotions": dict(self.emotions.most_common()),
            "scored_in_this_run": self.scored,
            "scoring_seconds": round(self.seconds, 3),
            "images_per_second": round(self.images_per_second, 1),
            "runtime": self.runtime,
            "threads": self.threads,
            "profile_seconds": {stage: round(seconds, 3) for stage, seconds in asdict(self.profile).items()},
        }


def run_file(out: Path) -> Path:
    """Where an output's ``run.json`` stands."""
    return out.with_name(out.name + ".run.json")


def read_run(out: Path) -> dict[str, Any]:
    """The parts ``result`` and ``last_run`` of an output's ``run.json``; empty where there is none."""
    try:
        told = json.loads(run_file(out).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return told if isinstance(told, dict) else {}


def write_run(out: Path, last_run: dict[str, Any], result: dict[str, Any] | None = None) -> None:
    """Say how the last run went; ``result`` is kept from before where this run made none."""
    told = {"result": result if result is not None else read_run(out).get("result"), "last_run": last_run}
    commit_text(run_file(out), json.dumps(told, indent=2, ensure_ascii=False) + "\n")
