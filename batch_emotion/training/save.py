"""A trained network to a bundle: exports, the card, the history and its picture, committed as one folder."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from batch_emotion._version import __version__
from batch_emotion.errors import BatchEmotionError
from batch_emotion.model.architectures import layer_table
from batch_emotion.model.bundle import GOLDEN_TOLERANCE
from batch_emotion.model.card import Card
from batch_emotion.model.card_metrics import CardMetrics
from batch_emotion.model.card_results import validation_scores
from batch_emotion.model.held_out import FILE, HeldOut
from batch_emotion.model.model_card import human_card
from batch_emotion.model.runtime import OnnxRuntime, onnx_bytes
from batch_emotion.records import InputSpec
from batch_emotion.storage.commits import commit_text, committing_folder, file_sha256
from batch_emotion.training.checkpoints import Epoch, write_history


def write_bundle(
    out: Path,
    *,
    model: Any,
    architecture: str,
    class_names: tuple[str, ...],
    spec: InputSpec,
    class_prior: dict[str, float],
    metrics: CardMetrics,
    training: dict[str, Any],
    history: list[Epoch],
    curves: bytes,
    train_hashes: Iterable[str],
    held_out: HeldOut,
    golden: NDArray[np.uint8],
    summary: str,
) -> None:
    """Write every file of a bundle and swap the folder in.

    Args:
        out: the bundle's folder.
        model: the trained Keras model, float32, pixels scaled inside.
        architecture: the network's name.
        class_names: in the order of the outputs.
        spec: what the network wants to be shown.
        class_prior: the mix of classes that the probabilities hold for, name to share.
        metrics: of the card.
        training: the recipe.
        history: a line per epoch.
        curves: a picture of it, PNG.
        train_hashes: a digest of each decoded training image, those of the models that it started from with them.
        held_out: its answers to the validation images.
        golden: uint8 (N, H, W, C), the inputs of the golden predictions.
        summary: the card's one line.

    Raises:
        BatchEmotionError: ONNX Runtime and Keras differ by more than 1e-4 on the golden inputs.
    """
    network = onnx_bytes(model)
    expected = np.asarray(model.predict_on_batch(golden.astype(np.float32)))
    gap = float(np.abs(OnnxRuntime(network).predict_proba(golden) - expected).max())
    if not gap <= GOLDEN_TOLERANCE:
        raise BatchEmotionError(
            f"the ONNX network differs from Keras by {gap:.2g} on the golden inputs, more than {GOLDEN_TOLERANCE:g}; "
            "no bundle was written, the checkpoints are kept"
        )
    with committing_folder(out) as folder:
        _save_without_optimizer(model, folder / "model.keras")
        (folder / "model.onnx").write_bytes(network)
        write_history(history, folder / "history.csv")
        (folder / "curves.png").write_bytes(curves)
        (folder / "train_hashes").write_text("".join(f"{text}\n" for text in sorted(set(train_hashes))), "ascii")
        held_out.write(folder / FILE)
        _write_golden(expected, class_names, folder / "golden.csv")
        card = Card(
            name=out.name,
            summary=summary or _summary(architecture, metrics),
            architecture=architecture,
            class_names=class_names,
            input=spec,
            parameters=int(model.count_params()),
            class_prior=class_prior,
            metrics=metrics,
            training=training | {"epochs": len(history), "finished": date.today().isoformat()},
            layers=layer_table(model),
            versions={"batch-emotion": __version__}
            | {name: version(name) for name in ("tensorflow", "keras", "onnx", "tf2onnx", "onnxruntime", "numpy")},
            files={path.name: file_sha256(path) for path in sorted(folder.iterdir())},
        )
        commit_text(folder / "card.json", card.to_json())
        commit_text(folder / "README.md", human_card(card))


def _summary(architecture: str, metrics: CardMetrics) -> str:
    found, which = validation_scores(metrics)
    if found is None:
        return architecture
    images = " ".join(filter(None, ["its validation images", which]))
    return f"{architecture}, right on {found['accuracy']:.1%} of {images}, mean recall {found['balanced_accuracy']:.1%}"


def _save_without_optimizer(model: Any, path: Path) -> None:
    bare = type(model).from_config(model.get_config())
    bare.set_weights(model.get_weights())
    bare.save(path)


def _write_golden(expected: NDArray[np.float32], class_names: Sequence[str], path: Path) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["input", *(f"p_{name}" for name in class_names)])
        for number, row in enumerate(expected):
            writer.writerow([number, *(f"{value:.7f}" for value in row)])
