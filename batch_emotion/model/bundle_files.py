"""The files that a bundle consists of, by their names."""

from __future__ import annotations

from pathlib import Path

from batch_emotion.errors import BundleError
from batch_emotion.model.card import Card

INT8_FILE = "model.int8.onnx"
NETWORKS = ("model.keras", "model.onnx", INT8_FILE)
_BESIDE = ("card.json", "README.md", "history.csv", "curves.png", "train_hashes", "golden.csv", "held_out.csv")


def bundle_names(folder: Path) -> frozenset[str]:
    """The names of what the bundle in a folder may hold; none where there is no bundle."""
    try:
        card = Card.from_json((folder / "card.json").read_text(encoding="utf-8", errors="replace"))
    except (OSError, BundleError):
        return frozenset()
    return frozenset((*NETWORKS, *_BESIDE, *card.files))
