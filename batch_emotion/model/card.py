"""What a bundle says of itself: class names, preprocessing, figures, recipe."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, get_args, get_type_hints

from batch_emotion.errors import BundleError
from batch_emotion.model.card_metrics import CardMetrics, rename_left_out
from batch_emotion.model.catalogue import Version, version_of
from batch_emotion.records import UNCERTAIN, InputSpec
from batch_emotion.storage.escaping import json_text

FORMAT_VERSION = 2
"""2 has ``predicted`` where 1 has ``said`` in ``metrics["left_out"]``."""


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
        return json_text(asdict(self), indent=2) + "\n"

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

    def identity(self, networks: Sequence[str], *more: dict[str, Any]) -> str:
        """Hex sha256 of all that decides the predictions.

        Args:
            networks: hex sha256 of the Keras network, and of the ONNX network where there is one.
            more: what else decides them.
        """
        facts = json.dumps([[*networks], self.class_names, asdict(self.input), *more])
        return hashlib.sha256(facts.encode()).hexdigest()

    @property
    def version(self) -> Version | None:
        """Which version of a bundled model the card is of, by the files that it names; None where it is of none."""
        return version_of(
            self.identity([self.files[name] for name in ("model.keras", "model.onnx") if name in self.files])
        )

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


def check_class_names(class_names: tuple[str, ...]) -> None:
    """Refuse class names that could not be told apart in the results.

    Raises:
        BundleError: fewer than two, one twice, or the reserved ``uncertain``.
    """
    if len(class_names) < 2 or len(set(class_names)) != len(class_names) or "" in class_names:
        raise BundleError(f"at least two different classes are needed, but got: {', '.join(class_names) or 'none'}")
    if UNCERTAIN in class_names:
        raise BundleError(f"{UNCERTAIN!r} marks predictions of low confidence and cannot be a class")
