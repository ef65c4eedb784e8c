"""The options of ``report``."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from batch_emotion.frames import GivenTable
from batch_emotion.options.checked import Checked
from batch_emotion.options.declared import option
from batch_emotion.options.images import DELIMITER_HELP, ENCODING_HELP, IMAGE_COLUMN_HELP, PATH_COLUMN_HELP, Limits
from batch_emotion.options.labels import LABEL_COLUMN_HELP, MAP_LABELS_HELP, LabelMap

if TYPE_CHECKING:
    from batch_emotion.storage.places import Place


@dataclass(frozen=True)
class ReportOptions(Checked):
    """Which result to report on, and where to.

    Attributes:
        result: what ``predict`` wrote: a Parquet file, a CSV file or a directory of parts; or its rows as a table.
        out: the page, ``.html``.
        labels: a manifest or table with path and label, ``folders`` or ``none``; where None the result's column
            ``label`` is taken, else the folders in its paths where most are named like classes.
        label_column: the column of labels, of that manifest or of the result; ``label`` where None.
        map_labels: classes by the labels, numbers or folders that mean them, beside the usual words.
        path_column: that manifest's column of paths.
        root: where the result's relative paths start; the working directory where None.
        compare: another result of the same images.
        group_by: a column of the result, or of the manifest of its labels, whose values are counted apart.
        figures: a folder for the charts.
        figure_format: of those files.
        json: a file for the numbers.
        model: the one that made the result, to show where it looks; the bundled one that the result names where None.
        explain: show where the model looks.
        limits: what is refused when images are read.
        image_column: of tables of images; found where None.
        encoding: of a CSV manifest of labels; found from its bytes where None.
        delimiter: of a CSV manifest of labels; found from its header where None.
    """

    result: Place | GivenTable = option(
        help="A result of predict: .parquet, .csv or a directory, a path or URI.",
        metavar="RESULT",
        argument=True,
        written="place",
    )
    out: Path = option(help="The page: .html. An existing page is replaced.", heading="Output")
    labels: str | GivenTable | None = option(
        None,
        "A manifest with path and label, 'folders' or 'none'. Default: the column label, else the folders in the paths "
        "where most are named like classes.",
        written="text",
        heading="Labels",
    )
    label_column: str | None = option(None, LABEL_COLUMN_HELP, metavar="COLUMN", needs="labels")
    map_labels: LabelMap | None = option(None, MAP_LABELS_HELP, written="pairs", needs="labels")
    path_column: str = option("path", PATH_COLUMN_HELP, needs="manifest")
    root: Place | None = option(
        None, "The folder that relative paths start in. Default: the working directory.", written="place"
    )
    compare: Place | GivenTable | None = option(
        None, "Another result of the same images, to show the differences.", written="place", heading="Content"
    )
    group_by: str | None = option(
        None,
        "Show the class mix, and by labels the scores, for each value of a column, such as camera or day; dates become "
        "a time line.",
        metavar="COLUMN",
    )
    figures: Path | None = option(None, "Also write the charts to this folder.", heading="Output")
    figure_format: Literal["png", "svg"] = option("png", "The format of these charts.", needs="figures")
    json: Path | None = option(None, "Also write the numbers to this file.")
    model: str | Path | None = option(
        None,
        "The model that made the result, to show where it looks. Default: the bundled model that it names.",
        written="text",
        heading="Content",
    )
    explain: bool = option(True, "Show where the model looks (Grad-CAM).")
    limits: Limits = field(default_factory=Limits)
    image_column: str | None = option(None, IMAGE_COLUMN_HELP, metavar="COLUMN", heading="Labels")
    encoding: str | None = option(None, ENCODING_HELP, needs="manifest")
    delimiter: str | None = option(None, DELIMITER_HELP, needs="manifest")
