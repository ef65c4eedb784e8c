"""A model on disk: a folder that carries the network together with its class names and preprocessing."""

from __future__ import annotations

import csv
import hashlib
import json
from dataclasses import asdict, dataclass, field
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import Any, get_args, get_type_hints

import numpy as np
from numpy.typing import NDArray

from batch_emotion._version import DEFAULT_MODEL
from batch_emotion.errors import BundleError, one_line
from batch_emotion.model.card_metrics import CardMetrics, rename_left_out
from batch_emotion.model.interface import check_probabilities, probe_pixels
from batch_emotion.records import UNCERTAIN, InputSpec
from batch_emotion.storage.commits import file_sha256

FORMAT_VERSION = 2
"""2 has ``predicted`` where 1 has ``said`` in ``metrics["left_out"]``."""
GOLDEN_TOLERANCE = 1e-4
KERAS_SUFFIXES = frozenset({".keras", ".h5", ".hdf5"})
PICKLE_SUFFIXES = frozenset({".pkl", ".pickle", ".joblib"})


@dataclass(frozen=True)
class Card:
    """What a bundle says of itself, in ``card.json``.

    Attributes:
        name: the bundle's name.
        summary: one line for a list of models.
        architecture: the name of the network.
        class_names: the classes in the order of the network's outputs.
        input: what the network wants to be shown.
        parameters: how many weights it has.
        class_prior: the mix of classes that the probabilities hold for, name to share; empty where it is not known.
        metrics: scores by data set, such as ``{"validation": {"accuracy": 0.63, "images": 2982}}``, with agreement,
            calibration and speed beside them.
        training: the recipe: data, options, epochs, the command to run it again.
        layers: the layer table.
        versions: of the packages it was made with.
        files: sha256 of each other file of the bundle.
        format_version: of this format.
    """

    name: str
    summary: str
    architecture: str
    class_names: tuple[str, ...]
    input: InputSpec
    parameters: int
    class_prior: dict[str, float] = field(default_factory=dict)
    metrics: CardMetrics = field(default_factory=CardMetrics)
    training: dict[str, Any] = field(default_factory=dict)
    layers: list[dict[str, Any]] = field(default_factory=list)
    versions: dict[str, str] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    format_version: int = FORMAT_VERSION

    def to_json(self) -> str:
        """The content of ``card.json``."""
        return json.dumps(asdict(self), indent=2, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Card:
        """Read ``card.json``.

        Raises:
            BundleError: it is of a newer format, or not a card.
        """
        try:
            fields = json.loads(text)
            version = fields["format_version"]
            if version not in (1, FORMAT_VERSION):
                raise BundleError(f"the card has format version {version}; this version reads up to {FORMAT_VERSION}")
            if version == 1 and "left_out" in fields.get("metrics", {}):
                fields["metrics"]["left_out"] = rename_left_out(fields["metrics"]["left_out"])
            spec = fields["input"] | {"image_size": tuple(fields["input"]["image_size"])}
            fields |= {"class_names": tuple(fields["class_names"]), "input": InputSpec(**spec)}
            fields["format_version"] = FORMAT_VERSION
            card = cls(**fields)
            card.check()
        except (ValueError, KeyError, TypeError) as error:
            raise BundleError(f"card.json is not a model card: {error!r}") from None
        return card

    def check(self) -> None:
        """Refuse a card that cannot be of any model.

        Raises:
            BundleError: by its class names.
            ValueError: by something else.
        """
        check_class_names(self.class_names)
        if len(self.input.image_size) != 2 or not all(type(side) is int and side > 0 for side in self.input.image_size):
            raise ValueError(f"image_size: {self.input.image_size}")
        for name, choices in get_type_hints(InputSpec).items():
            if name != "image_size" and getattr(self.input, name) not in get_args(choices):
                raise ValueError(f"{name}: {getattr(self.input, name)!r}")
        if not isinstance(self.files, dict) or not all(isinstance(sha256, str) for sha256 in self.files.values()):
            raise ValueError(f"files: {self.files}")


@dataclass(frozen=True)
class Bundle:
    """A network ready to load, with its card.

    Attributes:
        card: class names, preprocessing, metrics.
        keras_file: the network as Keras saved it.
        onnx_file: the same network for ONNX Runtime, None where there is none.
        folder: the bundle's folder, None for a bare Keras file.
    """

    card: Card
    keras_file: Path
    onnx_file: Path | None = None
    folder: Path | None = None

    @cached_property
    def sha256(self) -> str:
        """Hex sha256 of all that decides the predictions: the networks, the class names, the preprocessing.

        Raises:
            BundleError: a network is not the one that the card describes.
        """
        networks = [self._digests[self.checked(path)] for path in (self.keras_file, self.onnx_file) if path]
        facts = json.dumps([networks, self.card.class_names, asdict(self.card.input)])
        return hashlib.sha256(facts.encode()).hexdigest()

    @cached_property
    def _digests(self) -> dict[Path, str]:
        return {}

    def checked(self, file: Path) -> Path:
        """One of the bundle's files, the same as when its card was written; a card without its sha256 cannot tell.

        Raises:
            BundleError: it is another one.
        """
        found = self._digests[file] = self._digests.get(file) or file_sha256(file)
        expected = self.card.files.get(file.name, found) if self.folder else found
        if found != expected:
            raise BundleError(
                f"{file} is not the file that card.json beside it describes (sha256 {found[:12]}…, on the card "
                f"{expected[:12]}…): it was damaged or replaced; get the whole bundle again"
            )
        return file

    def keras_model(self) -> Any:
        """Load the Keras network, in safe mode; it takes float32 pixels (B, H, W, C) of 0-255.

        Raises:
            BundleError: the file cannot be loaded, or is not the one that the card describes.
        """
        file = self.checked(self.keras_file)
        try:
            if file.suffix.lower() in PICKLE_SUFFIXES:
                import joblib

                return joblib.load(file)
            import keras

            return keras.models.load_model(file, compile=False, safe_mode=True)
        except Exception as error:
            raise BundleError(f"{file} cannot be loaded by Keras: {one_line(error)}") from error

    def golden(self) -> NDArray[np.float32]:
        """The expected probabilities of the golden inputs, float32 (N, K)."""
        if self.folder is None:
            raise BundleError(f"{self.card.name} is a bare Keras file and has no golden predictions")
        with (self.folder / "golden.csv").open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        return np.array([[row[f"p_{name}"] for name in self.card.class_names] for row in rows], np.float32)

    def train_digests(self) -> frozenset[str] | None:
        """The pixel digests of the images it was trained on; None where the model does not say."""
        file = self.folder / "train_hashes" if self.folder else None
        return frozenset(self.checked(file).read_text("ascii").split()) if file and file.is_file() else None

    def damaged_files(self) -> list[str]:
        """The files whose sha256 is not the card's, or that are gone."""
        if self.folder is None:
            return []
        return [
            name
            for name, sha256 in self.card.files.items()
            if not (self.folder / name).is_file() or file_sha256(self.folder / name) != sha256
        ]


def models_folder() -> Path:
    """Where the bundled models lie: inside an installed package, else in the source tree."""
    installed = Path(str(files("batch_emotion"))) / "_models"
    return installed if installed.is_dir() else Path(__file__).parents[2] / "models"


def bundled_models() -> list[str]:
    """The names of the models that come with the tool."""
    return sorted(path.parent.name for path in models_folder().glob("*/card.json"))


def load_bundle(
    model: str | Path = DEFAULT_MODEL, class_names: tuple[str, ...] | None = None, trust_pickle: bool = False
) -> Bundle:
    """Find a model by the name of a bundled one, by a bundle's folder, or by a ``.keras`` or ``.h5`` file.

    Args:
        model: the name or path.
        class_names: the classes of a bare Keras file, in the order of its outputs; a bundle brings its own.
        trust_pickle: take a pickled Keras model too; loading one runs whatever code it holds.

    Raises:
        BundleError: there is no such model, or it is damaged.
    """
    path = Path(model)
    suffix = path.suffix.lower()
    if suffix in PICKLE_SUFFIXES and not trust_pickle:
        raise BundleError(
            f"{path.name} is a pickle, which can run any code when loaded: give `trust_pickle` if you made it"
        )
    if suffix in KERAS_SUFFIXES | PICKLE_SUFFIXES:
        return _bare_keras_file(path, class_names)
    if class_names is not None:
        raise BundleError("a bundle names its own classes; `class_names` goes with a .keras or .h5 file only")
    known = bundled_models()
    folder = models_folder() / model if str(model) in known else path
    if not (folder / "card.json").is_file():
        raise BundleError(f"no model {str(model)!r}: expected one of {', '.join(known)}, or a bundle's folder")
    card = Card.from_json((folder / "card.json").read_text(encoding="utf-8", errors="replace"))
    for name in ("model.keras", "model.onnx"):
        if not (folder / name).is_file() and (name == "model.keras" or name in card.files):
            raise BundleError(f"the bundle {folder} has no {name}; it is not whole: get it again")
    onnx_file = folder / "model.onnx"
    return Bundle(card, folder / "model.keras", onnx_file if onnx_file.is_file() else None, folder)


def _bare_keras_file(path: Path, class_names: tuple[str, ...] | None) -> Bundle:
    if not path.is_file():
        raise BundleError(f"no model file {path}")
    if not class_names:
        raise BundleError(f"{path.name} does not say what its outputs mean: give `class_names`, in their order")
    check_class_names(class_names)
    unknown = Card(path.name, "a bare Keras file", "unknown", class_names, InputSpec((0, 0)), 0)
    model = Bundle(unknown, path).keras_model()
    taken = getattr(model, "input_shape", None)
    if not isinstance(taken, tuple) or len(taken) != 4:
        raise BundleError(
            f"{path.name} takes {taken}, but one input of images, (batch, height, width, channels), is needed"
        )
    _, height, width, channels = taken
    if None in (height, width) or channels not in (1, 3):
        raise BundleError(f"{path.name} takes {taken[1:]}, but a fixed size with 1 or 3 channels is needed")
    spec = InputSpec((height, width), "rgb" if channels == 3 else "grayscale")
    outputs = model(probe_pixels(spec).astype(np.float32), training=False)
    if isinstance(outputs, list | tuple | dict):
        raise BundleError(
            f"{path.name} has {len(outputs)} outputs of their own, but one row of probabilities is needed"
        )
    check_probabilities(np.asarray(outputs), len(class_names), path.name)
    return Bundle(Card(path.name, unknown.summary, model.name, class_names, spec, model.count_params()), path)


def check_class_names(class_names: tuple[str, ...]) -> None:
    """Refuse class names that could not be told apart in the results.

    Raises:
        BundleError: fewer than two, one twice, or the reserved ``uncertain``.
    """
    if len(class_names) < 2 or len(set(class_names)) != len(class_names) or "" in class_names:
        raise BundleError(f"at least two different classes are needed, but got: {', '.join(class_names) or 'none'}")
    if UNCERTAIN in class_names:
        raise BundleError(f"{UNCERTAIN!r} marks predictions of low confidence and cannot be a class")
