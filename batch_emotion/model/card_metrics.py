"""The metrics of a card: what is known of a model's quality, as ``card.json`` holds it."""

from __future__ import annotations

from typing import Any, NotRequired, TypedDict

from batch_emotion.metrics.scores import Agreement, Scores


class Majorities(TypedDict):
    """How many images were found in a table of votes, and by how many parts of their paths."""

    matched: int
    unmatched: int
    matched_by_parts: dict[str, int]


class AgreementWithVotes(Majorities):
    """Agreement with the clear majorities of a table of votes, with and without images of the training data."""

    votes: str
    all: Agreement
    without_duplicates: Agreement | None


class LeftOut(TypedDict):
    """The predictions of images whose label the model lacks: how many of each class, and how confident."""

    images: int
    mean_confidence: float
    predicted: dict[str, int]


class ClassRecall(TypedDict):
    """How many images of a class there are, and the share of them that is predicted so."""

    images: int
    recall: float


class CarriedOver(TypedDict):
    """Scores on one kind of pictures, under one assumed mix of classes (``training`` or ``uniform``)."""

    data: str
    classes: int
    prior: str
    images: int
    accuracy: float
    mean_recall: float
    ece: float
    recall: dict[str, ClassRecall]


class Calibration(TypedDict):
    """The temperature, and the calibration error before it and, cross-fitted over so many folds, after it.

    There is no error after it where it was fitted to a single image.
    """

    temperature: float
    ece_before: float
    ece_after: NotRequired[float]
    folds: NotRequired[int]


class Speed(TypedDict, total=False):
    """The pace of a model on a machine, and what it has to compute."""

    images_per_second: float
    of_seed_cnn: float
    mflops: float
    onnx_bytes: int | None
    machine: str


class Int8Quality(TypedDict):
    """The int8 network beside the float32 one on labelled images; ``float_layers`` convolutions stay in float32."""

    data: str
    images: int
    agreement: float
    accuracy: float
    float32_accuracy: float
    float_layers: int


class Spread(TypedDict):
    """A score over the folds of a cross-validation: mean, standard deviation, least and highest."""

    mean: float
    deviation: float
    low: float
    high: float


class CrossValidation(TypedDict):
    """Scores over so many folds; ``epochs`` is how many the final network was trained for."""

    folds: int
    epochs: int
    accuracy: Spread
    mean_recall: Spread


class CardMetrics(TypedDict, total=False):
    """The part ``metrics`` of a card; each key is there where it was measured.

    ``training``, ``validation`` and ``validation_without_duplicates`` are scores on the data of the training,
    ``in_training`` is how many validation images are in the training data too, those of the models that it started from
    with them, and ``near_duplicates`` how many have a near-duplicate among its own. ``evaluation`` and
    ``evaluation_without_duplicates`` are those of an ``evaluate`` on the data named ``evaluated_on``, and so are
    ``agreement`` and ``left_out``; ``carried_over`` is what ``tests/bench/carry.py`` measures.
    """

    training: Scores
    validation: Scores
    validation_without_duplicates: Scores
    in_training: int
    near_duplicates: int
    cross_validation: CrossValidation
    calibration: Calibration
    evaluated_on: str
    evaluation: Scores
    evaluation_without_duplicates: Scores
    agreement: AgreementWithVotes
    carried_over: list[CarriedOver]
    left_out: dict[str, LeftOut]
    speed: Speed
    int8: Int8Quality


def rename_left_out(left_out: dict[str, Any]) -> dict[str, LeftOut]:
    """The part ``left_out`` of a format 1, which has ``said`` for ``predicted``, in this format."""
    return {
        label: {
            "images": each["images"],
            "mean_confidence": each["mean_confidence"],
            "predicted": each["said"] if "said" in each else each["predicted"],
        }
        for label, each in left_out.items()
    }
