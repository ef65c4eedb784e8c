"""The bundled models: where they lie, what each is for, and the versions that there have been of their weights.

``versions.csv`` in the models' folder has a line for each version: its sha256 (see ``Bundle.sha256``) tells which one a
bundle or a result is of, whatever they are called.
"""

from __future__ import annotations

import csv
import difflib
import os
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

from batch_emotion.errors import BundleError

MODEL_PATH = "BATCH_EMOTION_MODEL_PATH"
"""Environment variable: folders with versions of bundled models, ``emotion-7@2`` and the like, separated as in PATH."""

USES = {
    "emotion-7": "For most pictures: seven classes with neutral, which most faces in everyday pictures are. "
    "The option `only` leaves classes out, such as neutral.",
    "emotion-6": "For pictures that all show an expression: six classes, no neutral. "
    "A neutral face gets one of the six.",
    "fer2013-6": "To compare with figures published for FER-2013: answers as its labels do, where people often see "
    "something else. Four times slower.",
    "seed-cnn": "The baseline: the network that the project began with, small, fast and less accurate.",
}
"""When to use which of the bundled models, by name."""


@dataclass(frozen=True)
class Version:
    """One version of the weights of a bundled model; as text ``emotion-7@2``.

    Attributes:
        name: of the model.
        number: counts from 1.
        sha256: of all that decides its predictions.
        commit: in the project's history, holds this version where it is no longer the newest; else empty.
        change: what set it apart from the one before.
    """

    name: str
    number: int
    sha256: str
    commit: str
    change: str

    def __str__(self) -> str:
        return f"{self.name}@{self.number}"

    @property
    def how_to_get(self) -> str:
        """A command that takes an earlier version out of a clone of the project; empty for the newest."""
        if not self.commit:
            return ""
        return f"git archive --prefix={self}/ {self.commit}:models/{self.name} | tar -x"


def models_folder() -> Path:
    """Where the bundled models lie: inside an installed package, else in the source tree."""
    installed = Path(str(files("batch_emotion"))) / "_models"
    return installed if installed.is_dir() else Path(__file__).parents[2] / "models"


def bundled_models() -> list[str]:
    """The names of the models that come with the tool."""
    return sorted(path.parent.name for path in models_folder().glob("*/card.json"))


@cache
def versions() -> tuple[Version, ...]:
    """Every version of every bundled model, those of one model in their order."""
    with (models_folder() / "versions.csv").open(newline="", encoding="utf-8") as file:
        return tuple(
            Version(line["name"], int(line["version"]), line["sha256"], line["commit"], line["change"])
            for line in csv.DictReader(file)
        )


def versions_of(name: str) -> tuple[Version, ...]:
    """The versions of one model, the newest first; none where it is no bundled one."""
    return tuple(version for version in reversed(versions()) if version.name == name)


def version_of(sha256: str | None) -> Version | None:
    """Which version has this sha256; None where it is of none."""
    return next((version for version in versions() if version.sha256 == sha256), None)


def pinned_version(model: str | Path) -> Version | None:
    """The version that ``emotion-7@2`` names; None for any other name, and for a path such as ``./emotion-7@2``."""
    return next((version for version in versions() if isinstance(model, str) and str(version) == model), None)


def bundle_folder(model: str | Path) -> Path:
    """The folder of a bundle by its name, by its name with a version, or by its path.

    Raises:
        BundleError: there is none.
    """
    known, name, pinned = bundled_models(), str(model), pinned_version(model)
    if name in known:
        return models_folder() / name
    if pinned is not None and not pinned.commit:
        return models_folder() / pinned.name
    places = [Path(place) for place in os.environ.get(MODEL_PATH, "").split(os.pathsep) if place]
    for folder in (Path(model), *(place / name for place in places if pinned is not None)):
        if (folder / "card.json").is_file():
            return folder
    if pinned is not None:
        newest = versions_of(pinned.name)[0]
        raise BundleError(f"{pinned} does not come with this release, which has {newest}; {where_to_get(pinned)}")
    there_are = versions_of(name.partition("@")[0])
    if "@" in name and there_are:
        raise BundleError(f"there is no {name}: of this model there are {', '.join(map(str, reversed(there_are)))}")
    near = difflib.get_close_matches(name, known, 1)
    if near:
        raise BundleError(f"no model {name!r}; did you mean {near[0]}? There are {', '.join(known)}")
    raise BundleError(
        f"no model {name!r}: expected one of {', '.join(known)}, a bundle's folder, or a network's file (.onnx, "
        ".tflite, .keras, .h5)"
    )


def where_to_get(version: Version) -> str:
    """How to get an earlier version and have it used, in words for the user."""
    return (
        f"in a clone of the project, `{version.how_to_get}` makes the folder {version}; give its path as `model`, "
        f"or name the folder it is in with {MODEL_PATH}"
    )
