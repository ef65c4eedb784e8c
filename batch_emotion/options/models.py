"""What several commands ask of a model: which one, and what runs it."""

from __future__ import annotations

from typing import Literal

RuntimeName = Literal["auto", "onnx", "tensorflow"]
Precision = Literal["float32", "mixed"]

MODEL_HELP = "A bundled model's name, a bundle's folder, or a .keras or .h5 file (with --classes)."
ONLY_HELP = "Choose among these classes of the model alone, such as happy,sad,angry; at least two."
CLASS_PRIOR_HELP = (
    "The mix of classes that the probabilities assume: training, uniform, auto (estimated from these images), or the "
    "share of every class, as in angry=0.1,happy=0.9."
)
CLASSES_HELP = "The classes of a .keras or .h5 file, in the order of its outputs, separated by commas."
PICKLE_HELP = "Load a pickled model, which can run any code."
RUNTIME_HELP = "What runs the network; auto: ONNX Runtime on a CPU, TensorFlow on a GPU."
