"""What an exported network carries of its bundle: classes, preprocessing, where it comes from, for people and programs.

ONNX has a place for such texts; a ``.tflite`` or ``.keras`` file has a zip archive at its end or is one, HDF5 has
attributes, and a SavedModel has the folder ``assets.extra``.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from batch_emotion.model.bundle import Bundle
from batch_emotion.model.card import Card
from batch_emotion.model.network_file import ASSETS, CARD, TEXTS

LABELS = "labels.txt"
"""A class a line, in the order of the outputs, as programs for TFLite read it."""

_OF_TRAINING = ("licence", "about_data", "data", "finished")


def exported_texts(bundle: Bundle) -> dict[str, str]:
    """The texts that travel with a bundle's network, by key; this tool reads the card, the others are for anyone."""
    card = bundle.card
    height, width = card.input.image_size
    channels = card.input.shape[2]
    return {
        "model": card.name,
        "model_version": str(card.version or f"{card.name}, {card.training.get('finished', 'of no known date')}"),
        "model_sha256": bundle.sha256,
        "classes": ",".join(card.class_names),
        "image_size": f"{height}x{width}",
        "color_mode": card.input.color_mode,
        "input": f"pixels: uint8 of 0 to 255, batch x {height} x {width} x {channels}; scaling is in the network",
        "output": f"probabilities: batch x {len(card.class_names)}, in the order of classes",
        "preprocessing": f"a crop of one face; {card.input.fit} to the size; {card.input.interpolation} interpolation",
        "licence": str(card.training.get("licence") or "not stated"),
        CARD: _travelling(bundle).to_json(),
    }


def _travelling(bundle: Bundle) -> Card:
    """The card without what is only of use beside the bundle's other files."""
    card = bundle.card
    training = {key: card.training[key] for key in _OF_TRAINING if key in card.training}
    return replace(card, metrics={}, layers=[], files={}, training=training | {"exported_from": bundle.sha256})


def add_to_zip(file: Path, texts: Mapping[str, str]) -> None:
    """Put the texts, and the classes as a list, into a zip archive, or behind a file that becomes one by that."""
    with zipfile.ZipFile(file, "a") as archive:
        for name, content in _files(texts).items():
            archive.writestr(zipfile.ZipInfo(name), content)


def add_to_h5(file: Path, texts: Mapping[str, str]) -> None:
    """Put the texts into an HDF5 file, as an attribute."""
    import h5py

    with h5py.File(file, "a") as opened:
        opened.attrs[TEXTS] = json.dumps(texts, ensure_ascii=False)


def write_beside(folder: Path, texts: Mapping[str, str]) -> None:
    """Write the texts, and the classes as a list, into a folder of a SavedModel."""
    (folder / ASSETS).mkdir()
    for name, content in _files(texts).items():
        (folder / ASSETS / name).write_text(content, encoding="utf-8")


def _files(texts: Mapping[str, str]) -> dict[str, str]:
    card = json.loads(texts[CARD])
    labels = "".join(f"{name}\n" for name in card["class_names"])
    return {LABELS: labels, TEXTS: json.dumps({**texts, CARD: card}, indent=2, ensure_ascii=False) + "\n"}
