"""TensorFlow's SavedModel: a folder with a network as a graph, which TensorFlow runs without Keras."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from batch_emotion.errors import BundleError, one_line
from batch_emotion.model.adaptation import UNADAPTED, Adaptation, NetworkInput
from batch_emotion.model.slicing import Stopwatch
from batch_emotion.packages import load_tensorflow, require_packages
from batch_emotion.storage.commits import file_sha256

_GRAPH = "saved_model.pb"
_NAMES = frozenset((_GRAPH, "variables", "assets", "assets.extra", "fingerprint.pb", "keras_metadata.pb"))


class OpenSavedModel(NamedTuple):
    """A loaded SavedModel: what it takes, the name of its input, and the function to call with that."""

    taken: NetworkInput
    input_name: str
    function: Any


def open_savedmodel(folder: Path) -> OpenSavedModel:
    """Load a SavedModel with the signature ``serving_default``, or the only one that it has.

    Raises:
        BundleError: it cannot be loaded, or takes no images.
        UsageError: TensorFlow is not installed.
    """
    require_packages(f"the SavedModel {folder.name}", "tensorflow")
    tf = load_tensorflow()

    try:
        loaded = tf.saved_model.load(str(folder))
    except Exception as error:
        raise BundleError(f"{folder} cannot be loaded by TensorFlow: {one_line(error)}") from error
    signatures = dict(loaded.signatures)
    function = signatures.get("serving_default") or next(iter(signatures.values()), None)
    if function is None:
        raise BundleError(f"{folder} has no signature to call; save it with one, serving_default")
    function.loaded = loaded  # its variables are gone with it
    inputs, outputs = function.structured_input_signature[1], function.structured_outputs
    if len(inputs) != 1 or len(outputs) != 1:
        raise BundleError(
            f"{folder.name} has {len(inputs)} inputs and {len(outputs)} outputs, but one input of images and one "
            "output of probabilities are needed"
        )
    (name, spec), *_ = inputs.items()
    if spec.shape.rank is None:
        raise BundleError(f"{folder.name} does not say what it takes; save it with a fixed number of axes")
    return OpenSavedModel(NetworkInput.of(spec.shape.as_list(), spec.dtype.name, folder.name), name, function)


class SavedModelRuntime(Stopwatch):
    """The network of a SavedModel under TensorFlow."""

    def __init__(self, folder: Path, adaptation: Adaptation = UNADAPTED) -> None:
        import tensorflow as tf

        super().__init__()
        self._opened, self._adaptation = open_savedmodel(folder), adaptation
        self._turn = Lock()  # TensorFlow spreads one batch over all cores; a second would only take memory
        self.name = f"tensorflow {tf.__version__}"

    def predict_proba(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Probabilities, float32 (B, K), of uint8 pixels (B, H, W, C); may be called from several threads at a time."""
        import tensorflow as tf

        taken, name, function = self._opened
        step = taken.batch or max(1, len(pixels))
        found = []
        with self._turn, self._working():
            for first in range(0, len(pixels), step):
                images = taken.fed(pixels[first : first + step], self._adaptation)
                (outputs,) = function(**{name: tf.constant(images)}).values()
                found.append(self._adaptation.probabilities(outputs.numpy()))
        return np.concatenate(found)


def savedmodel_names(folder: Path) -> frozenset[str]:
    """The names of what a SavedModel in a folder may hold; none where there is no SavedModel."""
    return _NAMES if (folder / _GRAPH).is_file() else frozenset()


def savedmodel_sha256(folder: Path) -> str:
    """Hex sha256 of all files of a SavedModel, their names and contents."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    lines = [f"{file_sha256(path)}  {path.relative_to(folder).as_posix()}\n" for path in files]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def save_savedmodel(model: Any, folder: Path, serving: Any) -> None:
    """Write a Keras model as a SavedModel whose signature takes uint8 ``pixels`` and gives ``probabilities``.

    Args:
        model: the Keras model, whose variables the folder holds.
        folder: is made.
        serving: a ``tf.function`` from pixels to a dictionary of probabilities.
    """
    import tensorflow as tf

    module = tf.Module()
    module.model = model
    module.serve = serving
    with tempfile.TemporaryDirectory() as scratch, _temporary_files_in(scratch):  # TensorFlow would leave some in /tmp
        tf.saved_model.save(module, str(folder), signatures={"serving_default": module.serve})


@contextmanager
def _temporary_files_in(folder: str) -> Iterator[None]:
    before, tempfile.tempdir = tempfile.tempdir, folder
    try:
        yield
    finally:
        tempfile.tempdir = before
