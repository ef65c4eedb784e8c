"""The options of ``train``."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from batch_emotion.frames import GivenTable
from batch_emotion.options.checked import Checked
from batch_emotion.options.declared import group, option
from batch_emotion.options.images import Limits, ManifestOptions
from batch_emotion.options.labels import MAP_LABELS_HELP, LabelMap
from batch_emotion.options.recipe import Recipe

RecipeName = Literal["seed", "fine-tune", "strong"]


@dataclass(frozen=True)
class LabelOptions(Checked):
    """Where labels are, and which class each of them means.

    Attributes:
        source: a manifest's columns of paths and of labels, and what its paths are relative to.
        label_weight: where a manifest has both votes and labels, the part of a target that the label decides.
        map_labels: classes by the labels, numbers, folders or columns that mean them, beside the usual words.
    """

    source: ManifestOptions = group(ManifestOptions)
    label_weight: float = option(
        0.0,
        "With both votes and labels: the part of a target that the label decides.",
        at_least=0,
        at_most=1,
        needs="manifest",
    )
    map_labels: LabelMap | None = option(None, MAP_LABELS_HELP, written="pairs")


@dataclass(frozen=True)
class SplitOptions(Checked):
    """Which images are put aside to validate on, where DATA does not say.

    Attributes:
        fraction: the part of the images, about the same of every class.
        group_column: a manifest's column that names the person, video or session of an image; each is on one side.
        group_regex: a regular expression whose first group, or else whole match, in an image's path names it.
        group_duplicates: near-duplicates are on one side too.
        folds: that many parts, each validated on once by a network trained on the others; the network of the bundle
            is then trained on all images. None puts one part aside.
    """

    fraction: float = option(
        0.2,
        "The part of every class put aside for validation.",
        flag="validation-split",
        at_least=0.01,
        at_most=0.9,
        heading="Validation",
    )
    group_column: str | None = option(
        None, "Keep the images of one person, video or session together: the manifest's column that names it."
    )
    group_regex: str | None = option(
        None, "The same by paths: the first group, or else the match, of this regular expression.", metavar="REGEX"
    )
    group_duplicates: bool = option(False, "Keep near-duplicates together.")
    folds: int | None = option(
        None, "Cross-validate with this many parts, then train on all images.", at_least=2, at_most=100
    )

    @property
    def has_groups(self) -> bool:
        """Whether it is known what belongs together, near-duplicates apart."""
        return self.group_column is not None or self.group_regex is not None


@dataclass(frozen=True)
class TrainOptions(Checked):
    """What to train and how.

    Attributes:
        data: one folder per class, ``train/`` and ``val/`` with those inside, or a manifest or table with path and
            label.
        out: the bundle's folder to be.
        recipe_name: a recipe whose values stand where ``recipe`` has its defaults: ``seed``, ``fine-tune`` or
            ``strong``; where None ``fine-tune`` with ``initial``, else the defaults.
        architecture: a name of ``ARCHITECTURES``; where None that of ``initial`` or of the recipe.
        class_names: which classes, in the order of the network's outputs; where None the folders' or labels' names.
        labels: how manifests are labelled.
        initial: a model whose weights to start from, of the same architecture; its outputs are matched by class name,
            and by the synonyms of labels.
        int8: add the network in int8, where it is as good on the validation images.
        validation: labelled data to validate on; a part of ``data`` where None.
        split: which part that is.
        recipe: how to train.
        teachers: models whose probabilities for the training images become a part of the targets.
        teacher_weight: that part.
        limits: what is refused.
        resume: carry on from the last checkpoint.
        overwrite: replace an existing bundle, and start over where a training was stopped.
        summary: the card's one line; made from the scores where empty.
        about: a TOML file for the card: the licence of the weights, and the data.
        tensorboard: a folder for the course of the training as TensorBoard reads it.
        command: how to do it again, for the card.
        given: the keys of options that stand against the recipe's name even where they are at their defaults.
    """

    data: Path | GivenTable = option(
        help="One folder per class, train/ and val/ with those inside, an archive of such folders, a table of images "
        "with a column label, or a manifest with path and label or votes.",
        metavar="DATA",
        argument=True,
    )
    out: Path = option(help="The folder for the bundle.", heading="Data and model")
    recipe_name: RecipeName | None = option(
        None,
        "Set the options of training together; any that is given stands. Default: fine-tune with --from, else those "
        "of seed with the best epoch kept.",
        flag="recipe",
    )
    architecture: str | None = option(
        None,
        "The network: seed-cnn, pyramid or wide-pyramid; default: that of --from or of the recipe.",
        flag="arch",
        written="text",
    )
    class_names: tuple[str, ...] | None = option(
        None,
        "The classes, in the order of the outputs, separated by commas; default: the folders or labels there are.",
        flag="classes",
        written="names",
    )
    labels: LabelOptions = group(LabelOptions)
    initial: str | None = option(
        None, "Start from this model's weights; outputs are matched by class name.", flag="from"
    )
    int8: bool = option(False, "Add the network in int8 where it is as good on the validation images.")
    validation: Path | GivenTable | None = option(
        None, "Labelled data to validate on; default: val/ or a part of DATA.", heading="Validation"
    )
    split: SplitOptions = group(SplitOptions, "Validation")
    recipe: Recipe = group(Recipe, "Training")
    teachers: tuple[str, ...] = option(
        (),
        "Learn from the probabilities of these models too: names or folders, separated by commas.",
        flag="teacher",
        written="texts",
        heading="Teachers",
    )
    teacher_weight: float = option(
        0.5, "The part of a target that the teachers decide.", at_least=0, at_most=1, needs="teacher"
    )
    limits: Limits = field(default_factory=Limits)
    summary: str = option("", "One line on the model for its card.", heading="Card")
    about: Path | None = option(
        None, "A TOML file for the card: the licence, and a table data with name, source, licence, faults."
    )
    resume: bool = option(False, "Carry on from the last checkpoint.", heading="Run")
    overwrite: bool = option(False, "Replace an existing bundle, and start over where one was begun.")
    tensorboard: Path | None = option(None, "Write the course of the training for TensorBoard into this folder.")
    command: str = ""
    given: frozenset[str] = frozenset()
