"""What is evaluated: the probabilities and the label of every image, scored now or read from an earlier result."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from batch_emotion.errors import BatchEmotionError, SourceError, UsageError, spelled
from batch_emotion.evaluation.gathered import EvaluatedModel, Gathered
from batch_emotion.frames import GivenTable
from batch_emotion.images.decode import DECODER
from batch_emotion.images.pipeline import stream
from batch_emotion.labels.class_names import kept_classes
from batch_emotion.labels.reading import LabelReader, label_column_hint
from batch_emotion.labels.repeats import Repeats, absolute_locations, find_repeats
from batch_emotion.labels.results import Labels, find_labels, refuse_predicted
from batch_emotion.labels.targets import other_votes
from batch_emotion.labels.training import evaluation_folder, read_labelled
from batch_emotion.model.bundle import Bundle
from batch_emotion.model.runtime import open_runtime
from batch_emotion.options.images import Limits
from batch_emotion.options.labels import LabelSource
from batch_emotion.options.models import RuntimeName
from batch_emotion.options.train import LabelOptions
from batch_emotion.plan import Plan
from batch_emotion.records import Status, pixel_digests
from batch_emotion.results.reader import StoredResult, open_result, result_probabilities
from batch_emotion.results.schema import own_columns
from batch_emotion.scoring import Scorer
from batch_emotion.sources.missing import all_missing
from batch_emotion.sources.planning import plan_paths
from batch_emotion.storage.part_folders import part_files

OnBatch = Callable[[int, int, int], None]
"""Called after every batch with images done, all images, and those among the done that could not be scored."""


def find_result(data: Path | GivenTable) -> StoredResult | None:
    """DATA as what ``predict`` wrote; None where it is a folder of images or another manifest.

    Raises:
        SourceError: it is a directory of parts that cannot be read.
    """
    if isinstance(data, Path) and data.is_dir():
        return open_result(data) if part_files(data) else None
    with suppress(SourceError):
        return open_result(data)
    return None


def gather_images(
    data: Path | GivenTable,
    options: LabelOptions,
    bundle: Bundle,
    only: Sequence[str] | None,
    runtime: RuntimeName,
    limits: Limits,
    batch_size: int,
    on_batch: OnBatch,
    check: Callable[[pa.Table, str], None],
) -> Gathered:
    """Read labelled images as ``train`` does, those of labels that the model lacks too, and score them.

    Args:
        data: the folder or manifest, or a table in its place.
        options: which columns of a manifest hold its labels, and what labels mean.
        bundle: the model.
        only: the classes that votes need a column for; all of the model's where None.
        runtime: what runs the network.
        limits: what is refused.
        batch_size: images in a batch.
        on_batch: called after every batch.
        check: called before any image is scored, with the columns of the manifest and the name of the data, to refuse
            what would be refused after.

    Raises:
        SourceError: there are no images of the model's classes.
        BatchEmotionError: all of them are missing.
    """
    class_names = bundle.card.class_names
    kept = kept_classes(class_names, only)
    folder = evaluation_folder(data)
    name = folder.name if isinstance(folder, GivenTable) else folder.resolve().name
    labelled = read_labelled(folder, kept, options, absent_ok=True)
    unlabelled = labelled.ignored.get("", 0)
    others = other_votes(labelled.plan.attributes.column_names, kept, class_names)
    names = [*kept, *dict.fromkeys([*others, *filter(None, labelled.ignored)])]
    if len(names) > len(kept):
        labelled = read_labelled(folder, names, options, absent_ok=True)
    plan = Plan(labelled.plan.images, labelled.plan.attributes.select([]))
    columns = labelled.plan.attributes
    refuse_predicted(options.source.label_column, columns.column_names)
    check(columns, name)
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
    statuses = table["status"].to_pylist()
    if statuses.count(Status.MISSING) == len(plan):
        raise BatchEmotionError(all_missing(plan))
    return Gathered(
        plan,
        [names[number] for number in labelled.targets.argmax(axis=1)],
        statuses,
        class_names,
        np.nan_to_num(result_probabilities(table, class_names)),
        columns,
        bundle.card.class_prior,
        bundle.card.class_prior,
        None if known is None else np.isin(table["pixel_digest"].to_pylist(), list(known)),
        "" if known is not None else f"{bundle.card.name} has no record of its training images",
        name,
        "folders" if isinstance(folder, Path) and folder.is_dir() else "manifest",
        unlabelled,
        _model_record(bundle, scorer.runtime.name, class_names),
        repeats=labelled.repeats,
    )


def gather_result(
    result: StoredResult, options: LabelSource, reader: LabelReader, maker: tuple[Bundle | None, str], limits: Limits
) -> Gathered:
    """Read a result of ``predict`` and join it with labels.

    Args:
        result: the result.
        options: where its labels are.
        reader: which reads them.
        maker: the bundle that made it, to find images of its training data, or None and why it is not at hand.
        limits: which images are refused when they are read to find those of the training data.

    Raises:
        UsageError: the labels do not go with the result.
    """
    table, class_names = result.read(), result.class_names
    if not len(table):
        raise SourceError(f"{result.path} has no rows")
    labels_of_rows, columns, labels = _labels_of_rows(result, table, options, reader)
    plan = plan_paths(table["path"], options.root or Path(), table, image_column=options.image_column)
    bundle, unknown = maker
    unlabelled = labels_of_rows.count("")
    repeats = Repeats() if result.has_faces else _repeats(plan, labels_of_rows)
    for row in np.flatnonzero(repeats.disputed):
        labels_of_rows[row] = ""
    statuses = table["status"].to_pylist()
    in_training = None
    if result.has_faces:
        unknown = "its rows are faces in photos, whose pixels are not those of the training images"
    elif bundle is not None:
        in_training, unknown = _read_again(plan, bundle, statuses, limits)
    prior = result.class_prior
    training_mix = (prior["training"] if prior else None) or (bundle.card.class_prior if bundle else {})
    runtime = result.maker.runtime or "unknown"
    unloaded: EvaluatedModel = {
        "name": result.maker.name or "unknown",
        "sha256": result.maker.sha256,
        "class_names": list(class_names),
        "runtime": runtime,
    }
    return Gathered(
        Plan(plan.images, table.select([])),
        labels_of_rows,
        statuses,
        class_names,
        np.nan_to_num(result_probabilities(table, class_names)),
        columns,
        training_mix,
        prior["applied"] if prior and prior["applied"] else training_mix,
        in_training,
        unknown,
        result.path.name,
        "result",
        unlabelled,
        _model_record(bundle, runtime, class_names) if bundle else unloaded,
        prior,
        labels.origin if labels.more else "",
        repeats,
        labels.summary,
    )


def _repeats(plan: Plan, labels: list[str]) -> Repeats:
    paths, locations = (plan.images[name].combine_chunks() for name in ("path", "location"))
    texts = pa.array([label or None for label in labels], pa.string())
    return find_repeats(paths, absolute_locations(locations, Path()), texts)


def _labels_of_rows(
    result: StoredResult, table: pa.Table, options: LabelSource, reader: LabelReader
) -> tuple[list[str], pa.Table, Labels]:
    """The label of each row, the columns that the rows have, those beside the labels included, and these labels."""
    batches = table.to_batches()
    labels = find_labels(result, options, reader, batches, needed=True)
    if labels is None:
        own = table.select(own_columns(table.schema))
        raise UsageError(
            "nothing can be evaluated without labels; `labels` takes a manifest with path and label, or folders"
            f"{label_column_hint(own, reader)}"
        )
    columns = table
    for name in labels.more:
        if name not in table.column_names:
            columns = columns.append_column(name, pa.chunked_array([labels.values(batch, name) for batch in batches]))
    texts = [label or "" for batch in batches for label in labels.of(batch).to_pylist()]
    return texts, columns, labels


def _read_again(
    plan: Plan, bundle: Bundle, statuses: list[str], limits: Limits
) -> tuple[NDArray[np.bool_] | None, str]:
    """Which images are in the training data; a result holds no pixels, so they are read once more."""
    known = bundle.train_digests()
    if known is None:
        return None, f"{bundle.card.name} has no record of its training images"
    digests: list[str] = []
    lost = 0
    for batch in stream(plan, bundle.card.input, limits, batch_size=256):
        digests += pixel_digests(batch.pixels)
        lost += sum(status != Status.OK for status in batch.facts["status"].to_pylist())
    lost -= sum(status != Status.OK for status in statuses)
    if lost > 0:
        lost_in_words = "1 image of the result was" if lost == 1 else f"{lost:,} images of the result were"
        return None, spelled(f"{lost_in_words} not found; `root` names the folder that its paths start in")
    return np.isin(digests, list(known)), ""


def _model_record(bundle: Bundle, runtime: str, class_names: Sequence[str]) -> EvaluatedModel:
    others = [name for name in bundle.card.class_names if name not in class_names]
    made: EvaluatedModel = {
        "name": bundle.card.name,
        "sha256": bundle.sha256,
        "architecture": bundle.card.architecture,
        "parameters": bundle.card.parameters,
        "class_names": list(class_names),
        "runtime": runtime,
        "decoder": DECODER,
    }
    if others:
        made["not_asked"] = others
    return made
