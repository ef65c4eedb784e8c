"""A model on disk: a folder that carries the network together with its class names and preprocessing."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from batch_emotion._version import DEFAULT_MODEL
from batch_emotion.errors import BundleError
from batch_emotion.model.adaptation import UNADAPTED, Adaptation
from batch_emotion.model.bundle_files import INT8_FILE, NETWORKS
from batch_emotion.model.card import Card
from batch_emotion.model.catalogue import Version, bundle_folder, pinned_version, version_of, where_to_get
from batch_emotion.model.catalogue import bundled_models as bundled_models
from batch_emotion.model.catalogue import models_folder as models_folder
from batch_emotion.model.network_file import NetworkKind, card_inside, card_told, kind_of, load_keras
from batch_emotion.model.savedmodel import savedmodel_sha256
from batch_emotion.options.models import NetworkOptions, RuntimeName
from batch_emotion.storage.commits import file_sha256
from batch_emotion.storage.escaping import escape_name

GOLDEN_TOLERANCE = 1e-4


@dataclass(frozen=True)
class Bundle:
    """A network ready to load, with its card.

    Attributes:
        card: class names, preprocessing, metrics.
        keras_file: the network as Keras saved it, None where there is none.
        onnx_file: the same network for ONNX Runtime, None where there is none.
        folder: the bundle's folder, None for the file of a network.
        tflite_file: the network for LiteRT, where that is all there is.
        savedmodel: the folder of the network for TensorFlow, where that is all there is.
        adaptation: what was told of a network that does not say it.
        is_exported: the one file carries its card.
    """

    card: Card
    keras_file: Path | None
    onnx_file: Path | None = None
    folder: Path | None = None
    tflite_file: Path | None = None
    savedmodel: Path | None = None
    adaptation: Adaptation = UNADAPTED
    is_exported: bool = False

    @cached_property
    def sha256(self) -> str:
        """Hex sha256 of all that decides the predictions: the networks, the class names, the preprocessing.

        What ``export`` wrote carries all of that, so it is the file's own.

        Raises:
            BundleError: a network is not the one that the card describes.
        """
        files = (self.keras_file, self.onnx_file, self.tflite_file, self.savedmodel)
        networks = [self._digests[self.checked(path)] for path in files if path]
        if self.is_exported:
            return networks[0]
        told = [asdict(self.adaptation)] if self.adaptation != UNADAPTED else []
        return self.card.identity(networks, *told)

    @property
    def class_names(self) -> tuple[str, ...]:
        """The K classes, in the order of the probabilities that ``predict`` gives."""
        return self.card.class_names

    @property
    def place(self) -> Path | None:
        """The bundle's folder, or the file of a network."""
        return self.folder or self.keras_file or self.onnx_file or self.tflite_file or self.savedmodel

    @property
    def version(self) -> Version | None:
        """Which version of a bundled model it is, by its sha256; None where it is of none."""
        return version_of(self.sha256)

    @property
    def full_name(self) -> str:
        """``emotion-7@3`` where it is a version of a bundled model; else the name on its card."""
        return str(self.version or self.card.name)

    @property
    def int8_file(self) -> Path | None:
        """The network in int8 for ONNX Runtime, None where there is none; it has no part in ``sha256``."""
        file = self.folder / INT8_FILE if self.folder else None
        return file if file and file.is_file() else None

    @cached_property
    def _digests(self) -> dict[Path, str]:
        return {}

    @cached_property
    def runtimes(self) -> dict[tuple[object, ...], Any]:
        """What runs the network, by how it was asked for, so that a second run in the process loads nothing."""
        return {}

    def checked(self, file: Path) -> Path:
        """One of the bundle's files, the same as when its card was written; a card without its sha256 cannot tell.

        Raises:
            BundleError: it is another one.
        """
        digest = savedmodel_sha256 if file == self.savedmodel else file_sha256
        found = self._digests[file] = self._digests.get(file) or digest(file)
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
            BundleError: there is none, the file cannot be loaded, or is not the one that the card describes.
            UsageError: Keras or TensorFlow is not installed.
        """
        if self.keras_file is None:
            raise BundleError(
                f"{self.card.name} holds no Keras network, which is needed here: give the bundle that it was made of"
            )
        return load_keras(self.checked(self.keras_file))

    def predict(self, images: object, runtime: RuntimeName = "auto") -> NDArray[np.float32]:
        """Probabilities of images in memory, each taken whole: float32 (N, K), in the order of ``class_names``.

        Args:
            images: one or several, as ``batch_emotion.predict`` takes them: uint8 arrays (H, W), (H, W, 3) in the order
                red, green, blue, or (H, W, 4), a batch (N, H, W[, C]) or a list of them, PIL images, or the bytes of
                image files. They may be of any size.
            runtime: what runs the network.

        Raises:
            WrongType: they are something else.
            SourceError: one of them cannot be decoded.

        Example:
            >>> import numpy as np
            >>> bundle = load_bundle()
            >>> bundle.predict(np.zeros((2, 48, 48), np.uint8)).shape
            (2, 7)
            >>> bundle.class_names[:3]
            ('angry', 'disgust', 'fear')
        """
        from batch_emotion.model.direct import probabilities_of

        return probabilities_of(self, images, runtime)

    def golden(self) -> NDArray[np.float32]:
        """The expected probabilities of the golden inputs, float32 (N, K)."""
        if self.folder is None:
            raise BundleError(f"{self.card.name} is no bundle and has no golden predictions to verify")
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


def load_bundle(
    model: str | Path = DEFAULT_MODEL,
    class_names: tuple[str, ...] | None = None,
    trust_pickle: bool = False,
    network: NetworkOptions | None = None,
) -> Bundle:
    """Find a model by the name of a bundled one, by a bundle's folder, or by the file of a network.

    As long as its files stay the same, the same bundle is given again, with the runtimes that it has loaded.

    Args:
        model: the name, which may have a version (``emotion-7@2``), or a path. A version that is not the bundled one
            must lie in a folder of that name, in the working directory or in a folder of ``BATCH_EMOTION_MODEL_PATH``.
            The file of a network is ``.onnx``, ``.tflite``, ``.keras``, ``.h5``, or the folder of a SavedModel.
        class_names: the classes of a network's file that does not name them, in the order of its outputs; a bundle, and
            what ``export`` wrote, bring their own.
        trust_pickle: take a pickled Keras model too; loading one runs whatever code it holds.
        network: what else the file of a network does not say.

    Raises:
        BundleError: there is no such model, or it is damaged.

    Example:
        >>> load_bundle("emotion-6").card.class_names
        ('angry', 'disgust', 'fear', 'happy', 'sad', 'surprise')

        A network of others says less, so that it is told::

            load_bundle("ferplus.onnx", ("neutral", "happy", "surprise", "sad"), network=NetworkOptions(softmax=True))
    """
    path, network = Path(model), network or NetworkOptions()
    kind = kind_of(path)
    if kind == "pickle" and not trust_pickle:
        raise BundleError(
            f"{path.name} is a pickle, which can run any code when loaded: give `trust_pickle` if you made it"
        )
    if kind is not None:
        inside = sorted(path.rglob("*")) if path.is_dir() else [path]
        names = None if class_names is None else tuple(class_names)
        return _network_file(path.absolute(), kind, names, network, _stamps(inside))
    if class_names is not None:
        raise BundleError("a bundle names its own classes; `class_names` goes with the file of a network only")
    _check_told(network, "a bundle")
    folder = bundle_folder(model)
    return _read_bundle(folder.absolute(), str(model), _stamps(sorted(folder.iterdir())))


def _stamps(paths: Iterable[Path]) -> tuple[tuple[str, int, int], ...]:
    """What tells that a file was changed: its name, size and time; nothing of one that is not there."""
    facts = ((path.name, path.stat()) for path in paths if path.is_file())
    return tuple((name, found.st_size, found.st_mtime_ns) for name, found in facts)


@lru_cache(maxsize=4)
def _read_bundle(folder: Path, model: str, stamps: tuple[tuple[str, int, int], ...]) -> Bundle:
    del stamps
    card = Card.from_json((folder / "card.json").read_text(encoding="utf-8", errors="replace"))
    for name in ("model.keras", "model.onnx"):
        if not (folder / name).is_file() and (name == "model.keras" or name in card.files):
            raise BundleError(f"the bundle {folder} has no {name}; it is not whole: get it again")
    onnx_file = folder / "model.onnx"
    bundle = Bundle(card, folder / "model.keras", onnx_file if onnx_file.is_file() else None, folder)
    pinned = pinned_version(model)
    if pinned is not None and bundle.sha256 != pinned.sha256:
        raise BundleError(f"{folder} holds {bundle.version or 'another model'}, not {pinned}; {where_to_get(pinned)}")
    return bundle


@lru_cache(maxsize=4)
def _network_file(
    path: Path,
    kind: NetworkKind,
    class_names: tuple[str, ...] | None,
    network: NetworkOptions,
    stamps: tuple[tuple[str, int, int], ...],
) -> Bundle:
    del stamps
    if not path.exists():
        raise BundleError(f"no model file {path}")
    own = card_inside(path, kind)
    if own is not None:
        if class_names not in (None, own.class_names):
            names = ", ".join(own.class_names)
            raise BundleError(f"{path.name} names its own classes, {names}; leave out `class_names`")
        _check_told(network, path.name)
        card = replace(own, name=escape_name(path.name))
    elif class_names:
        card = card_told(path, kind, class_names, network)
    elif path.name in NETWORKS and (path.parent / "card.json").is_file():
        raise BundleError(f"{path} is a part of a bundle, which names its classes: give its folder, {path.parent}")
    else:
        raise BundleError(f"{path.name} does not say what its outputs mean: give `class_names`, in their order")
    return Bundle(
        card,
        path if kind in ("keras", "h5", "pickle") else None,
        path if kind == "onnx" else None,
        tflite_file=path if kind == "tflite" else None,
        savedmodel=path if kind == "savedmodel" else None,
        adaptation=Adaptation(network.scaling, network.softmax),
        is_exported=own is not None,
    )


def _check_told(network: NetworkOptions, name: str) -> None:
    for option, default in vars(NetworkOptions()).items():
        if getattr(network, option) != default:
            raise BundleError(f"`{option}` goes with a network that does not say it, and {name} does; leave it out")
