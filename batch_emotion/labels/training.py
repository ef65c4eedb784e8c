"""Training and test data to a plan with a target for every image: folders per class, or a manifest with labels."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from batch_emotion.errors import SourceError
from batch_emotion.frames import GivenTable
from batch_emotion.labels.class_names import COMMON_EMOTIONS, folders_below, in_class_order, system_folder
from batch_emotion.labels.reading import LabelReader, left_out_line
from batch_emotion.labels.repeats import Repeats, absolute_locations, find_repeats
from batch_emotion.labels.targets import label_column, label_texts, manifest_targets, one_hot
from batch_emotion.labels.text import clean_labels
from batch_emotion.options.train import LabelOptions
from batch_emotion.plan import Plan
from batch_emotion.sources.folder import is_archive
from batch_emotion.sources.planning import make_plan, plan_file

TRAIN_FOLDERS = ("train", "training")
VALIDATION_FOLDERS = ("val", "valid", "validation", "test")


@dataclass(frozen=True)
class LabelledPlan:
    """Images and what they show.

    Attributes:
        plan: N images.
        targets: float32 (N, K), each row summing to 1; one-hot where there is one label.
        ignored: how many images had a label outside the classes, by that label; ``""`` where they had none.
        class_names: the K classes.
        in_system_folders: how many images lay in folders of systems and programs, by the folder's name.
        empty_folders: folders, in lower case, that could be a class and hold no images.
        voted: whether the targets are of a manifest's votes.
        repeats: which of its rows list an image again; those with different labels are none of the N.
    """

    plan: Plan
    targets: NDArray[np.float32]
    ignored: dict[str, int]
    class_names: tuple[str, ...] = ()
    in_system_folders: dict[str, int] = field(default_factory=dict)
    empty_folders: tuple[str, ...] = ()
    voted: bool = False
    repeats: Repeats = field(default_factory=Repeats)

    def __len__(self) -> int:
        return len(self.targets)

    @property
    def counts(self) -> dict[str, int]:
        """How many images each class has, by the likeliest class of each."""
        found = np.bincount(self.targets.argmax(axis=1), minlength=len(self.class_names))
        return dict(zip(self.class_names, found.tolist(), strict=True))

    def take(self, rows: NDArray[np.int64]) -> LabelledPlan:
        """The images of these rows, in their order."""
        images = self.plan.images.take(pa.array(rows))
        images = images.set_column(0, "index", pa.array(range(len(rows)), pa.int64()))
        plan = Plan(images, self.plan.attributes.take(pa.array(rows)), self.plan.left_out)
        return replace(self, plan=plan, targets=self.targets[rows])

    def remarks(self) -> list[str]:
        """What of the data is not used, or used more than once, a line each."""
        others = {label: count for label, count in self.ignored.items() if label}
        labels = left_out_line(others, len(self) + sum(others.values()), self.class_names, unit="labelled images")
        unlabelled = [f"{_images(self.ignored[''])} with no label"] if self.ignored.get("") else []
        system = [f"{_images(count)} in {name}, a system's folder" for name, count in self.in_system_folders.items()]
        empty = [f"the folder {name}, without images" for name in self.empty_folders]
        count = self.plan.left_out
        other = [f"{count:,} file{' that is no image' if count == 1 else 's that are no images'}"] if count else []
        left_out = [f"left out: {each}" for each in [*unlabelled, *system, *empty, *other]]
        return [*filter(None, [labels]), *left_out, *self.repeats.remarks()]


def labelled_splits(
    data: Path | GivenTable, class_names: Sequence[str] | None, options: LabelOptions | None = None
) -> tuple[LabelledPlan, LabelledPlan | None]:
    """Read DATA as ``train`` takes it; the second plan is there where DATA has a validation folder of its own.

    Args:
        data: the folder or manifest, or a table in its place.
        class_names: the classes; those of the training images where None.
        options: which columns of a manifest hold its labels.

    Raises:
        SourceError: no images of the classes are there, or DATA has none of the known layouts.
    """
    if isinstance(data, Path) and data.is_dir():
        train = _subfolder(data, TRAIN_FOLDERS)
        validation = _subfolder(data, VALIDATION_FOLDERS)
        if train is not None:
            training = read_labelled(train, class_names, options)
            known = training.class_names
            return training, read_labelled(validation, known, options, absent_ok=True) if validation else None
    return read_labelled(data, class_names, options), None


def evaluation_folder(data: Path | GivenTable) -> Path | GivenTable:
    """The part of DATA to evaluate on: its validation folder where it has training and validation folders, else all."""
    if isinstance(data, Path) and data.is_dir() and _subfolder(data, TRAIN_FOLDERS) is not None:
        return _subfolder(data, VALIDATION_FOLDERS) or data
    return data


def read_labelled(
    data: Path | GivenTable,
    class_names: Sequence[str] | None,
    options: LabelOptions | None = None,
    absent_ok: bool = False,
) -> LabelledPlan:
    """Read one folder per class, an archive of such, or a manifest; labels and names are read by a ``LabelReader``.

    Folders that systems and programs make are passed over.

    A manifest has a column ``label``, or votes: a column for every class, named like it, that holds how many people
    chose the class or how likely it is. Images with no vote for any of the classes are left out.

    Args:
        data: the folder, archive, table of images or manifest, or a table in the place of a manifest.
        class_names: the classes, in the order of the targets; where None the folders' names, the labels, or of votes
            those of the seven common emotions that have a column.
        options: which columns of a manifest hold its labels, and what labels mean.
        absent_ok: a class may be without images.

    Raises:
        SourceError: no images of the classes are there, or the manifest has neither labels nor votes.
        UsageError: an image of the manifest has different labels; votes may differ from row to row.
    """
    options = options or LabelOptions()
    if isinstance(data, GivenTable):
        labelled = _of_file(data, class_names, options)
    elif data.is_dir():
        plan = make_plan([str(data)])
        depth = len(data.parts)
        folders = [folders_below(path, depth) for path in plan.images["path"].to_pylist()]
        labelled = _of_folders(plan, folders, [each[0] if each else None for each in folders], class_names, options)
        labelled = replace(labelled, empty_folders=_empty_folders(data, labelled))
    elif data.is_file():
        labelled = _of_file(data, class_names, options)
    else:
        raise SourceError(f"no such file or directory: {data}")
    labelled = labelled.take(np.flatnonzero(labelled.targets.sum(axis=1) > 0))
    if not (isinstance(data, Path) and data.is_dir()):
        labelled = _without_disputed(labelled)
    names = labelled.class_names
    absent = [name for name, total in zip(names, labelled.targets.sum(axis=0), strict=True) if not total]
    if not names:
        raise SourceError(
            f"{data} has no folder with images, which would be a class, and no labels; "
            "give one folder per class, or a manifest"
        )
    if len(absent) == len(names) or (absent and not absent_ok):
        advice = "choose the classes there are with `class_names`"
        if absent_ok:
            advice = "give the folder that has a folder for each class, or a manifest with labels"
        raise SourceError(f"{data} has no images of: {', '.join(absent)}; {advice}{_hint_on_labels(labelled.ignored)}")
    return labelled


def _without_disputed(labelled: LabelledPlan) -> LabelledPlan:
    """Those alone that have one label each; but on an image people may vote in several rows."""
    paths, locations = (labelled.plan.images[name].combine_chunks() for name in ("path", "location"))
    labels = pa.array(["" if labelled.voted else labelled.class_names[at] for at in labelled.targets.argmax(axis=1)])
    repeats = find_repeats(paths, absolute_locations(locations, Path()), labels)
    return replace(labelled.take(np.flatnonzero(~repeats.disputed)), repeats=repeats)


def _of_folders(
    plan: Plan,
    folders: Sequence[tuple[str, ...]],
    names: Sequence[str | None],
    class_names: Sequence[str] | None,
    options: LabelOptions,
) -> LabelledPlan:
    """The images of a plan by the folders of each, of which one is the name of its class."""
    of_system = [system_folder(parts) for parts in folders]
    kept = [row for row, name in enumerate(of_system) if not name]
    labels = pa.array([names[row] for row in kept], pa.string())
    reader = _reader(class_names, labels, options)
    targets = np.zeros((len(plan), len(reader.class_names)), np.float32)
    targets[kept], ignored = one_hot(label_texts(labels, reader), reader.class_names)
    counted = dict(sorted(Counter(filter(None, of_system)).items()))
    return LabelledPlan(plan, targets, ignored, reader.class_names, counted)


def _empty_folders(data: Path, labelled: LabelledPlan) -> tuple[str, ...]:
    entries = [entry.name for entry in os.scandir(data) if os.path.isdir(entry.path) and not entry.name.startswith(".")]
    read = LabelReader(labelled.class_names).read_names(name for name in entries if not system_folder([name]))
    shares = labelled.targets.sum(axis=0).tolist()
    known = {name for name, share in zip(labelled.class_names, shares, strict=True) if share}.union(labelled.ignored)
    return tuple(sorted(set(read).difference(known)))


def _of_file(data: Path | GivenTable, class_names: Sequence[str] | None, options: LabelOptions) -> LabelledPlan:
    plan = plan_file(data, replace(options.source, label_column=None))
    if isinstance(data, Path) and is_archive(data.name) and not plan.attributes.column_names:
        folders = [folders_below(path, 0) for path in plan.images["path"].to_pylist()]
        return _of_folders(plan, folders, [each[-1] if each else None for each in folders], class_names, options)
    labels = label_column(data, plan.attributes, options.source.label_column)
    if class_names is None and labels is None:
        common = LabelReader(COMMON_EMOTIONS, options.map_labels)
        columns = set(common.read_names(plan.attributes.column_names))
        reader = LabelReader(in_class_order(columns.intersection(common.class_names)), options.map_labels)
    else:
        reader = _reader(class_names, labels, options)
    targets, ignored, voted = manifest_targets(data, plan.attributes, reader, options)
    return LabelledPlan(plan, targets, ignored, reader.class_names, voted=voted)


def _reader(
    class_names: Sequence[str] | None, labels: pa.Array | pa.ChunkedArray | None, options: LabelOptions
) -> LabelReader:
    """What reads labels as these classes, or as the classes that they are themselves."""
    if class_names is None:
        texts = [] if labels is None else clean_labels(labels).drop_null().unique().to_pylist()
        meant = map(str, (options.map_labels or {}).values())
        every = LabelReader(tuple(dict.fromkeys([*texts, *meant])), options.map_labels)
        class_names = in_class_order(every.class_of(text) or text for text in texts)
    return LabelReader(class_names, options.map_labels)


def _hint_on_labels(ignored: dict[str, int]) -> str:
    others = sorted(filter(None, ignored))
    if not others:
        return ""
    shown = f"{', '.join(others[:8])}{', …' if len(others) > 8 else ''}"
    return f", or say with `map_labels` which class a label means; the others are: {shown}"


def _images(count: int) -> str:
    return f"{count:,} image{'' if count == 1 else 's'}"


def _subfolder(data: Path, names: Sequence[str]) -> Path | None:
    folders = {entry.name.lower(): Path(entry.path) for entry in os.scandir(data) if os.path.isdir(entry.path)}
    return next((folders[name] for name in names if name in folders), None)
