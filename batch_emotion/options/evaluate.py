"""The options of ``evaluate``."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from batch_emotion.frames import GivenTable
from batch_emotion.options.checked import Checked
from batch_emotion.options.declared import group, option
from batch_emotion.options.images import DELIMITER_HELP, ENCODING_HELP, IMAGE_COLUMN_HELP, PATH_COLUMN_HELP, Limits
from batch_emotion.options.labels import LABEL_COLUMN_HELP, MAP_LABELS_HELP, LabelMap
from batch_emotion.options.models import (
    CLASS_PRIOR_HELP,
    CLASSES_HELP,
    MODEL_HELP,
    ONLY_HELP,
    PICKLE_HELP,
    RUNTIME_HELP,
    NetworkOptions,
    RuntimeName,
)
from batch_emotion.options.tables import CsvOptions

if TYPE_CHECKING:
    from batch_emotion.storage.places import Place


@dataclass(frozen=True)
class EvaluateOptions(Checked):
    """What to evaluate, by what labels, and where to.

    Attributes:
        data: labelled images as ``train`` takes them, or a result of ``predict``; a file, a folder or a table.
        out: the folder of the evaluation.
        model: a bundled model's name, a bundle's folder, or the file of a network; the default model where None, and
            for a result the model that made it.
        class_names: the classes of a network's file that does not name them.
        trust_pickle: load a pickled model, which can run any code.
        network: what a network's file does not say of itself.
        runtime: what runs the network.
        only: the classes to choose among; all of the model's where None.
        class_prior: the mix of classes that the probabilities are to hold for: ``training``, ``uniform``, ``auto`` or
            shares; that of the result, or of the training, where None.
        labels: for a result, a manifest or table with path and label, or ``folders``; where None, the result's column
            ``label``, else the folders in its paths.
        label_column: the column of labels, of a manifest or of a result; ``label`` where None.
        map_labels: classes by the labels, numbers, folders or columns that mean them, beside the usual words.
        path_column: a manifest's column that holds the paths.
        root: where relative paths start; a manifest's own folder, for a result the working directory, where None.
        group_by: columns of the manifest, the result, or the manifest of its labels, whose values are measured apart.
        cluster: such a column, of a person or a session, whose images are alike: intervals resample its values.
        votes: a table of how many people chose each class for each image.
        image_column: of tables of images; found where None.
        encoding: of a CSV manifest or of votes; found from its bytes where None.
        delimiter: of a CSV manifest or of votes; found from its header where None.
        csv: how ``mistakes.csv`` and ``doubts.csv`` are written.
        limits: what is refused.
        batch_size: images in a batch.
        seed: random seed of the bootstrap.
        overwrite: replace an existing evaluation.
    """

    data: Path | GivenTable = option(
        help="Labelled images as for train (only val/ where there are train/ and val/), or a result of predict: "
        "a file or a directory.",
        metavar="DATA",
        argument=True,
    )
    out: Path = option(help="The folder for the evaluation.", heading="Output")
    model: str | Path | None = option(
        None,
        f"{MODEL_HELP} Default: that of predict; for a result, the bundled model that made it.",
        written="text",
        heading="Model",
    )
    class_names: tuple[str, ...] | None = option(
        None, CLASSES_HELP, flag="classes", written="names", needs=("images", "model")
    )
    trust_pickle: bool = option(False, PICKLE_HELP, needs=("images", "model"))
    network: NetworkOptions = group(NetworkOptions)
    runtime: RuntimeName = option("auto", RUNTIME_HELP, needs="images")
    only: tuple[str, ...] | None = option(None, ONLY_HELP, written="names")
    class_prior: str | None = option(
        None, f"{CLASS_PRIOR_HELP} Default: that of the result, else training.", written="shares", metavar="MIX"
    )
    labels: str | GivenTable | None = option(
        None,
        "For a result: a manifest with path and label, or 'folders'. Default: its column label, else the folders in "
        "its paths.",
        written="text",
        heading="Labels",
    )
    label_column: str | None = option(None, LABEL_COLUMN_HELP, metavar="COLUMN")
    map_labels: LabelMap | None = option(None, MAP_LABELS_HELP, written="pairs")
    path_column: str = option("path", PATH_COLUMN_HELP, needs="manifest")
    root: Place | None = option(
        None,
        "The folder that relative paths start in. Default: the manifest's; for a result, the working directory.",
        written="place",
        needs=("manifest", "result"),
    )
    votes: Path | GivenTable | None = option(
        None,
        "A table with a column file and, for each class, how many people chose it, to measure agreement with them.",
    )
    group_by: tuple[str, ...] = option(
        (),
        "Measure each value of these columns apart, such as labeller,camera, and how far they are apart.",
        written="texts",
        metavar="COLUMN,…",
        heading="Groups",
    )
    cluster: str | None = option(
        None,
        "A column, such as person or session, whose images are alike: intervals resample its values, not images.",
        metavar="COLUMN",
    )
    image_column: str | None = option(None, IMAGE_COLUMN_HELP, metavar="COLUMN", heading="Labels")
    encoding: str | None = option(None, ENCODING_HELP, needs=("manifest", "votes"))
    delimiter: str | None = option(None, DELIMITER_HELP, needs=("manifest", "votes"))
    csv: CsvOptions = group(CsvOptions, "Output")
    limits: Limits = field(default_factory=Limits)
    batch_size: int = option(256, "Images in a batch.", at_least=1, needs="images", heading="Run")
    seed: int = option(0, "Random seed.", at_least=0)
    overwrite: bool = option(False, "Replace an existing evaluation.", heading="Output")
