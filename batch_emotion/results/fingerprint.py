"""What makes two runs the same run: all that decides a result's rows and their cut into shards."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Fingerprint:
    """All that decides a result's rows and their cut into shards; two runs with the same one are the same run."""

    plan: str
    images: int
    model: str
    model_name: str
    runtime: str
    decoder: str
    min_confidence: float
    max_pixels: int
    max_bytes: int
    shard_size: int
    precision: str = "float32"
    full_decode: bool = False
    task_index: int = 0
    task_count: int = 1
    detector: str | None = None
    detector_sha256: str | None = None
    min_face_score: float | None = None
    min_face_size: int | None = None
    max_faces: int | None = None
    face_margin: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)

    def to_json(self) -> str:
        """For a file's footer."""
        return json.dumps(self.as_dict())

    def of_faces(self) -> dict[str, str]:
        """How faces were found, for a file's footer; empty where every image was taken whole."""
        told = {name: getattr(self, name) for name in _OF_FACES}
        return {} if self.detector is None else {name: str(value) for name, value in told.items()}

    def scores_like(self, other: dict[str, object]) -> bool:
        """Whether an image would get the same probabilities as in another run, whatever the two runs' plans."""
        return all(value == other.get(key) for key, value in asdict(self).items() if key not in _NOT_OF_ONE_IMAGE)

    def differences(self, other: dict[str, object]) -> list[str]:
        """What differs from another run's fingerprint, in words for the user."""
        mine = asdict(self)
        differing = [key for key in mine if mine[key] != other.get(key)]
        if "plan" in differing:
            was, now = other.get("images"), self.images
            detail = f"{was} images then, {now} now" if was != now else "files were renamed or changed"
            differing = [
                f"the images ({detail})",
                *(key for key in differing if key not in ("plan", "images")),
            ]
        if "model" in differing:
            differing.remove("model")
            differing = [key for key in differing if key != "model_name"]
            differing.insert(0, f"the model ({other.get('model_name')} then, {self.model_name} now)")
        return [
            f"{key.replace('_', '-')} ({other.get(key)} then, {mine[key]} now)" if key in mine else key
            for key in differing
        ]


_OF_FACES = ("detector", "detector_sha256", "min_face_score", "min_face_size", "max_faces", "face_margin")
_NOT_OF_ONE_IMAGE = frozenset(
    {"plan", "images", "model_name", "min_confidence", "shard_size", "task_index", "task_count"}
)
