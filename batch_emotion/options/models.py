"""What several commands ask of a model: which one, and what runs it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from batch_emotion.options.checked import Checked
from batch_emotion.options.declared import option

RuntimeName = Literal["auto", "onnx", "tensorflow"]
Precision = Literal["float32", "mixed", "int8"]
Scaling = Literal["none", "unit", "symmetric", "imagenet"]

MODEL_HELP = (
    "A bundled model's name, or NAME@VERSION to pin it, a bundle's folder, or a network's file: .onnx, .tflite, "
    ".keras, .h5 or the folder of a SavedModel. One that export wrote names its classes; others need --classes."
)
ONLY_HELP = "Choose among these classes of the model alone, such as happy,sad,angry; at least two."
CLASS_PRIOR_HELP = (
    "The mix of classes that the probabilities assume: training (the model's own), uniform, auto (estimated from these "
    "images), or the share of every class, as in angry=0.1,happy=0.9."
)
KERAS_HELP = "A bundled model's name, a bundle's folder, or a .keras or .h5 file; other networks show no gradients."
CLASSES_HELP = "The classes of a network's file that does not name them, in the order of its outputs, with commas."
PICKLE_HELP = "Load a pickled model, which can run any code."
RUNTIME_HELP = "What runs the network; auto: ONNX Runtime on a CPU, TensorFlow on a GPU."


@dataclass(frozen=True)
class NetworkOptions(Checked):
    """What the file of a network does not say of itself; bundles and what ``export`` wrote say all.

    Attributes:
        image_size: (height, width) of the images that it is shown, where it takes any.
        scaling: of the pixels that it takes: ``none`` is 0 to 255, ``unit`` 0 to 1, ``symmetric`` -1 to 1, ``imagenet``
            less the mean of ImageNet's pixels and by their deviation, channel by channel.
        softmax: what it gives are logits, and a softmax makes them probabilities.

    Example::

        NetworkOptions(image_size=(224, 224), scaling="imagenet", softmax=True)
    """

    image_size: tuple[int, int] | None = option(
        None,
        "Size of the images for a network's file that takes any: 64, or height and width as in 64x48.",
        written="size",
        needs=("images", "model"),
    )
    scaling: Scaling = option(
        "none",
        "Pixels that a network's file takes: none (0 to 255), unit (0 to 1), symmetric (-1 to 1) or imagenet (its mean "
        "and deviation).",
        needs=("images", "model"),
    )
    softmax: bool = option(
        False, "The network's file gives logits: put a softmax behind it.", needs=("images", "model")
    )
