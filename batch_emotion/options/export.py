"""The options of ``export``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from batch_emotion.options.declared import option

ExportFormat = Literal["h5", "joblib", "keras", "savedmodel", "onnx"]


@dataclass(frozen=True)
class ExportOptions:
    """Which network, in which format, where to.

    Attributes:
        model: a bundled model's name, or a bundle's folder.
        format: of the file, or of the folder for ``savedmodel``.
        out: where to.
        overwrite: replace what is there.
    """

    model: str | Path = option(
        help="A bundled model's name, or a bundle's folder.", metavar="MODEL", argument=True, written="text"
    )
    format: ExportFormat = option(help="What to write.")
    out: Path = option(help="The file, or the folder of a SavedModel.")
    overwrite: bool = option(False, "Replace what is there.")
