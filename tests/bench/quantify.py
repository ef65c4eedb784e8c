#!/usr/bin/env python3
"""Measure how well the shares of the classes are estimated, and put what that takes into bundles.

    python tests/bench/quantify.py validation.csv --root . [--models NAME …] [--only NAMES] [--record NAME …]

The manifest has a column ``file`` and a column of votes for each class; an image is of the class that more than half
of its votes are for, the others are left out, and so are images that a model was trained on. Half of the images of each
class stand for the held-out ones; from the other half sets are drawn with random mixes (Dirichlet(1)), and the halves
change places from set to set. ``--record`` writes all of the images as ``held_out.csv`` of a bundle.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

from batch_emotion.images.pipeline import stream
from batch_emotion.labels.class_names import kept_classes
from batch_emotion.labels.votes import read_votes
from batch_emotion.metrics.class_mix import estimate_mix
from batch_emotion.metrics.quantification import Moments, estimate_shares
from batch_emotion.model.bundle import Bundle, bundled_models, load_bundle
from batch_emotion.model.held_out import FILE, HeldOut
from batch_emotion.model.kept_classes import keep_classes
from batch_emotion.model.runtime import open_runtime
from batch_emotion.options.images import Limits, SourceOptions
from batch_emotion.records import pixel_digests
from batch_emotion.sources.planning import make_plan
from batch_emotion.storage.commits import file_sha256

SETS, IMAGES = 200, 500


def answers(bundle: Bundle, manifest: Path, root: str) -> HeldOut:
    names, known = bundle.card.class_names, bundle.train_digests() or frozenset()
    plan = make_plan([str(manifest)], SourceOptions("file", Path(root)))
    runtime = open_runtime(bundle, "auto")
    parts, fresh = [], []
    for batch in stream(plan, bundle.card.input, Limits(), 256):
        parts.append(runtime.predict_proba(batch.pixels))
        fresh += [digest not in known for digest in pixel_digests(batch.pixels)]
    majorities = read_votes(manifest, names).clear_majorities()
    chosen = np.array([name in names for name in majorities]) & np.array(fresh)
    labels = np.array([names.index(name) for name, taken in zip(majorities, chosen, strict=True) if taken])
    return HeldOut(names, labels, np.concatenate(parts)[chosen])


def kept(held_out: HeldOut, only: tuple[str, ...] | None) -> HeldOut:
    names = kept_classes(held_out.class_names, only)
    numbers = np.array([names.index(name) if name in names else -1 for name in held_out.class_names])
    labels = numbers[held_out.labels]
    rows = keep_classes(held_out.probabilities[labels >= 0], held_out.class_names, names)
    return HeldOut(names, labels[labels >= 0], rows)


def measured(data: HeldOut, trained: dict[str, float]) -> dict[str, float]:
    classes, rng = len(data.class_names), np.random.default_rng(0)
    rank = np.zeros(len(data.labels), int)
    for number in range(classes):
        rank[data.labels == number] = np.arange((data.labels == number).sum())
    prior = np.array([trained[name] for name in data.class_names]) if trained else None
    errors: dict[str, list[float]] = {}
    inside, widths = [], []
    for turn in range(SETS):
        known = rank % 2 == turn % 2
        held_out = HeldOut(data.class_names, data.labels[known], data.probabilities[known])
        mix = rng.dirichlet(np.ones(classes))
        drawn = np.array(
            [
                rng.choice(np.flatnonzero(~known & (data.labels == label)))
                for label in rng.choice(classes, IMAGES, p=mix)
            ]
        )
        rows = data.probabilities[drawn]
        true = np.bincount(data.labels[drawn], minlength=classes) / IMAGES
        moments = [Moments(classes).add(held_out.probabilities[held_out.labels == at]) for at in range(classes)]
        shares = estimate_shares(Moments(classes).add(rows), moments)
        found = {
            "counting": np.bincount(rows.argmax(axis=1), minlength=classes) / IMAGES,
            "mean": rows.mean(axis=0),
            "PACC": shares.estimate,
        }
        if prior is not None:
            found["EMQ"] = estimate_mix([rows], prior / prior.sum())
        for name, estimate in found.items():
            errors.setdefault(name, []).append(float(np.abs(estimate - true).mean()))
        inside.append(((mix >= shares.low) & (mix <= shares.high)).mean())
        widths.append((shares.high - shares.low).mean())
    return {name: float(np.mean(each)) for name, each in errors.items()} | {
        "coverage": float(np.mean(inside)),
        "width": float(np.mean(widths)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("manifest", type=Path)
    parser.add_argument("--root", default=".", help="what the manifest's paths start from")
    parser.add_argument("--models", nargs="+", default=bundled_models(), help="names or folders")
    parser.add_argument("--only", type=lambda text: tuple(text.split(",")), help="choose among these classes alone")
    parser.add_argument("--record", nargs="*", default=[], metavar="NAME", help="write held_out.csv of these bundles")
    args = parser.parse_args()

    print("| model | counting | mean of probabilities | EMQ | PACC | PACC of counting | coverage | width |")
    print("|---|---|---|---|---|---|---|---|")
    for model in args.models:
        bundle = load_bundle(model)
        data = answers(bundle, args.manifest, args.root)
        if model in args.record and bundle.folder:
            data.write(bundle.folder / FILE)
            card = json.loads((bundle.folder / "card.json").read_text(encoding="utf-8"))
            card["files"][FILE] = file_sha256(bundle.folder / FILE)
            (bundle.folder / "card.json").write_text(
                json.dumps(card, indent=2, ensure_ascii=False) + "\n", encoding="utf-8"
            )
        told = measured(kept(data, args.only), bundle.card.class_prior)
        emq = f"{told['EMQ']:.4f}" if "EMQ" in told else "no prior"
        print(
            f"| {model} | {told['counting']:.4f} | {told['mean']:.4f} | {emq} | {told['PACC']:.4f} "
            f"| {told['PACC'] / told['counting']:.2f} | {told['coverage']:.1%} | {told['width']:.3f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
