"""The options of ``explain``."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from batch_emotion._version import DEFAULT_MODEL
from batch_emotion.options.checked import Checked
from batch_emotion.options.declared import option, optional_group
from batch_emotion.options.images import DELIMITER_HELP, ENCODING_HELP, IMAGE_COLUMN_HELP, FaceOptions, Limits
from batch_emotion.options.models import CLASSES_HELP, KERAS_HELP, PICKLE_HELP

if TYPE_CHECKING:
    from batch_emotion.sources.given import Given


@dataclass(frozen=True)
class ExplainOptions(Checked):
    """Which images to explain, with which model, and where to.

    Attributes:
        sources: image files, directories, globs, or one manifest, as for ``predict``.
        out: a folder for the pictures, or a ``.png`` for one image.
        model: a bundled model's name, a bundle's folder, or a Keras file.
        class_names: the classes of a Keras file that does not name them.
        trust_pickle: load a pickled model, which can run any code.
        target: the class to explain; the predicted one where None.
        layer: the layer whose maps are used; the last one that keeps height and width where None.
        limits: what is refused.
        overwrite: replace existing pictures.
        faces: explain each face found; None explains every image whole.
        image_column: of tables of images; found where None.
        encoding: of a CSV manifest; found from its bytes where None.
        delimiter: of a CSV manifest; found from its header where None.
        given: images that are at hand, in memory or in a table, in the place of sources; ``explain`` makes it.
    """

    sources: tuple[str, ...] = option(
        help="Image files, directories, archives, globs, or one manifest.",
        flag="images",
        metavar="IMAGE...",
        argument=True,
        written="words",
    )
    out: Path = option(help="The folder for the pictures; for one image, a .png.", heading="Output")
    model: str | Path = option(DEFAULT_MODEL, KERAS_HELP, written="text", heading="Model")
    class_names: tuple[str, ...] | None = option(None, CLASSES_HELP, flag="classes", written="names")
    trust_pickle: bool = option(False, PICKLE_HELP)
    target: str | None = option(
        None, "The class to explain. Default: the predicted one.", metavar="CLASS", heading="What is shown"
    )
    layer: str | None = option(None, "The layer whose maps are used. Default: the last that keeps height and width.")
    limits: Limits = field(default_factory=Limits)
    overwrite: bool = option(False, "Replace existing pictures.", heading="Output")
    faces: FaceOptions | None = optional_group(
        FaceOptions, "Faces", "faces", "Images are photos: find the faces, one picture for each."
    )
    image_column: str | None = option(None, IMAGE_COLUMN_HELP, metavar="COLUMN", heading="Manifests")
    encoding: str | None = option(None, ENCODING_HELP, needs="manifest")
    delimiter: str | None = option(None, DELIMITER_HELP, needs="manifest")
    given: Given | None = None
