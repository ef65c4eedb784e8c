"""The file of a network, which may say itself what its outputs mean: ONNX, TFLite, SavedModel, Keras."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

import numpy as np

from batch_emotion.errors import BundleError, one_line
from batch_emotion.model.adaptation import Adaptation, NetworkInput
from batch_emotion.model.card import Card, check_class_names
from batch_emotion.model.interface import check_probabilities, probe_pixels
from batch_emotion.options.models import NetworkOptions
from batch_emotion.packages import load_tensorflow, require_packages
from batch_emotion.storage.escaping import escape_name

NetworkKind = Literal["keras", "h5", "pickle", "onnx", "tflite", "savedmodel"]

SUFFIXES: dict[str, NetworkKind] = {
    ".keras": "keras",
    ".h5": "h5",
    ".hdf5": "h5",
    ".pkl": "pickle",
    ".pickle": "pickle",
    ".joblib": "pickle",
    ".onnx": "onnx",
    ".tflite": "tflite",
}
CARD = "batch_emotion.card"
"""The key of the card among the texts that ``export`` puts into a network."""
TEXTS = "batch_emotion.json"
"""The file of these texts, in a zip archive, a folder ``assets.extra``, or as an attribute of HDF5."""
ASSETS = "assets.extra"


def kind_of(path: Path) -> NetworkKind | None:
    """Of what kind a network's file is, by its name; None where it is none, such as the folder of a bundle."""
    if (path / "saved_model.pb").is_file():
        return "savedmodel"
    return SUFFIXES.get(path.suffix.lower())


def load_keras(file: Path) -> Any:
    """Load a Keras network, in safe mode unless it is a pickle.

    Raises:
        BundleError: it cannot be loaded.
        UsageError: Keras or TensorFlow is not installed.
    """
    require_packages(f"the Keras network {file.name}", "tensorflow", "keras")
    try:
        if SUFFIXES.get(file.suffix.lower()) == "pickle":
            import joblib

            load_tensorflow()
            return joblib.load(file)
        load_tensorflow()
        import keras

        return keras.models.load_model(file, compile=False, safe_mode=True)
    except Exception as error:
        raise BundleError(f"{file} cannot be loaded by Keras: {one_line(error)}") from error


def card_inside(path: Path, kind: NetworkKind) -> Card | None:
    """The card that ``export`` put into a network's file; None where there is none.

    Raises:
        BundleError: it is there and makes no sense.
    """
    card = _texts(path, kind).get(CARD)
    if card is None:
        return None
    return Card.from_json(card if isinstance(card, str) else json.dumps(card))


def _texts(path: Path, kind: NetworkKind) -> Mapping[str, Any]:
    content: str | bytes = "{}"
    with suppress(OSError, KeyError, zipfile.BadZipFile):
        match kind:
            case "onnx":
                from batch_emotion.model.onnx_file import open_onnx

                return dict(open_onnx(path).get_modelmeta().custom_metadata_map)
            case "keras" | "tflite":
                with zipfile.ZipFile(path) as archive:
                    content = archive.read(TEXTS)
            case "h5":
                require_packages(f"the Keras network {path.name}", "tensorflow", "keras", "h5py")
                import h5py

                with h5py.File(path, "r") as file:
                    content = file.attrs[TEXTS]
            case "savedmodel":
                content = (path / ASSETS / TEXTS).read_bytes()
    try:
        texts = json.loads(content)
    except ValueError as error:
        raise BundleError(f"{path.name} carries a {TEXTS} that is not JSON: {error}") from None
    return texts if isinstance(texts, dict) else {}


def card_told(path: Path, kind: NetworkKind, class_names: tuple[str, ...], options: NetworkOptions) -> Card:
    """The card of a network of another's making: what its file says, and what was told.

    Args:
        path: the file, or the folder of a SavedModel.
        kind: of the file.
        class_names: in the order of its outputs.
        options: what else the file does not say.

    Raises:
        BundleError: the network takes no images, gives no probabilities of these classes, or cannot be loaded.
    """
    check_class_names(class_names)
    match kind:
        case "onnx":
            from batch_emotion.model.onnx_file import onnx_input, open_onnx

            taken = onnx_input(open_onnx(path), path.name)
        case "tflite":
            from batch_emotion.model.litert import tflite_input

            taken = tflite_input(path)
        case "savedmodel":
            from batch_emotion.model.savedmodel import open_savedmodel

            taken = open_savedmodel(path).taken
        case _:
            return _keras_card(path, class_names, options)
    spec = taken.spec(options.image_size, path.name)
    name = escape_name(path.name)
    return Card(name, f"a network of another's making, {name}", "unknown", class_names, spec, 0)


def _keras_card(path: Path, class_names: tuple[str, ...], options: NetworkOptions) -> Card:
    model = load_keras(path)
    shape = getattr(model, "input_shape", None)
    if not isinstance(shape, tuple) or len(shape) != 4:
        raise BundleError(
            f"{path.name} takes {shape}, but one input of images, (batch, height, width, channels), is needed"
        )
    taken = NetworkInput.of(shape, "float32", path.name)
    spec = taken.spec(options.image_size, path.name)
    adaptation = Adaptation(options.scaling, options.softmax)
    outputs = model(taken.fed(probe_pixels(spec), adaptation).astype(np.float32), training=False)
    if isinstance(outputs, list | tuple | dict):
        raise BundleError(
            f"{path.name} has {len(outputs)} outputs of their own, but one row of probabilities is needed"
        )
    probabilities = adaptation.probabilities(np.asarray(outputs)) if adaptation.softmax else np.asarray(outputs)
    check_probabilities(probabilities, len(class_names), path.name)
    return Card(escape_name(path.name), "a bare Keras file", model.name, class_names, spec, model.count_params())
