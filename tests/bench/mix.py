#!/usr/bin/env python3
"""Write the manifests that emotion-7 was trained and chosen with.

    python tests/bench/mix.py --votes ferplus_votes.csv --wild labels.csv --out FOLDER

VOTES is the table of FER+ votes, its column ``file`` below the folder that holds ``training/`` and ``public_test/``;
the labels of the faces in the wild have the columns ``path``, ``label`` and ``person``, their paths below the same
folder. Every person of the wild stands on one side only, whatever the label: which side is drawn by the name.

- ``training.csv``: FER-2013's training part alone, with its votes
- ``mixed.csv``: that and the wild faces of the people to train on, ten votes for each label
- ``evened.csv``: the same, with the faces in the wild that are rare there and well labelled standing six times each
- ``validation.csv``: PublicTest, with all votes
- ``kept.csv``: the wild faces of the other people
"""

from __future__ import annotations

import argparse
import csv
import hashlib
from pathlib import Path

CLASSES = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
SALT = 5
"""Of 300 tried, the one that splits the rarer labels most evenly over the two sides."""

RARE, TIMES = ("angry", "sad", "surprise"), 6


def is_kept(person: str) -> bool:
    """Whether the faces of this person are kept to choose by."""
    return hashlib.sha256(f"{SALT} {person}".encode()).digest()[0] % 2 == 1


def write(file: Path, rows: list[list[object]], columns: list[str]) -> None:
    with file.open("w", newline="", encoding="utf-8") as opened:
        csv.writer(opened).writerows([columns, *rows])
    print(f"{file}: {len(rows):,} images")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--votes", type=Path, required=True)
    parser.add_argument("--wild", type=Path, help="without it only training.csv and validation.csv are written")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()

    with args.votes.open(newline="", encoding="utf-8") as file:
        votes = list(csv.DictReader(file))
    wild: list[dict[str, str]] = []
    if args.wild:
        with args.wild.open(newline="", encoding="utf-8") as file:
            wild = list(csv.DictReader(file))
    every = list(votes[0])
    columns = ["file", *CLASSES]

    def of_part(part: str, names: list[str]) -> list[list[object]]:
        return [[row[name] for name in names] for row in votes if row["file"].startswith(f"{part}/")]

    def of_people(kept: bool) -> list[list[object]]:
        rows = [row for row in wild if is_kept(row["person"]) == kept]
        return [[row["path"], *(10 * (row["label"] == name) for name in CLASSES)] for row in rows]

    write(args.out / "training.csv", of_part("training", columns), columns)
    write(args.out / "validation.csv", of_part("public_test", every), every)
    if not wild:
        return
    write(args.out / "mixed.csv", of_part("training", columns) + of_people(kept=False), columns)
    rare = [row for row in wild if row["label"] in RARE and not is_kept(row["person"])]
    more = [[row["path"], *(10 * (row["label"] == name) for name in CLASSES)] for row in rare] * (TIMES - 1)
    write(args.out / "evened.csv", of_part("training", columns) + of_people(kept=False) + more, columns)
    write(args.out / "kept.csv", of_people(kept=True), columns)


if __name__ == "__main__":
    main()
