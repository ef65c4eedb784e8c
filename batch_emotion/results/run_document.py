"""``<out>.run.json``: what made a result, and how the last run on it went."""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import UnionType
from typing import NotRequired, TypedDict, cast

from batch_emotion.errors import BatchEmotionError
from batch_emotion.metrics.quantification import EstimatedMix
from batch_emotion.storage.commits import commit_text, read_advice
from batch_emotion.storage.escaping import json_text
from batch_emotion.storage.places import Place


class ClassPriorRecord(TypedDict):
    """The mix of classes that the probabilities of a result assume: what was asked for, and shares by class.

    ``training`` is the mix that the network was trained on and ``applied`` the one that the probabilities hold for;
    both are None where the model's card does not give the former.
    """

    assumed: str
    training: dict[str, float] | None
    applied: dict[str, float] | None


class Counts(TypedDict):
    """Images by status, and images or the faces in them by emotion; ``vanished`` after an update.

    ``class_prior`` is there for a whole result, and so is ``estimated_mix``, the shares of the classes corrected for
    what the model takes for what, where its bundle knows that and there are enough images.
    """

    images: int
    faces: NotRequired[int]
    statuses: dict[str, int]
    emotions: dict[str, int]
    mean_confidence: float
    vanished: NotRequired[int]
    class_prior: NotRequired[ClassPriorRecord]
    estimated_mix: NotRequired[EstimatedMix]


class WorkerRecord(TypedDict):
    """What one worker of an engine that has several did."""

    worker: str
    images: int
    images_per_second: float


class RunCounts(Counts):
    """The counts of a run, its pace, and where its time went."""

    scored_in_this_run: int
    scoring_seconds: float
    images_per_second: float
    runtime: str
    threads: int
    workers: NotRequired[list[WorkerRecord]]
    profile_seconds: dict[str, float]
    update: dict[str, int] | None
    drift: dict[str, float] | None


class ModelRecord(TypedDict):
    """Which model scored: its version is None where it is no bundled one."""

    name: str
    version: NotRequired[int | None]
    sha256: str


class RunRecordDocument(TypedDict):
    """When a run began, with what, and how it ended."""

    run_id: str
    job: str
    started: str
    finished: str
    seconds: float
    exit_code: int
    error: str | None
    arguments: list[str]
    model: ModelRecord | None
    peak_memory_bytes: int | None
    host: str
    pid: int
    versions: dict[str, str]


class LastRun(RunRecordDocument, RunCounts):
    """The part ``last_run``: how the last run went, however it ended."""

    outcome: str


class ResultRecord(TypedDict):
    """The part ``result``: what made the rows of the output, and its digest."""

    tool: str
    finished: str
    fingerprint: dict[str, object]
    sha256: str
    counts: Counts


class RunDocument(TypedDict, total=False):
    """The content of ``run.json``; without ``result`` until a run has made one."""

    result: ResultRecord | None
    last_run: LastRun


def run_file(out: Place) -> Place:
    """Where an output's ``run.json`` stands."""
    return out.with_name(out.name + ".run.json")


def read_run(out: Place) -> RunDocument:
    """What an output's ``run.json`` holds; empty where there is none.

    Raises:
        BatchEmotionError: it cannot be read now, and may well hold one.
    """
    file = run_file(out)
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    except OSError as error:
        raise BatchEmotionError(read_advice(error, file)) from error
    parts = document.items() if isinstance(document, dict) else ()
    return cast(RunDocument, {name: part for name, part in parts if part is None or isinstance(part, dict)})


def whole_record(result: ResultRecord | None) -> ResultRecord | None:
    """The part ``result`` where it says all that later runs go by; else None, as if it were lost."""
    if not result or not _holds(result, {"fingerprint": dict, "counts": dict, "sha256": str}):
        return None
    counts = {"images": int, "statuses": dict, "emotions": dict, "mean_confidence": int | float}
    made = {"plan": str, "images": int, "model": str}
    return result if _holds(result["counts"], counts) and _holds(result["fingerprint"], made) else None


def _holds(part: Mapping[str, object], kinds: Mapping[str, type | UnionType]) -> bool:
    return all(isinstance(part.get(name), kind) for name, kind in kinds.items())


def write_run(out: Place, last_run: LastRun, result: ResultRecord | None = None) -> None:
    """Record how the last run went; ``result`` is kept from before where this run made none.

    Raises:
        BatchEmotionError: what is there cannot be read to be kept.
    """
    made = result if result is not None else read_run(out).get("result")
    document: RunDocument = {"result": made, "last_run": last_run}
    commit_text(run_file(out), json_text(document, indent=2) + "\n")
