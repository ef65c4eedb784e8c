"""What is to be judged: the probabilities and the label of every image, scored now or read from an earlier result."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from batch_emotion.errors import SourceError, UsageError
from batch_emotion.images.decode import DECODER
from batch_emotion.images.labelled import LabelOptions, evaluation_folder, read_labelled
from batch_emotion.images.manifest import MANIFEST_SUFFIXES, read_manifest
from batch_emotion.images.pipeline import stream
from batch_emotion.images.sources import SourceOptions, make_plan
from batch_emotion.model.bundle import Bundle, bundled_models, load_bundle
from batch_emotion.model.runtime import RuntimeName, open_runtime
from batch_emotion.plan import Plan
from batch_emotion.records import Limits, Status, pixel_digests
from batch_emotion.results.reading import folder_labels, is_result, result_classes, result_probabilities
from batch_emotion.results.summary import read_run
from batch_emotion.scoring import Scorer
from batch_emotion.storage.remote import Place

OnBatch = Callable[[int, int, int], None]
"""Told after every batch: images done, of all, and those among them that could not be scored."""


@dataclass(frozen=True)
class Gathered:
    """N images with what the model said and what their labels say.

    Attributes:
        plan: the images.
        labels: of each, lower case, of the model's classes or not; empty where there is none.
        statuses: of each.
        class_names: the K classes of the model.
        probabilities: float32 (N, K); without meaning where the status is not ok.
        in_training: bool (N,), whether the same pixels stand in the training data; None where that is not known.
        unknown_training: why it is not known.
        data: what the images are, for the record.
        unlabelled: how many have no label; they need not be among the N.
        model: what the model is, for the record.
    """

    plan: Plan
    labels: list[str]
    statuses: list[str]
    class_names: tuple[str, ...]
    probabilities: NDArray[np.float32]
    in_training: NDArray[np.bool_] | None
    unknown_training: str
    data: dict[str, Any]
    unlabelled: int
    model: dict[str, Any]


def is_result_file(data: Path, path_column: str = "path") -> bool:
    """Whether DATA is a file that ``predict`` wrote, and no other manifest."""
    if data.suffix.lower() not in MANIFEST_SUFFIXES or not data.is_file():
        return False
    return is_result(read_manifest(data, path_column)[1])


def gather_images(
    data: Path,
    source: SourceOptions,
    bundle: Bundle,
    runtime: RuntimeName,
    limits: Limits,
    batch_size: int,
    on_batch: OnBatch,
) -> Gathered:
    """Read labelled images as ``train`` does, those of labels that the model lacks too, and score them.

    Raises:
        SourceError: there are no images of the model's classes.
    """
    class_names = bundle.card.class_names
    folder = evaluation_folder(data)
    options = LabelOptions(source)
    labelled = read_labelled(folder, class_names, options, absent_ok=True)
    unlabelled = labelled.ignored.get("", 0)
    names = [*class_names, *filter(None, labelled.ignored)]
    if len(names) > len(class_names):
        labelled = read_labelled(folder, names, options, absent_ok=True)
    plan = Plan(labelled.plan.images, labelled.plan.attributes.select([]))
    known = bundle.train_digests()
    scorer = Scorer(
        open_runtime(bundle, runtime),
        class_names,
        bundle.card.input,
        limits,
        batch_size=batch_size,
        with_digests=known is not None,
    )
    batches, failures = [], 0
    done = 0
    for rows in scorer.score(plan):
        batches.append(rows)
        done += rows.num_rows
        failures += rows.num_rows - pa.compute.sum(pa.compute.equal(rows["status"], Status.OK.value)).as_py()
        on_batch(done, len(plan), failures)
    table = pa.Table.from_batches(batches)
    return Gathered(
        plan,
        [names[number] for number in labelled.targets.argmax(axis=1)],
        table["status"].to_pylist(),
        class_names,
        result_probabilities(table, class_names),
        None if known is None else np.isin(table["pixel_digest"].to_pylist(), list(known)),
        "" if known is not None else f"{bundle.card.name} does not say what it was trained on",
        {"name": folder.resolve().name, "kind": "folders" if folder.is_dir() else "manifest"},
        unlabelled,
        _told(bundle, scorer.runtime.name),
    )


def gather_result(
    data: Path, model: str | Path | None, labels: Path | None, root: Place | None, limits: Limits
) -> Gathered:
    """Read a result of ``predict`` and join it with labels.

    Args:
        data: the result.
        model: what made it, which says what it was trained on; where None, the bundled model that the result names.
        labels: a manifest with path and label; where None, the result's own column ``label``, else the folders in its
            paths say what the images show.
        root: where relative paths start; the working directory where None.
        limits: what is refused when images are read to find those of the training data.

    Raises:
        UsageError: the labels or the model do not go with the result.
    """
    plan = make_plan([str(data)], SourceOptions(root=root or Path()))
    table = plan.attributes
    class_names = result_classes(table)
    if not len(plan):
        raise SourceError(f"{data} has no rows")
    labels_of_rows = _labels_of_result(plan, labels, class_names)
    bundle, unknown = find_maker(data, model, class_names)
    statuses = table["status"].to_pylist()
    in_training = None
    if "face_index" in table.column_names:
        unknown = "its rows are faces in photos, whose pixels are not those of the training images"
    elif bundle is not None:
        in_training, unknown = _read_again(plan, bundle, statuses, limits)
    told = _told(bundle, "") if bundle else {"name": _fingerprint(data).get("model_name", "unknown"), "sha256": None}
    return Gathered(
        Plan(plan.images, table.select([])),
        labels_of_rows,
        statuses,
        class_names,
        result_probabilities(table, class_names),
        in_training,
        unknown,
        {"name": data.name, "kind": "result"},
        labels_of_rows.count(""),
        told | {"class_names": list(class_names), "runtime": _fingerprint(data).get("runtime", "unknown")},
    )


def _labels_of_result(plan: Plan, labels: Path | None, class_names: tuple[str, ...]) -> list[str]:
    if labels is None:
        if "label" in plan.attributes.column_names:
            return [_label(cell) for cell in plan.attributes["label"].to_pylist()]
        found = folder_labels(plan.images["path"].to_pylist(), class_names)
        if not any(found):
            raise UsageError(
                "no path of the result has a folder named like a class; say what the images show with --labels"
            )
        return found
    given = make_plan([str(labels)])
    if "label" not in given.attributes.column_names:
        raise SourceError(f"{labels} has no column 'label'; --labels wants a manifest with the columns path and label")
    texts = [_label(cell) for cell in given.attributes["label"].to_pylist()]
    by_path = dict(zip(given.images["path"].to_pylist(), texts, strict=True))
    by_location = dict(zip(given.images["location"].to_pylist(), texts, strict=True))
    return [
        by_path.get(path) or by_location.get(location, "")
        for path, location in zip(plan.images["path"].to_pylist(), plan.images["location"].to_pylist(), strict=True)
    ]


def _label(cell: object) -> str:
    return "" if cell is None else str(cell).strip().lower()


def find_maker(data: Place, model: str | Path | None, class_names: tuple[str, ...]) -> tuple[Bundle | None, str]:
    """The bundle that made a result, or why there is none at hand."""
    fingerprint = _fingerprint(data)
    if model is None:
        name = fingerprint.get("model_name", "")
        bundle = load_bundle(name) if name in bundled_models() else None
        if bundle is None or bundle.sha256 != fingerprint.get("model"):
            return None, "the model that made the result is not a bundled one; name it with --model"
        return bundle, ""
    bundle = load_bundle(model)
    if bundle.card.class_names != class_names:
        raise UsageError(
            f"{bundle.card.name} has the classes {', '.join(bundle.card.class_names)}, "
            f"but {data} has {', '.join(class_names)}; give the model that made it"
        )
    if fingerprint.get("model", bundle.sha256) != bundle.sha256:
        raise UsageError(f"{data} was made by another model than {bundle.card.name}; give the one that made it")
    return bundle, ""


def _read_again(
    plan: Plan, bundle: Bundle, statuses: list[str], limits: Limits
) -> tuple[NDArray[np.bool_] | None, str]:
    """Which images stand in the training data; a result holds no pixels, so they are read once more."""
    known = bundle.train_digests()
    if known is None:
        return None, f"{bundle.card.name} does not say what it was trained on"
    digests: list[str] = []
    lost = 0
    for batch in stream(plan, bundle.card.input, limits, batch_size=256):
        digests += pixel_digests(batch.pixels)
        lost += sum(status != Status.OK for status in batch.facts["status"].to_pylist())
    lost -= sum(status != Status.OK for status in statuses)
    if lost > 0:
        return None, f"{lost} images of the result are not there any more; --root says where its paths start"
    return np.isin(digests, list(known)), ""


def _fingerprint(data: Place) -> dict[str, Any]:
    result = read_run(data).get("result") or {}
    fingerprint: dict[str, Any] = result.get("fingerprint") or {}
    return fingerprint


def _told(bundle: Bundle, runtime: str) -> dict[str, Any]:
    return {
        "name": bundle.card.name,
        "sha256": bundle.sha256,
        "architecture": bundle.card.architecture,
        "parameters": bundle.card.parameters,
        "class_names": list(bundle.card.class_names),
        "runtime": runtime,
        "decoder": DECODER,
    }
