#!/usr/bin/env python3
"""Measure how models carry over: data set by data set, under the mix of classes of their training and an even one.

    python tests/bench/carry.py PublicTest=validation.csv wild=kept.csv --root . [--models NAME …] [--record NAME …]

Each manifest has a column ``file`` and a column of votes for each class, and maybe for other choices; right is what
more than half of all votes of an image are for. A model with ``neutral`` is judged once more on the images of the other
classes, its probability of ``neutral`` left out. ``--record`` puts a model's figures on its card.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from batch_emotion.images.pipeline import stream
from batch_emotion.labels.votes import read_votes
from batch_emotion.metrics.calibration import calibration_bins
from batch_emotion.model.bundle import Bundle, bundled_models, load_bundle
from batch_emotion.model.model_card import human_card
from batch_emotion.model.runtime import open_runtime
from batch_emotion.options.images import Limits, SourceOptions
from batch_emotion.sources.planning import make_plan

FEWEST = 10
"""A class with fewer images than this is in no mean recall."""


def probabilities_of(bundle: Bundle, manifest: Path, root: str) -> NDArray[np.float64]:
    plan = make_plan([str(manifest)], SourceOptions("file", Path(root)))
    runtime = open_runtime(bundle, "auto")
    parts = [runtime.predict_proba(batch.pixels) for batch in stream(plan, bundle.card.input, Limits(), 256)]
    return np.concatenate(parts).astype(np.float64)


def judged(probabilities: NDArray[np.float64], right: list[str], names: tuple[str, ...]) -> dict[str, Any]:
    """Figures over the images whose right class is among ``names``, the columns of the probabilities."""
    chosen = np.array([name in names for name in right])
    truth = np.array([names.index(name) for name in right if name in names])
    rows = probabilities[chosen] / probabilities[chosen].sum(axis=1, keepdims=True)
    hits = rows.argmax(axis=1) == truth
    recall = {
        name: {"images": int((truth == number).sum()), "recall": round(float(hits[truth == number].mean()), 4)}
        for number, name in enumerate(names)
        if (truth == number).any()
    }
    counted = [each["recall"] for each in recall.values() if each["images"] >= FEWEST]
    return {
        "images": len(truth),
        "accuracy": round(float(hits.mean()), 4),
        "mean_recall": round(float(np.mean(counted)), 4),
        "ece": round(calibration_bins(rows, truth).error, 4),
        "recall": recall,
    }


def figures(bundle: Bundle, data: str, manifest: Path, root: str) -> Iterator[dict[str, Any]]:
    names = bundle.card.class_names
    seen = probabilities_of(bundle, manifest, root)
    right = read_votes(manifest, names).clear_majorities()
    others = tuple(name for name in names if name != "neutral")
    for prior in ("training", "uniform") if bundle.card.class_prior else ("training",):
        shares = np.array([bundle.card.class_prior[name] for name in names]) if prior == "uniform" else 1.0
        for kept in dict.fromkeys((names, others)):
            columns = [names.index(name) for name in kept]
            yield {"data": data, "prior": prior, "classes": len(kept)} | judged(
                (seen / shares)[:, columns], right, kept
            )


def table(rows: dict[str, list[dict[str, Any]]]) -> str:
    lines = [
        "| model | data | classes | mix of classes | right | mean recall | ECE | recall by class |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, measured in rows.items():
        for row in measured:
            recall = ", ".join(f"{key} {each['recall']:.0%}" for key, each in row["recall"].items())
            lines.append(
                f"| {name} | {row['data']} | {row['classes']} | {row['prior']} "
                f"| {row['accuracy']:.1%} of {row['images']:,} | {row['mean_recall']:.1%} "
                f"| {row['ece']:.3f} | {recall} |"
            )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", nargs="+", metavar="NAME=MANIFEST")
    parser.add_argument("--root", default=".", help="what the manifests' paths start from")
    parser.add_argument("--models", nargs="+", default=bundled_models(), help="names or folders")
    parser.add_argument("--record", nargs="*", default=[], metavar="NAME", help="write the figures to these cards")
    parser.add_argument("--json", type=Path, help="write all figures there")
    args = parser.parse_args()

    rows: dict[str, list[dict[str, Any]]] = {}
    for model in args.models:
        bundle = load_bundle(model)
        measured = [
            row
            for data, manifest in (each.split("=", 1) for each in args.data)
            for row in figures(bundle, data, Path(manifest), args.root)
        ]
        rows[model] = measured
        if model in args.record and bundle.folder:
            card = replace(bundle.card, metrics=bundle.card.metrics | {"carried_over": measured})
            (bundle.folder / "card.json").write_text(card.to_json(), encoding="utf-8")
            (bundle.folder / "README.md").write_text(human_card(card), encoding="utf-8")
    print(table(rows))
    if args.json:
        args.json.write_text(json.dumps(rows, indent=2))


if __name__ == "__main__":
    main()
