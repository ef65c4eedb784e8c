"""Mutated images, each made from its number alone: ``python -m tests.fuzzing.mutants 4711 > image`` makes one again."""

from __future__ import annotations

import sys
from functools import lru_cache
from random import Random
from typing import NamedTuple

from tests.fuzzing import pnm, tiffs
from tests.fuzzing.blocks import BMP, GIF
from tests.fuzzing.fields import damage
from tests.fuzzing.isobmff import BOXES
from tests.fuzzing.jpeg import CODESTREAM, JPEG
from tests.fuzzing.png import PNG
from tests.fuzzing.samples import samples
from tests.fuzzing.webp import WEBP

_LAYOUTS = {"jpeg": JPEG, "png": PNG, "gif": GIF, "bmp": BMP, "webp": WEBP, "jp2": BOXES, "heif": BOXES, "avif": BOXES}


class Mutant(NamedTuple):
    """A mutated image: of which sample, and its content."""

    name: str
    data: bytes


def mutant(number: int) -> Mutant:
    """The mutant of a number, of each sample in turn: its structure changed, or less often any of its bytes."""
    names = _names()
    rng, name = Random(number), names[number % len(names)]
    data = samples()[name]
    kinsmen = [other for other in names if other.startswith(name.partition("/")[0])]
    for _ in range(rng.choice((1, 1, 1, 1, 2, 2, 3, 6))):
        other = samples()[rng.choice(kinsmen)]
        if rng.randrange(8):
            data = _restructured(name, data, other, rng)
        else:
            data = damage(data, samples()[rng.choice(names)] if rng.randrange(4) == 0 else other, rng)
    return Mutant(name, data)


def _restructured(name: str, data: bytes, other: bytes, rng: Random) -> bytes:
    form = name.partition("/")[0]
    if form == "tiff":
        return tiffs.mutate(data, rng)
    if form == "pnm":
        return pnm.mutate(data, rng)
    if data.startswith(b"\xff\x4f"):
        return CODESTREAM.mutate(data, data, rng)
    return _LAYOUTS[form].mutate(data, other, rng)


@lru_cache(1)
def _names() -> tuple[str, ...]:
    """The samples, in turns by their formats, so that as many mutants are made of each format as of any other."""
    forms: dict[str, list[str]] = {}
    for name in samples():
        forms.setdefault(name.partition("/")[0], []).append(name)
    most = max(len(names) for names in forms.values())
    return tuple(names[turn % len(names)] for turn in range(most) for names in forms.values())


if __name__ == "__main__":
    sys.stdout.buffer.write(mutant(int(sys.argv[1])).data)
