"""A bundle's network in int8, measured beside the float32 one, and added to the bundle where it is as good."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from batch_emotion.errors import BatchEmotionError
from batch_emotion.model.bundle import Bundle, load_bundle
from batch_emotion.model.bundle_files import INT8_FILE
from batch_emotion.model.card_metrics import CardMetrics, Int8Quality
from batch_emotion.model.model_card import human_card
from batch_emotion.model.quantization import AGREEMENT, int8_network
from batch_emotion.model.runtime import OnnxRuntime
from batch_emotion.storage.commits import commit_text, committing, file_sha256
from batch_emotion.training.pixels import LabelledPixels

ACCURACY_LOSS = 0.002
"""By how much the accuracy may be lower than that of the float32 network."""


def add_int8(folder: Path, calibration: LabelledPixels, check: LabelledPixels, data: str) -> Int8Quality:
    """Add ``model.int8.onnx`` to a bundle and its card; the bundle's sha256 stays what it was.

    Args:
        folder: the bundle.
        calibration: images as in its training.
        check: other images, with one label each, on which it must be as good as the float32 network.
        data: their name, for the card.

    Raises:
        BatchEmotionError: it is not as good; the bundle is as it was.
    """
    bundle = load_bundle(folder)
    if bundle.onnx_file is None:
        raise BatchEmotionError(f"{bundle.card.name} has no model.onnx to make int8 of")
    made = int8_network(bundle.checked(bundle.onnx_file), calibration.pixels)
    quality = _measure(bundle.onnx_file, made.onnx, made.float_layers, check, data)
    loss = quality["float32_accuracy"] - quality["accuracy"]
    if quality["agreement"] < AGREEMENT or loss > ACCURACY_LOSS:
        raise BatchEmotionError(
            f"in int8 {bundle.card.name} agrees with float32 on {quality['agreement']:.2%} of the images of {data} and "
            f"is right in {quality['accuracy']:.2%}, against {quality['float32_accuracy']:.2%}; needed are "
            f"{AGREEMENT:.1%} and a loss of at most {ACCURACY_LOSS:.1%}"
        )
    with committing(folder / INT8_FILE) as temporary:
        temporary.write_bytes(made.onnx)
    _put_on_card(bundle, folder, quality)
    return quality


def _measure(float32: Path, int8: bytes, float_layers: int, check: LabelledPixels, data: str) -> Int8Quality:
    labels = check.targets.argmax(axis=1)
    before, after = (_predicted(OnnxRuntime(each), check) for each in (str(float32), int8))
    return {
        "data": data,
        "images": len(labels),
        "agreement": round(float((after == before).mean()), 5),
        "accuracy": round(float((after == labels).mean()), 5),
        "float32_accuracy": round(float((before == labels).mean()), 5),
        "float_layers": float_layers,
    }


def _predicted(runtime: OnnxRuntime, data: LabelledPixels) -> NDArray[np.intp]:
    batches = (data.pixels[start : start + 256] for start in range(0, len(data), 256))
    return np.concatenate([runtime.predict_proba(batch).argmax(axis=1) for batch in batches])


def _put_on_card(bundle: Bundle, folder: Path, quality: Int8Quality) -> None:
    metrics: CardMetrics = {**bundle.card.metrics, "int8": quality}
    files = {**bundle.card.files, INT8_FILE: file_sha256(folder / INT8_FILE)}
    card = replace(bundle.card, metrics=metrics, files=dict(sorted(files.items())))
    commit_text(folder / "card.json", card.to_json())
    commit_text(folder / "README.md", human_card(card))
