"""The images of an evaluation with their predictions and labels, and how both can be looked at otherwise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal, NotRequired, TypedDict

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from batch_emotion.labels.class_names import kept_classes, stated_prior
from batch_emotion.labels.repeats import Repeats
from batch_emotion.labels.results import classes_of
from batch_emotion.metrics.class_mix import with_mix
from batch_emotion.model.kept_classes import keep_classes
from batch_emotion.plan import Plan
from batch_emotion.records import Status
from batch_emotion.results.class_prior import ClassPrior
from batch_emotion.results.run_document import ClassPriorRecord


class EvaluatedModel(TypedDict):
    """The model of an evaluation; of a result, as far as it is known.

    ``class_names`` are those it was judged among, and ``not_asked`` its other ones, where ``only`` left some out.
    """

    name: str
    sha256: str | None
    architecture: NotRequired[str]
    parameters: NotRequired[int]
    class_names: list[str]
    not_asked: NotRequired[list[str]]
    runtime: str
    decoder: NotRequired[str]


@dataclass(frozen=True)
class Gathered:
    """N images with their predictions and their labels.

    Attributes:
        plan: the images.
        labels: of each, lower case, of the model's classes or not; empty where there is none.
        statuses: of each.
        class_names: the K classes of the model.
        probabilities: float32 (N, K); 0 where the status is not ok.
        columns: the other columns of their manifest or result, of N rows.
        training_mix: the share of each class in the model's training; empty where that is not known.
        held_mix: the shares that the probabilities hold for; likewise.
        in_training: bool (N,), whether the same pixels are in the training data; None where that is not known.
        unknown_training: why it is not known.
        data_name: the name of the folder, manifest or result.
        data_kind: which of these the images came from.
        unlabelled: how many have no label; they need not be among the N.
        model: the model, for the record.
        class_prior: the mix of classes that the probabilities hold for; None where nobody asked for one.
        labels_name: the manifest whose columns are among the others; empty where there is none.
        repeats: which rows list an image again; those with different labels have none.
        labels_summary: where the labels of a result come from, in words; empty where they come with the images.
    """

    plan: Plan
    labels: list[str]
    statuses: list[str]
    class_names: tuple[str, ...]
    probabilities: NDArray[np.float32]
    columns: pa.Table
    training_mix: Mapping[str, float]
    held_mix: Mapping[str, float]
    in_training: NDArray[np.bool_] | None
    unknown_training: str
    data_name: str
    data_kind: Literal["folders", "manifest", "result"]
    unlabelled: int
    model: EvaluatedModel
    class_prior: ClassPriorRecord | None = None
    labels_name: str = ""
    repeats: Repeats = field(default_factory=Repeats)
    labels_summary: str = ""

    @property
    def tables(self) -> list[str]:
        """What the columns are of, by name."""
        return [self.data_name, *filter(None, [self.labels_name])]

    @cached_property
    def scored(self) -> NDArray[np.bool_]:
        """Whether each image was scored, bool (N,)."""
        return np.array([status == Status.OK for status in self.statuses], bool)

    @cached_property
    def classes(self) -> NDArray[np.intp]:
        """The number of each label's class, intp (N,), -1 where it is none of the model's."""
        return classes_of(pa.array(self.labels, pa.string()), self.class_names)

    @cached_property
    def judged(self) -> NDArray[np.bool_]:
        """Whether each image was scored and has a label among the classes, bool (N,)."""
        return self.scored & (self.classes >= 0)

    @cached_property
    def predicted(self) -> NDArray[np.intp]:
        """The class with the highest probability, intp (N,)."""
        predicted: NDArray[np.intp] = self.probabilities.argmax(axis=1)
        return predicted


def under_prior(gathered: Gathered, text: str | None) -> Gathered:
    """The same images with the probabilities that they have under a mix of classes; as they are where it is None.

    Raises:
        UsageError: it is no such mix, or that of the training is not known.
    """
    if text is None:
        return gathered
    names, scored = gathered.class_names, gathered.scored
    prior = ClassPrior.asked_for(stated_prior(text, names), names, gathered.training_mix)
    if prior.training is None:
        return gathered
    before = np.array([gathered.held_mix[name] for name in names])
    training = np.array([prior.training[name] for name in names])
    at_training = with_mix(gathered.probabilities[scored], before, training)
    prior = prior.estimated_from([at_training])
    probabilities = gathered.probabilities.copy()
    if prior.applied is not None:
        probabilities[scored] = with_mix(at_training, training, np.array([prior.applied[name] for name in names]))
    return replace(gathered, probabilities=probabilities, class_prior=prior.as_record())


def keep_gathered(gathered: Gathered, only: Sequence[str] | None) -> Gathered:
    """The same images judged among some classes alone; the labels of the others count as none of the model's.

    Raises:
        UsageError: a class is not the model's, or fewer than two are left.
    """
    kept = kept_classes(gathered.class_names, only)
    if kept == gathered.class_names:
        return gathered
    others = [name for name in gathered.class_names if name not in kept]
    return replace(
        gathered,
        class_names=kept,
        probabilities=keep_classes(gathered.probabilities, gathered.class_names, kept),
        model={**gathered.model, "class_names": list(kept), "not_asked": others},
    )
