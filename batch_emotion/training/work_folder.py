"""The folder of a training's checkpoints, and whether what lies in it was made in the same way."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from batch_emotion.errors import OutputMismatch
from batch_emotion.options.recipe import Recipe
from batch_emotion.storage.commits import commit_text
from batch_emotion.storage.targets import check_work_folder

_SHOWN = 40
_OURS = re.compile(r"fingerprint\.json|history\.csv|pixels|best\.weights\.h5|(checkpoint|answers|fold)-\d+(\..+)?")
_DIGESTS = {
    "training": "the training images are others",
    "validation": "the validation images are others",
    "labels": "the labels, or the classes that they mean, are others",
    "initial": "the model of `initial` is another",
    "groups": "the groups are others",
    "teachers": "the models of `teachers` are others",
}
_BEFORE = {"steps": None, "warm_up": 1.0, "frozen": 0, "judge": "loss"}
"""What a recipe of an earlier version did, which does not say so."""
_UNTOLD = {"labels"}
"""What an earlier version did not tell."""


def check_work(out: Path, resume: bool, overwrite: bool) -> None:
    """Refuse to lose the checkpoints of a training that was stopped, or what others put in their place.

    Args:
        out: the bundle's folder.
        resume: carry on with them.
        overwrite: start over without them.

    Raises:
        OutputMismatch: neither is asked for, and an epoch of a network or of a fold is done; or the folder is a file
            or holds other things.
    """
    work = _work(out)
    check_work_folder(work, lambda name: _OURS.fullmatch(name) is not None)
    if not (resume or overwrite) and any((*work.glob("history.csv"), *work.glob("fold-*/history.csv"))):
        raise OutputMismatch(
            f"{work} holds the checkpoints of a training that was stopped; "
            "give `resume` to carry on, or `overwrite` to start over"
        )


def open_work(out: Path, identity: Mapping[str, Any], resume: bool) -> Path:
    """The folder of checkpoints beside a bundle to be; emptied where it is not resumed.

    Args:
        out: the bundle's folder.
        identity: what decides how the weights come about, as JSON holds it; None is the same as not there.
        resume: carry on with what is in it.

    Raises:
        OutputMismatch: what is in it was made from something else; the message says what and how it differs.
    """
    work = _work(out)
    fingerprint = work / "fingerprint.json"
    if resume and fingerprint.is_file():
        before = json.loads(fingerprint.read_text(encoding="utf-8"))
        differing = _differences(_flat(before, _BEFORE), _flat(identity, {}))
        if differing:
            raise OutputMismatch(
                f"the checkpoints in {work} were made in another way: {'; '.join(differing)}. "
                "Give the same options again, or `overwrite` in place of `resume` to start over"
            )
    else:
        clear(work)
        work.mkdir()
        commit_text(fingerprint, json.dumps(identity, indent=2))
    return work


def clear(work: Path) -> None:
    """Remove the folder, where it is there."""
    if work.is_dir():
        shutil.rmtree(work)


def _work(out: Path) -> Path:
    return out.with_name(out.name + ".work")


def lasting(recipe: Recipe) -> dict[str, Any]:
    """What of a recipe a resumed training must share; a constant rate may go on for longer than was first asked."""
    free = {"patience", "mirror", "keep", "even_mix", "initial_weight"}
    if recipe.schedule != "cosine":
        free.add("epochs")
    return {key: value for key, value in asdict(recipe).items() if key not in free}


def _flat(values: Mapping[str, Any], missing: Mapping[str, Any]) -> dict[str, Any]:
    """The values without their nesting; of the recipe, those that are missing are filled in."""
    found: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            filled = {**missing, **value} if key == "recipe" else value
            found |= _flat(filled, {})
        else:
            found[key] = value
    return {key: value for key, value in found.items() if value is not None}


def _differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    found = []
    for key in dict.fromkeys([*now, *before]):
        if before.get(key) == now.get(key) or (key in _UNTOLD and key not in before):
            continue
        if key in _DIGESTS:
            found.append(_DIGESTS[key])
        else:
            found.append(f"`{key}` was {_shown(before.get(key))} and is {_shown(now.get(key))}")
    return found


def _shown(value: Any) -> str:
    if value is None:
        return "not given"
    text = ",".join(map(str, value)) if isinstance(value, list) else f"{value}"
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
