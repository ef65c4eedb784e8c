"""How a network is trained: the options that ``train`` hands to its loop."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from batch_emotion.options.checked import Checked
from batch_emotion.options.declared import group, option


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
        epochs: how many; each is one pass over the training images where ``steps`` is not given.
        steps: steps in an epoch, so that a tiny set is seen several times and a huge one in part; every image is seen
            as often as any other, give or take one.
        batch_size: images in a step.
        optimizer: ``adam``, or ``sgd`` with Nesterov momentum 0.9.
        learning_rate: of the optimizer, at its peak.
        schedule: ``constant``; or ``cosine``: rises over ``warm_up`` epochs, then falls to 0 along half a cosine
            (Loshchilov and Hutter, arXiv 1608.03983).
        warm_up: epochs over which the rate rises under ``cosine``.
        frozen: epochs in which only the last layer is trained, at ten times the rate; then the rest joins in, and the
            schedule begins.
        weight_decay: decoupled from the gradient, on kernels only (Loshchilov and Hutter, arXiv 1711.05101).
        label_smoothing: the part of every target that is spread over all classes (Szegedy et al., arXiv 1512.00567).
        ema: momentum of a running average of the weights, over steps; it is what is validated and kept. 0 is off.
        initial_weight: the part of the finished weights that is that of the model it started from, which keeps more of
            what that one could, on pictures unlike those trained on too (Wortsman et al., arXiv 2109.01903).
        augmentation: how far images are varied.
        degradation: how far images are made worse before that.
        balance: draw images of rare classes more often: 0 not at all, 1 until all classes are alike. What is kept
            is brought back to the mix of the training data.
        even_mix: how far the mix of classes that the probabilities assume goes from that of the training data, 0, to an
            even one, 1. In between, more of the rare classes is found at a small price among the common ones.
        class_weights: weigh every class alike, whatever its share of the images.
        precision: ``float32``; or ``mixed``: bfloat16 arithmetic on float32 weights, faster on processors that have it.
        mirror: make the finished network see each image and its mirror image, at twice the cost.
        keep: the weights that are kept: ``best``, those of the epoch that was best by ``judge``; or ``last``.
        judge: what makes an epoch the best on the validation images: the least ``loss``, the highest mean ``recall`` of
            the classes, or the highest ``accuracy``; of equal ones the one with the least loss.
        patience: stop after so many epochs without a better one and keep the best; None never stops.
        seed: random seed.
    """

    epochs: int = option(25, "Passes over the training images, or turns of --steps.", at_least=1)
    steps: int | None = option(
        None, "Steps in an epoch; default: one pass over the images. Each is seen as often as any other.", at_least=1
    )
    batch_size: int = option(32, "Images in a step.", at_least=1)
    optimizer: Literal["adam", "sgd"] = option("adam", "Adam, or SGD with Nesterov momentum 0.9.")
    learning_rate: float = option(1e-3, "Peak learning rate.", above=0)
    schedule: Literal["constant", "cosine"] = option(
        "constant", "Learning rate: constant, or up over --warm-up and down along a cosine."
    )
    warm_up: float = option(1.0, "Epochs over which the rate of a cosine rises.", at_least=0)
    frozen: int = option(0, "Train the last layer alone for so many epochs first, at ten times the rate.", at_least=0)
    weight_decay: float = option(0.0, "Shrink kernels by this times the rate, each step.", at_least=0)
    label_smoothing: float = option(0.0, "Spread this part of every target over all classes.", at_least=0, at_most=0.9)
    ema: float = option(0.0, "Keep a running average of the weights with this momentum.", at_least=0, at_most=0.99999)
    initial_weight: float = option(
        0.0, "The part of the finished weights that stays that of --from.", at_least=0, at_most=0.9, flag="from-weight"
    )
    augmentation: Augmentation = group(Augmentation, "Augmentation")
    degradation: Degradation = group(Degradation)
    balance: float = option(
        0.0,
        "Draw images of rare classes more often; 1: all classes alike.",
        at_least=0,
        at_most=1,
        heading="Rare classes",
    )
    even_mix: float = option(
        0.0,
        "The mix of classes that the probabilities assume: from that of the data, 0, to an even one, 1.",
        at_least=0,
        at_most=1,
    )
    class_weights: bool = option(False, "Weight every class alike.")
    precision: Literal["float32", "mixed"] = option(
        "float32", "mixed: bfloat16 arithmetic; the bundle is float32.", heading="Training"
    )
    mirror: bool = option(False, "Have the finished network see each image and its mirror image; twice the cost.")
    keep: Literal["best", "last"] = option("best", "The epoch whose weights are kept.")
    judge: Literal["loss", "recall", "accuracy"] = option(
        "loss", "What makes an epoch the best: least validation loss, highest mean recall, or highest accuracy."
    )
    patience: int | None = option(None, "Stop after this many epochs without a better one, and keep it.", at_least=1)
    seed: int = option(0, "Random seed.", at_least=0, at_most=2**32 - 1)
