"""Options on the form of tables: what CSV holds for spreadsheets, and columns that not everybody needs."""

from __future__ import annotations

from dataclasses import dataclass

from batch_emotion.options.checked import Checked
from batch_emotion.options.declared import option


@dataclass(frozen=True)
class CsvOptions(Checked):
    """How ``.csv`` and ``.tsv`` files are written.

    Attributes:
        bom: begin them with a byte order mark.
        escape_formulas: put ``'`` before every text that a spreadsheet would run.
    """

    bom: bool = option(
        False,
        "Begin .csv and .tsv with a byte order mark, by which Excel knows UTF-8.",
        flag="csv-bom",
        effect="labels",
        needs="csv",
    )
    escape_formulas: bool = option(
        False,
        "Put ' before text in .csv and .tsv that a spreadsheet would run as a formula.",
        flag="csv-escape-formulas",
        effect="labels",
        needs="csv",
    )


@dataclass(frozen=True)
class ColumnOptions(Checked):
    """Columns that are added to each row.

    Attributes:
        iso_time: ``mtime``, when the image was changed, as text.
        model: ``model``, ``model_version`` and ``class_prior``: what made the row.
    """

    iso_time: bool = option(
        False, "Add the column mtime: when the image was changed, as ISO time, 2026-11-25T18:47:12Z.", effect="labels"
    )
    model: bool = option(
        False,
        "Add the columns model, model_version and class_prior: what made the row.",
        flag="model-column",
        effect="labels",
    )
