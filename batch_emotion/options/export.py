"""The options of ``export``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from batch_emotion.options.checked import Checked
from batch_emotion.options.declared import option

ExportFormat = Literal["h5", "joblib", "keras", "savedmodel", "onnx", "int8", "tflite", "tflite-int8"]


@dataclass(frozen=True)
class ExportOptions(Checked):
    """Which network, in which format, where to.

    Attributes:
        model: a bundled model's name, or a bundle's folder.
        format: of the file, or of the folder for ``savedmodel``; ``int8`` is an ONNX file too.
        out: where to; its extension must be one of the format's.
        overwrite: replace what is there.
        calibration: faces as in the training: ``tflite-int8`` is made with them, and ``int8`` where the bundle has no
            such network.
    """

    model: str | Path = option(
        help="A bundled model's name, or a bundle's folder.", metavar="MODEL", argument=True, written="text"
    )
    format: ExportFormat = option(help="What to write; int8: ONNX in 8-bit integers; tflite-int8: integers throughout.")
    out: Path = option(help="The file, with the format's extension, or the folder of a SavedModel.")
    overwrite: bool = option(False, "Replace what is there.")
    calibration: Path | None = option(
        None,
        "Make int8 or tflite-int8 with the faces in this folder, such as those of the training; default for int8: the "
        "bundle's own.",
    )
