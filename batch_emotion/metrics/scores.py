"""The types of scores, as ``evaluation.json``, cards and reports hold them."""

from __future__ import annotations

from typing import Literal, NotRequired, TypedDict

Scalar = Literal["accuracy", "balanced_accuracy", "macro_f1", "ece", "log_loss"]
SCALARS: tuple[Scalar, ...] = ("accuracy", "balanced_accuracy", "macro_f1", "ece", "log_loss")
Interval = tuple[float, float]


class ClassScores(TypedDict):
    """The scores of one class; None where one is not defined, such as the precision of a class never predicted."""

    support: int
    precision: float | None
    recall: float | None
    f1: float | None
    intervals: NotRequired[dict[str, Interval | None]]


class Scores(TypedDict):
    """The scores of a model over labelled images: fractions, and ``log_loss`` in nats.

    Averages over classes are over those that have images. ``confusion_matrix`` counts by label (rows) and prediction.
    ``groups`` is how many people, videos or sessions the intervals resample; without it they resample images.
    """

    images: int
    accuracy: float
    balanced_accuracy: float
    macro_f1: float
    ece: float
    log_loss: float
    intervals: dict[str, Interval | None]
    per_class: dict[str, ClassScores]
    confusion_matrix: list[list[int]]
    groups: NotRequired[int]


class ReliabilityBin(TypedDict):
    """One bin of a reliability diagram: its edges, its images, and their means, None where it is empty."""

    low: float
    high: float
    images: int
    confidence: float | None
    accuracy: float | None


class ClassAgreement(TypedDict):
    """Agreement on the images of which people chose one class."""

    images: int
    agreement: float | None


class Agreement(TypedDict):
    """How often the model, and how often the label, is what a majority of people chose."""

    images: int
    agreement: float | None
    interval: Interval | None
    label_agreement: float | None
    per_class: dict[str, ClassAgreement]
