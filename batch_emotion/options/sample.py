"""The options of ``sample``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from batch_emotion.options.checked import Checked
from batch_emotion.options.declared import option


@dataclass(frozen=True)
class SampleOptions(Checked):
    """Where to, how many of each expression, and the random seed."""

    out: Path = option(help="The folder to make, or an empty one.", flag="folder", metavar="FOLDER", argument=True)
    count: int = option(20, "Faces of each expression.", at_least=1, at_most=100_000)
    seed: int = option(0, "Random seed.", at_least=0)
