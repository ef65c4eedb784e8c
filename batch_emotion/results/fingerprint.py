"""What makes two runs the same run: all that decides a result's rows and their cut into shards."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from functools import cache
from typing import Any

from batch_emotion.options.declared import Effect, leaves, values
from batch_emotion.options.predict import PredictOptions
from batch_emotion.options.runs import Task

_NOT_OF_ONE_IMAGE = frozenset({"plan", "images", "model_name"})
_TOLD_BY_ANOTHER = frozenset({"model_version"})
_OF_FACES = ("detector", "detector_sha256", "min_face_score", "min_face_size", "max_faces", "face_margin")


def deciding_options(options: PredictOptions) -> dict[str, Any]:
    """The value of every option that is declared to change a result, by its key; a run without tasks is task 0 of 1."""
    found = values(replace(options, task=options.task or Task(0, 1)))
    return {leaf.key: found[leaf.key] for leaf in leaves(type(options)) if leaf.declaration.effect is not None}


@cache
def _defaults() -> dict[str, Any]:
    return deciding_options(PredictOptions(()))


@dataclass(frozen=True)
class Fingerprint:
    """All that decides a result's rows and their cut into shards.

    In JSON it is one flat object; a key that an older version did not know yet stands for its default.

    Attributes:
        plan: the plan's digest.
        images: rows of the whole plan.
        model, model_name: the model's sha256 and name.
        runtime: what runs the network.
        decoder: what decodes the images.
        detector, detector_sha256: what finds faces; None where every image is taken whole.
        model_version: of a bundled model, such as 2; None where it is none, or a version before this key made it.
            It follows from the sha256 and is compared with nothing.
        options: as ``deciding_options`` gives them, with what they leave to others filled in.
    """

    plan: str
    images: int
    model: str
    model_name: str
    runtime: str
    decoder: str
    detector: str | None = None
    detector_sha256: str | None = None
    model_version: int | None = None
    options: Mapping[str, Any] = field(default_factory=_defaults)

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Fingerprint:
        """Read what ``as_dict`` gave, in this version or an older one."""
        own = {each.name for each in fields(cls)}
        facts = {key: value for key, value in document.items() if key in own}
        options = {key: value for key, value in document.items() if key not in own}
        return cls(**facts, options=_defaults() | options)

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        facts = asdict(replace(self, options={}))
        del facts["options"]
        return facts | dict(self.options)

    def to_json(self) -> str:
        """For a file's footer."""
        return json.dumps(self.as_dict())

    @property
    def shard_size(self) -> int:
        """Images in a shard."""
        return int(self.options["shard_size"])

    @property
    def task(self) -> Task:
        """Which part of the whole plan the rows are of."""
        return Task(int(self.options["task_index"]), int(self.options["task_count"]))

    def with_options(self, **changes: Any) -> Fingerprint:
        """The same with other options."""
        return replace(self, options={**self.options, **changes})

    def of_faces(self) -> dict[str, str]:
        """How faces were found, for a file's footer; empty where every image was taken whole."""
        document = self.as_dict()
        return {} if self.detector is None else {name: str(document[name]) for name in _OF_FACES}

    def scores_like(self, other: Mapping[str, Any]) -> bool:
        """Whether an image would get the same probabilities as in another run, whatever the two runs' plans."""
        return not self.why_scores_differ(other)

    def why_scores_differ(self, other: Mapping[str, Any]) -> list[str]:
        """What would give an image other probabilities than in another run, in words for the user."""
        of_one_image = {key for key in self.as_dict() if key not in self.options} - _NOT_OF_ONE_IMAGE
        of_one_image |= {key for key in self.options if _effects().get(key) == "scores"}
        return self._in_words(other, [key for key in self._differing(other) if key in of_one_image])

    def differences(self, other: Mapping[str, Any]) -> list[str]:
        """What differs from another run's fingerprint, in words for the user."""
        return self._in_words(other, self._differing(other))

    def _in_words(self, other: Mapping[str, Any], differing: list[str]) -> list[str]:
        mine, theirs = self.as_dict(), _defaults() | dict(other)
        if "detector" in differing:  # what it left to it follows from it
            without = [key for key in _OF_FACES if None in (theirs.get(key), mine[key])]
            differing = [key for key in differing if key == "detector" or key not in ("detector_sha256", *without)]
        shown = {
            key: ("none" if value is None else value for value in (theirs.get(key), mine[key])) for key in differing
        }
        words = {key: "{} ({} then, {} now)".format(key.replace("_", "-"), *values) for key, values in shown.items()}
        if "plan" in words:
            was, now = theirs.get("images"), self.images
            words.pop("images", None)
            changed = "their files, or cells of the manifest, were changed"
            detail = f"{was} images then, {now} now" if was != now else changed
            words = {"plan": ""} | words | {"plan": f"the images ({detail})"}
        if "model" in words:
            words.pop("model_name", None)
            model = f"the model ({_full_name(theirs)} then, {_full_name(mine)} now)"
            words = {"model": ""} | words | {"model": model}
        return list(words.values())

    def _differing(self, other: Mapping[str, Any]) -> list[str]:
        theirs = _defaults() | dict(other)
        return [
            key for key, value in self.as_dict().items() if value != theirs.get(key) and key not in _TOLD_BY_ANOTHER
        ]


def _full_name(document: Mapping[str, Any]) -> str:
    """What a model is called, with its version where that is known."""
    name, version = document.get("model_name"), document.get("model_version")
    return f"{name}@{version}" if version else str(name)


@cache
def _effects() -> dict[str, Effect | None]:
    return {leaf.key: leaf.declaration.effect for leaf in leaves(PredictOptions)}
