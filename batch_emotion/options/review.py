"""The options of ``review``."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from batch_emotion.frames import GivenTable
from batch_emotion.options.checked import Checked
from batch_emotion.options.declared import option
from batch_emotion.options.images import DELIMITER_HELP, ENCODING_HELP, IMAGE_COLUMN_HELP, PATH_COLUMN_HELP, Limits
from batch_emotion.options.labels import LABEL_COLUMN_HELP, MAP_LABELS_HELP, LabelMap

if TYPE_CHECKING:
    from batch_emotion.storage.places import Place


@dataclass(frozen=True)
class ReviewOptions(Checked):
    """Which images of a result a person is to look at, and where the page goes.

    Attributes:
        result: what ``predict`` wrote: a Parquet file, a CSV file or a directory of parts; or its rows as a table.
        out: the folder for the page.
        images: how many to show.
        by_chance: the part of them that is drawn by chance from all that were not chosen for a reason.
        labels: a manifest or table with path and label, ``folders`` or ``none``; where None the result's column
            ``label`` is taken, else the folders in its paths where most are named like classes.
        label_column: the column of labels, of that manifest or of the result; ``label`` where None.
        map_labels: classes by the labels, numbers or folders that mean them, beside the usual words.
        path_column: that manifest's column of paths.
        compare: another result of the same images, as of another model.
        root: where the result's relative paths start; the working directory where None.
        seed: of the draw and of the order.
        overwrite: replace an earlier page.
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
    out: Path = option(help="The folder for the page.")
    images: int = option(200, "How many images to show.", at_least=1, at_most=2000)
    by_chance: float = option(
        0.25, "The part of them to draw by chance, by which accuracy can be estimated.", at_least=0, at_most=1
    )
    labels: str | GivenTable | None = option(
        None,
        "A manifest with path and label, 'folders' or 'none', to show what is in conflict with it. Default: the column "
        "label, else the folders in the paths where most are named like classes.",
        written="text",
    )
    label_column: str | None = option(None, LABEL_COLUMN_HELP, metavar="COLUMN", needs="labels")
    map_labels: LabelMap | None = option(None, MAP_LABELS_HELP, written="pairs", needs="labels")
    path_column: str = option("path", PATH_COLUMN_HELP, needs="manifest")
    compare: Place | GivenTable | None = option(
        None, "Another result of the same images, to show what the two disagree on.", written="place"
    )
    root: Place | None = option(
        None, "The folder that relative paths start in. Default: the working directory.", written="place"
    )
    seed: int = option(0, "Random seed.", at_least=0)
    overwrite: bool = option(False, "Replace an earlier page.")
    limits: Limits = field(default_factory=Limits)
    image_column: str | None = option(None, IMAGE_COLUMN_HELP, metavar="COLUMN")
    encoding: str | None = option(None, ENCODING_HELP, needs="manifest")
    delimiter: str | None = option(None, DELIMITER_HELP, needs="manifest")
