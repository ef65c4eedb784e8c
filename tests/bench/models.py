#!/usr/bin/env python3
"""Put the bundled models side by side: what they get right, what they weigh, how fast they are.

    python tests/bench/models.py FOLDER --votes VOTES.csv [--record NAME …]

FOLDER holds labelled faces, one folder per class. The pace of every model is measured in turns with that of seed-cnn,
and the ratio is the median over the turns. ``--record`` puts the evaluation and the pace on the cards of
those bundles.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from batch_emotion import EvaluateOptions, Evaluation, evaluate, record_evaluation
from batch_emotion.cores import available_cores
from batch_emotion.model.architectures import is_mirrored
from batch_emotion.model.bundle import Bundle, bundled_models, load_bundle
from batch_emotion.model.card_metrics import Speed
from batch_emotion.model.model_card import human_card
from batch_emotion.model.runtime import open_runtime

YARDSTICK = "seed-cnn"
BATCH = 256


def mflops(model: Any) -> float:
    """Millions of multiplications with additions that one image takes, of convolutions and dense layers."""
    total = 0
    for layer in model.layers:
        if layer.weights and len(layer.weights[0].shape) in (2, 4):
            positions = np.prod(layer.output.shape[1:-1], dtype=int)
            total += int(positions) * int(np.prod(layer.weights[0].shape))
    return total * (2 if is_mirrored(model) else 1) / 1e6


def paces(bundles: list[Bundle], turns: int) -> dict[str, dict[str, float]]:
    """Images per second of each, and its ratio to the yardstick's in the same turn."""
    random = np.random.default_rng(0)
    ready = {}
    for bundle in bundles:
        pixels = random.integers(0, 256, (BATCH, *bundle.card.input.shape), np.uint8)
        runtime = open_runtime(bundle, "onnx")
        runtime.predict_proba(pixels)
        ready[bundle.card.name] = (runtime, pixels)
    seconds: dict[str, list[float]] = {name: [] for name in ready}
    for _ in range(turns):
        for name, (runtime, pixels) in ready.items():
            started = time.perf_counter()
            for _ in range(4):
                runtime.predict_proba(pixels)
            seconds[name].append((time.perf_counter() - started) / 4)
    base = seconds[YARDSTICK]
    return {
        name: {
            "images_per_second": round(BATCH / statistics.median(took)),
            "of_seed_cnn": round(statistics.median(b / t for b, t in zip(base, took, strict=True)), 3),
        }
        for name, took in seconds.items()
    }


def table(rows: list[tuple[Bundle, Evaluation, Speed]]) -> str:
    """The models as a Markdown table."""
    lines = [
        "| model | accuracy | without duplicates | agreement with people | macro F1 | ECE | parameters | MFLOPs "
        "| images/s | of seed-cnn |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for bundle, evaluation, speed in rows:
        fresh = evaluation["without_duplicates"] or evaluation["all"]
        agreement = evaluation["agreement"] and evaluation["agreement"]["all"]
        people = f"{agreement['agreement']:.1%} of {agreement['images']:,}" if agreement else "not measured"
        lines.append(
            f"| {bundle.card.name} | {evaluation['all']['accuracy']:.1%} of {evaluation['all']['images']:,} "
            f"| {fresh['accuracy']:.1%} of {fresh['images']:,} | {people} | {evaluation['all']['macro_f1']:.3f} "
            f"| {evaluation['all']['ece']:.3f} | {bundle.card.parameters:,} | {speed['mflops']:.0f} "
            f"| {speed['images_per_second']:,} | {speed['of_seed_cnn']:.2f} |"
        )
    return "\n".join(lines)


def record(bundle: Bundle, evaluation: Evaluation, speed: Speed) -> None:
    """Put both on the card."""
    assert bundle.folder is not None
    card = record_evaluation(bundle.folder, evaluation)
    card = replace(card, metrics={**card.metrics, "speed": speed})
    (bundle.folder / "card.json").write_text(card.to_json(), encoding="utf-8")
    (bundle.folder / "README.md").write_text(human_card(card), encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--votes", type=Path)
    parser.add_argument("--turns", type=int, default=9)
    parser.add_argument("--record", nargs="*", default=[], metavar="NAME", help="write both to these bundles' cards")
    parser.add_argument("--json", type=Path, help="write all figures there")
    args = parser.parse_args()

    bundles = [load_bundle(name) for name in bundled_models()]
    pace = paces(bundles, args.turns)
    rows = []
    for bundle in bundles:
        with tempfile.TemporaryDirectory() as folder:
            options = EvaluateOptions(args.folder, Path(folder) / "evaluation", bundle.card.name, votes=args.votes)
            evaluation = evaluate(options).evaluation
        speed: Speed = {
            "images_per_second": pace[bundle.card.name]["images_per_second"],
            "of_seed_cnn": pace[bundle.card.name]["of_seed_cnn"],
            "mflops": round(mflops(bundle.keras_model()), 1),
            "onnx_bytes": bundle.onnx_file.stat().st_size if bundle.onnx_file else None,
            "machine": f"{available_cores()} cores, {platform.machine()}",
        }
        rows.append((bundle, evaluation, speed))
        if bundle.card.name in args.record:
            record(bundle, evaluation, speed)
    print(table(rows))
    if args.json:
        args.json.write_text(
            json.dumps({each.card.name: {"evaluation": e, "speed": s} for each, e, s in rows}, indent=2)
        )


if __name__ == "__main__":
    main()
