#!/usr/bin/env python3
"""Measure how models carry over: data set by data set, under the mix of classes of their training and an even one.

    python tests/bench/carry.py PublicTest=validation.csv wild=kept.csv --root . [--models NAME …] [--record NAME …]

Each manifest has a column ``file`` and a column of votes for each class, and maybe for other choices; right is what
more than half of all votes of an image are for. A model with ``neutral`` is judged once more on the images of the other
classes, its probability of ``neutral`` left out. ``--record`` puts a model's figures on its card.

``--mixes`` says which mixes of classes the probabilities are to hold for: ``training``, the model's own; ``uniform``;
``auto``, estimated from the images judged; or a number from 0 to 1, so far from the model's own to an even one.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from batch_emotion.images.pipeline import stream
from batch_emotion.labels.votes import read_votes
from batch_emotion.metrics.calibration import calibration_bins
from batch_emotion.metrics.class_mix import estimate_mix, with_mix
from batch_emotion.model.bundle import Bundle, bundled_models, load_bundle
from batch_emotion.model.kept_classes import keep_classes
from batch_emotion.model.model_card import human_card
from batch_emotion.model.runtime import open_runtime
from batch_emotion.options.images import Limits, SourceOptions
from batch_emotion.sources.planning import make_plan

MIXES = ("training", "uniform")
"""What a card tells."""

FEWEST = 10
"""A class with fewer images than this is in no mean recall."""


def probabilities_of(bundle: Bundle, manifest: Path, root: str) -> NDArray[np.float32]:
    plan = make_plan([str(manifest)], SourceOptions("file", Path(root)))
    runtime = open_runtime(bundle, "auto")
    parts = [runtime.predict_proba(batch.pixels) for batch in stream(plan, bundle.card.input, Limits(), 256)]
    return np.concatenate(parts)


def judged(rows: NDArray[np.float32], right: list[str], names: tuple[str, ...]) -> dict[str, Any]:
    """Figures over images whose right class is among ``names``, the columns of the probabilities."""
    truth = np.array([names.index(name) for name in right])
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


def under_mix(mix: str, rows: NDArray[np.float32], own: NDArray[np.float64], columns: list[int]) -> NDArray[np.float32]:
    """Probabilities of the classes of ``columns`` under a mix; ``own`` is the model's, of all its classes."""
    if mix == "training":
        return rows
    kept = own[columns]
    if mix == "auto":
        return with_mix(rows, kept, estimate_mix([rows], kept / kept.sum()))
    part = 1.0 if mix == "uniform" else float(mix)
    return with_mix(rows, kept, ((1 - part) * own + part / len(own))[columns])


def figures(bundle: Bundle, data: str, manifest: Path, root: str, mixes: Sequence[str]) -> Iterator[dict[str, Any]]:
    names = bundle.card.class_names
    seen = probabilities_of(bundle, manifest, root)
    right = read_votes(manifest, names).clear_majorities()
    others = tuple(name for name in names if name != "neutral")
    own = np.array([bundle.card.class_prior.get(name, 0.0) for name in names])
    for mix in mixes if own.all() else ("training",):
        for kept in dict.fromkeys((names, others)):
            columns = [names.index(name) for name in kept]
            rows = keep_classes(seen[[name in kept for name in right]], names, kept)
            found = under_mix(mix, rows, own, columns)
            truth = [name for name in right if name in kept]
            yield {"data": data, "prior": mix, "classes": len(kept)} | judged(found, truth, kept)


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
    parser.add_argument("--mixes", nargs="+", default=MIXES, metavar="MIX", help="training, uniform, auto, or 0 to 1")
    parser.add_argument("--record", nargs="*", default=[], metavar="NAME", help="write the figures to these cards")
    parser.add_argument("--json", type=Path, help="write all figures there")
    args = parser.parse_args()
    if args.record and tuple(args.mixes) != MIXES:
        parser.error(f"a card holds the mixes {' and '.join(MIXES)}; leave --mixes out with --record")

    rows: dict[str, list[dict[str, Any]]] = {}
    for model in args.models:
        bundle = load_bundle(model)
        measured = [
            row
            for data, manifest in (each.split("=", 1) for each in args.data)
            for row in figures(bundle, data, Path(manifest), args.root, args.mixes)
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
