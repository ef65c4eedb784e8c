"""The options of ``train``."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from batch_emotion.options.checked import Checked
from batch_emotion.options.declared import group, option
from batch_emotion.options.images import Limits, ManifestOptions
from batch_emotion.options.labels import MAP_LABELS_HELP, LabelMap

SIX_EMOTIONS = ("angry", "disgust", "fear", "happy", "sad", "surprise")


@dataclass(frozen=True)
class Augmentation(Checked):
    """How far training images are varied; 0 turns a kind off.

    Attributes:
        flip: mirror every second image.
        rotation: degrees to either side.
        shift: fraction of the side, both ways.
        zoom: fraction, in and out.
        brightness: fraction of the pixel range, both ways.
        contrast: fraction, both ways, around the image's mean.
        erase: grey out a rectangle in every second image, each side up to this fraction of the image's
            (Zhong et al., arXiv 1708.04896).
        mixup: blend pairs of images and their targets by a share drawn from Beta(mixup, mixup)
            (Zhang et al., arXiv 1710.09412).
    """

    flip: bool = option(True, "Mirror every second image.")
    rotation: float = option(10.0, "Turn images by up to this many degrees.", at_least=0)
    shift: float = option(0.1, "Move images by up to this part of their side.", at_least=0)
    zoom: float = option(0.1, "Zoom in and out by up to this part.", at_least=0, at_most=0.9)
    brightness: float = option(0.0, "Brighten and darken by up to this part.", at_least=0)
    contrast: float = option(0.0, "Raise and lower the contrast by up to this part.", at_least=0)
    erase: float = option(0.0, "Grey out a rectangle of up to this part of each side.", at_least=0, at_most=1)
    mixup: float = option(0.0, "Blend pairs of images; the Beta distribution's alpha.", at_least=0)


@dataclass(frozen=True)
class Degradation(Checked):
    """How far training images are made worse; 0 turns a kind off.

    Blur, shrinking and compression each fall on every second image, by draws of their own.

    Attributes:
        blur: the largest standard deviation of a Gaussian blur, in pixels of the network's input.
        shrink: the largest part of each side that is lost; the image is brought back to its size.
        jpeg: how far the quality of JPEG compression may fall below 100.
        gamma: the largest exponent of the light, and 1 over the smallest; on every image. 0 and 1 change nothing.
    """

    blur: float = option(0.0, "Blur every second image; the largest standard deviation, in pixels.", at_least=0)
    shrink: float = option(
        0.0, "Shrink every second image by up to this part, and enlarge it again.", at_least=0, at_most=0.95
    )
    jpeg: int = option(
        0, "Compress every second image as JPEG, with a quality down to 100 minus this.", at_least=0, at_most=99
    )
    gamma: float = option(0.0, "Darken and brighten by a gamma from 1 over this up to this; 0 is off.", at_least=0)

    @property
    def is_on(self) -> bool:
        """Whether any image is changed."""
        return bool(self.blur or self.shrink or self.jpeg or self.gamma > 1)


@dataclass(frozen=True)
class Recipe(Checked):
    """How a network is trained; the defaults are the seed's recipe.

    Attributes:
        epochs: passes over the training images.
        batch_size: images in a step.
        optimizer: ``adam``, or ``sgd`` with Nesterov momentum 0.9.
        learning_rate: of the optimizer, at its peak.
        schedule: ``constant``; or ``cosine``: rises over the first epoch, then falls to 0 along half a cosine
            (Loshchilov and Hutter, arXiv 1608.03983).
        weight_decay: decoupled from the gradient, on kernels only (Loshchilov and Hutter, arXiv 1711.05101).
        label_smoothing: the part of every target that is spread over all classes (Szegedy et al., arXiv 1512.00567).
        ema: momentum of a running average of the weights, over steps; it is what is validated and kept. 0 is off.
        augmentation: how far images are varied.
        degradation: how far images are made worse before that.
        balance: draw images of rare classes more often: 0 not at all, 1 until all classes are alike. What is kept
            is brought back to the mix of the training data.
        class_weights: weigh every class alike, whatever its share of the images.
        precision: ``float32``; or ``mixed``: bfloat16 arithmetic on float32 weights, faster on processors that have it.
        mirror: make the finished network see each image and its mirror image, at twice the cost.
        patience: stop after so many epochs without a better validation loss and keep the best; None never stops.
        seed: random seed.
    """

    epochs: int = option(25, "Passes over the training images.", at_least=1)
    batch_size: int = option(32, "Images in a step.", at_least=1)
    optimizer: Literal["adam", "sgd"] = option("adam", "Adam, or SGD with Nesterov momentum 0.9.")
    learning_rate: float = option(1e-3, "Peak learning rate.")
    schedule: Literal["constant", "cosine"] = option(
        "constant", "Learning rate: constant, or up in one epoch and down along a cosine."
    )
    weight_decay: float = option(0.0, "Shrink kernels by this times the rate, each step.", at_least=0)
    label_smoothing: float = option(0.0, "Spread this part of every target over all classes.", at_least=0, at_most=0.9)
    ema: float = option(0.0, "Keep a running average of the weights with this momentum.", at_least=0, at_most=0.99999)
    augmentation: Augmentation = group(Augmentation, "Augmentation")
    degradation: Degradation = group(Degradation)
    balance: float = option(
        0.0,
        "Draw images of rare classes more often; 1: all classes alike.",
        at_least=0,
        at_most=1,
        heading="Rare classes",
    )
    class_weights: bool = option(False, "Weight every class alike.")
    precision: Literal["float32", "mixed"] = option(
        "float32", "mixed: bfloat16 arithmetic; the bundle is float32.", heading="Training"
    )
    mirror: bool = option(False, "Have the finished network see each image and its mirror image; twice the cost.")
    patience: int | None = option(
        None, "Stop after this many epochs without a better validation loss, and keep the best.", at_least=1
    )
    seed: int = option(0, "Random seed.", at_least=0)


@dataclass(frozen=True)
class LabelOptions(Checked):
    """Where labels are, and which class each of them means.

    Attributes:
        source: a manifest's columns of paths and of labels, and what its paths are relative to.
        label_weight: where a manifest has both votes and labels, the part of a target that the label decides.
        map_labels: classes by the labels, numbers, folders or columns that mean them, beside the usual words.
    """

    source: ManifestOptions = group(ManifestOptions)
    label_weight: float = option(
        0.0, "With both votes and labels: the part of a target that the label decides.", at_least=0, at_most=1
    )
    map_labels: LabelMap | None = option(None, MAP_LABELS_HELP, written="pairs")


@dataclass(frozen=True)
class TrainOptions(Checked):
    """What to train and how.

    Attributes:
        data: one folder per class, ``train/`` and ``val/`` with those inside, or a manifest with path and label.
        out: the bundle's folder to be.
        architecture: a name of ``ARCHITECTURES``.
        class_names: which classes, in the order of the network's outputs.
        validation: labelled data to validate on; a part of ``data`` where None.
        validation_split: the fraction of every class put aside where there is no other validation data.
        labels: how manifests are labelled.
        initial: a model whose weights to start from, of the same architecture; its outputs are matched by class name.
        int8: add the network in int8, where it is as good on the validation images.
        recipe: how to train.
        teachers: models whose probabilities for the training images become a part of the targets.
        teacher_weight: that part.
        limits: what is refused.
        resume: carry on from the last checkpoint.
        overwrite: replace an existing bundle.
        summary: the card's one line; made from the scores where empty.
        about: a TOML file for the card: the licence of the weights, and the data.
        command: how to do it again, for the card.
    """

    data: Path = option(
        help="One folder per class, train/ and val/ with those inside, or a manifest with path and label or votes.",
        metavar="DATA",
        argument=True,
    )
    out: Path = option(help="The folder for the bundle.", heading="Data and model")
    architecture: str = option("seed-cnn", "The network: seed-cnn, pyramid or wide-pyramid.", flag="arch")
    class_names: tuple[str, ...] = option(
        SIX_EMOTIONS, "The classes, in the order of the outputs, separated by commas.", flag="classes", written="names"
    )
    validation: Path | None = option(None, "Labelled data to validate on; default: val/ or a part of DATA.")
    validation_split: float = option(
        0.2, "The part of every class put aside for validation.", at_least=0.01, at_most=0.9
    )
    labels: LabelOptions = group(LabelOptions)
    initial: str | None = option(
        None, "Start from this model's weights; outputs are matched by class name.", flag="from"
    )
    int8: bool = option(False, "Add the network in int8 where it is as good on the validation images.")
    recipe: Recipe = group(Recipe, "Training")
    teachers: tuple[str, ...] = option(
        (),
        "Learn from the probabilities of these models too: names or folders, separated by commas.",
        flag="teacher",
        written="texts",
        heading="Teachers",
    )
    teacher_weight: float = option(
        0.5, "The part of a target that the teachers decide.", at_least=0, at_most=1, needs="teacher"
    )
    limits: Limits = field(default_factory=Limits)
    summary: str = option("", "One line on the model for its card.", heading="Card")
    about: Path | None = option(
        None, "A TOML file for the card: the licence, and a table data with name, source, licence, faults."
    )
    resume: bool = option(False, "Carry on from the last checkpoint.", heading="Run")
    overwrite: bool = option(False, "Replace an existing bundle.")
    command: str = ""
