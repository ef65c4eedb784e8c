"""The options of ``merge``."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from batch_emotion.options.checked import Checked
from batch_emotion.options.declared import group, option
from batch_emotion.options.predict import OUT_HELP
from batch_emotion.options.runs import Caller
from batch_emotion.options.tables import CsvOptions

if TYPE_CHECKING:
    from batch_emotion.storage.places import Place


@dataclass(frozen=True)
class MergeOptions(Checked):
    """What to join.

    Attributes:
        parts: the Parquet results of all tasks, in any order.
        out: ``.parquet``, ``.csv``, ``.tsv`` or a directory.
        csv: how ``.csv`` and ``.tsv`` are written.
        overwrite: replace what is there.
        caller: who began the run.
    """

    parts: tuple[Place, ...] = option(
        help="The Parquet results of all tasks.", metavar="PART...", argument=True, written="places"
    )
    out: Place = option(help=OUT_HELP, written="place")
    csv: CsvOptions = group(CsvOptions)
    overwrite: bool = option(False, "Replace what is there.")
    caller: Caller = field(default_factory=Caller)
