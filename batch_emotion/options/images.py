"""Options on images: how sources are read, what is refused, which faces are found and marked."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Literal

from batch_emotion.options.checked import Checked
from batch_emotion.options.declared import option

if TYPE_CHECKING:
    from batch_emotion.sources.given import Given
    from batch_emotion.storage.places import Place

DetectorName = Literal["auto", "centerface", "yunet", "haar"]

ENCODING_HELP = "Encoding of a CSV manifest, such as cp1252; default: UTF-8, or what its byte order mark says."
DELIMITER_HELP = "Separator of a CSV manifest's cells; default: the comma, semicolon or tab of its header."


PATH_COLUMN_HELP = "The manifest's column of paths."
IMAGE_COLUMN_HELP = "The column of images in Parquet and Arrow files; default: the one of bytes."


@dataclass(frozen=True)
class ManifestOptions(Checked):
    """How a manifest is read.

    Attributes:
        path_column: its column of paths.
        root: the folder, here or on a store, that its relative paths start from; its own folder where None.
        encoding: of CSV; UTF-8, or what its byte order mark says, where None.
        delimiter: between the cells of CSV; as its header has it where None.
        label_column: its column of labels, which results carry as ``label``; ``label`` itself where None.
        image_column: of a Parquet or Arrow file that holds images; found where None.
        webdataset: carry what lies beside the images of a tar: ``.json``, ``.cls`` and ``.txt`` of the same key.
    """

    path_column: str = option("path", PATH_COLUMN_HELP, needs="manifest")
    root: Place | None = option(
        None,
        "Where relative paths of a manifest or list start; default: the manifest's folder.",
        written="place",
        needs=("manifest", "list"),
    )
    encoding: str | None = option(None, ENCODING_HELP, needs="manifest")
    delimiter: str | None = option(None, DELIMITER_HELP, needs="manifest")
    label_column: str | None = option(
        None, "The manifest's column of labels; results carry it as label.", metavar="COLUMN"
    )
    image_column: str | None = option(None, IMAGE_COLUMN_HELP, metavar="COLUMN")
    webdataset: bool = option(False, "Carry the .json, .cls and .txt beside each image of a tar as columns.")


@dataclass(frozen=True)
class SourceOptions(ManifestOptions):
    """How sources are read: manifests, and lists on standard input, which start from the same root.

    Attributes:
        null: names on standard input end in NUL, not in a newline.
        stdin: where ``-`` is read from; the process's standard input where None.
        given: images that are at hand, in memory or in a table, in the place of sources; ``predict`` makes it.
    """

    null: bool = option(False, "Names on standard input end in NUL, as from find -print0.", needs="list")
    stdin: BinaryIO | None = None
    given: Given | None = None


@dataclass(frozen=True)
class Limits(Checked):
    """What is refused before it is decoded.

    Attributes:
        max_pixels: the largest width times height, as the file's header gives it.
        max_bytes: the largest file.
    """

    max_pixels: int = option(
        100_000_000,
        "Refuse larger images before decoding them, which takes about 12 bytes of memory a pixel, at most 36.",
        at_least=1,
        effect="scores",
    )
    max_bytes: int = option(256 * 2**20, "Refuse larger files.", at_least=1, effect="scores")


@dataclass(frozen=True)
class FaceOptions(Checked):
    """That faces are to be found in each image, and which.

    Attributes:
        detector: what finds them: ``centerface``, which comes with the tool; ``yunet``, from ``detector_model``;
            ``haar``, OpenCV's cascade for frontal faces; or ``auto``: YuNet where its model is given, else CenterFace.
        detector_model: YuNet's model, an ONNX file.
        min_score: the least score; the detector's own where None.
        min_size: the longer side of the smallest face, in pixels of the upright original; the detector's own where
            None.
        max_faces: of an image with more, the largest are taken.
        margin: by how much a box is widened on each side, as a part of its longer side; may be negative. What the
            detector's boxes need to be like the training faces where None.
    """

    detector: DetectorName = option("auto", "What finds faces; auto: YuNet where its model is given, else CenterFace.")
    detector_model: Path | None = option(
        None, "YuNet's model, face_detection_yunet_2023mar.onnx from the repository opencv_zoo on GitHub."
    )
    min_score: float | None = option(
        None,
        "Least score of a face; default: CenterFace 0.5, YuNet 0.7. Haar's is a number of hits, 2 to 3.",
        flag="min-face-score",
        at_least=0,
        effect="scores",
    )
    min_size: int | None = option(
        None,
        "Longer side of the smallest face, in pixels of the image; default: 36, Haar 48. Larger is faster.",
        flag="min-face-size",
        at_least=1,
        effect="scores",
    )
    max_faces: int = option(100, "Maximum number of faces of an image, the largest.", at_least=1, effect="scores")
    margin: float | None = option(
        None,
        "Widen boxes on each side by this part of their side; default: as the training faces are cropped.",
        flag="face-margin",
        at_least=-0.4,
        at_most=2,
        effect="scores",
    )


@dataclass(frozen=True)
class AnnotateOptions(Checked):
    """Copies of images with their faces marked.

    Attributes:
        folder: made anew, or replaced where it holds nothing but earlier copies.
        limit: the largest number of copies.
    """

    folder: Path = option(
        help="Write copies with faces, labels and confidence drawn into this folder.", flag="annotate", needs="faces"
    )
    limit: int = option(100, "Maximum number of copies.", flag="annotate-limit", at_least=1, needs="annotate")
