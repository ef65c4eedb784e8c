"""The types that travel between the stages: what a model wants to be shown, batches of pixels, an image's status."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol

import pyarrow as pa

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

UNCERTAIN = "uncertain"
"""The ``emotion`` of a row whose confidence is too low; no class may have this name."""

CHECKSUM = "sha256"
"""The column of the files' contents, in plans and results of runs with ``--checksum``."""

FACE_ROLL = "face_roll"
"""The column of how faces are turned; earlier versions did not write it."""

ColorMode = Literal["rgb", "grayscale"]

FACE_SCHEMA = pa.schema(
    [
        pa.field("face_index", pa.int32()),
        pa.field("box_x", pa.int32()),
        pa.field("box_y", pa.int32()),
        pa.field("box_w", pa.int32()),
        pa.field("box_h", pa.int32()),
        pa.field("face_score", pa.float32()),
        pa.field(FACE_ROLL, pa.float32()),
    ]
)
"""The columns that say which face a row is of; null in rows that are of none."""


class Status(StrEnum):
    """What became of one image."""

    OK = "ok"
    MISSING = "missing"
    NOT_A_FILE = "not_a_file"
    UNREADABLE = "unreadable"
    EMPTY = "empty"
    UNSUPPORTED = "unsupported"
    CORRUPT = "corrupt"
    TOO_LARGE = "too_large"
    DECODER_CRASH = "decoder_crash"
    NO_FACE = "no_face"


SCORABLE = (Status.OK, Status.NO_FACE)
"""What is no failure: the image was read, and every face in it scored."""


class Pixels(Protocol):
    """N images uint8 (H, W, C), as much of an array as is needed."""

    @property
    def shape(self) -> tuple[int, ...]:
        """(N, H, W, C)."""
        ...

    def __len__(self) -> int: ...

    def __getitem__(self, rows: Any) -> NDArray[np.uint8]:
        """The images of a slice or of an array of rows, (n, H, W, C)."""
        ...

    def __iter__(self) -> Iterator[NDArray[np.uint8]]: ...


def pixel_digests(pixels: Pixels) -> list[str]:
    """The first 16 hex digits of the sha256 of each image's pixels, uint8 (N, H, W, C): equal where the pixels are."""
    return [hashlib.sha256(image.tobytes()).hexdigest()[:16] for image in pixels]


@dataclass(frozen=True)
class InputSpec:
    """What a model wants to be shown, as its card says.

    Attributes:
        image_size: (height, width) in pixels.
        color_mode: ``rgb`` (3 channels) or ``grayscale`` (1 channel).
        interpolation: ``area`` (area averaging where the image shrinks, bilinear where it grows), ``bilinear`` or
            ``nearest``.
        fit: ``stretch``: an image that is not square is stretched.
    """

    image_size: tuple[int, int]
    color_mode: ColorMode = "rgb"
    interpolation: Literal["area", "bilinear", "nearest"] = "area"
    fit: Literal["stretch"] = "stretch"

    @property
    def shape(self) -> tuple[int, int, int]:
        """(height, width, channels)."""
        return (*self.image_size, 3 if self.color_mode == "rgb" else 1)


class Face(NamedTuple):
    """Where a face is.

    ``number`` is its place by size, the largest being 0; the box is in pixels of the upright original; ``score``
    is the detector's; ``roll`` is by how many degrees the face is turned clockwise, None where that is not known.
    """

    number: int
    x: int
    y: int
    width: int
    height: int
    score: float
    roll: float | None = None


class DecodedImage(NamedTuple):
    """One image, or one face of it, after decoding: pixels, or the reason why there are none.

    ``pixels`` is uint8 (H, W, C) where ``status`` is ok, else None; ``width`` and ``height`` are those of the upright
    original, None where even the header could not be read; ``size`` (bytes) and ``mtime_ns`` (ns since the epoch) are
    those of the file that was read, None where there was none; ``read_s`` and ``detect_s`` are how long reading it and
    finding faces in it took; ``face`` is what of the image the pixels show, None where they show all of it.
    """

    pixels: NDArray[np.uint8] | None
    status: Status
    width: int | None = None
    height: int | None = None
    error: str | None = None
    size: int | None = None
    mtime_ns: int | None = None
    read_s: float = 0.0
    detect_s: float = 0.0
    face: Face | None = None


@dataclass(frozen=True)
class ImageBatch:
    """The images of consecutive plan rows: B images, or the B faces in them, each image having at least one row.

    Attributes:
        image_index: int64 (B,), the row in the plan of each image.
        pixels: uint8 (B, H, W, C), zero where the image is not ok.
        facts: an Arrow batch of B rows with the columns ``status, width, height, error, size, mtime_ns``, and with
            faces those of ``FACE_SCHEMA``.
        read_s: seconds it took to read the files.
        decode_s: seconds it took to decode them.
        detect_s: seconds it took to find the faces in them.
    """

    image_index: NDArray[np.int64]
    pixels: NDArray[np.uint8]
    facts: pa.RecordBatch
    read_s: float = 0.0
    decode_s: float = 0.0
    detect_s: float = 0.0

    @cached_property
    def image_rows(self) -> NDArray[np.int64]:
        """int64 (B,), which of the batch's images each row is of, from 0."""
        import numpy as np

        rows: NDArray[np.int64] = np.cumsum(np.diff(self.image_index, prepend=self.image_index[:1]) != 0)
        return rows


@dataclass
class Profile:
    """Where the time of a run goes, in seconds.

    Reading, decoding and inference run beside each other and in several threads, whose seconds are added up; the sum
    can therefore be more than the run took.

    Attributes:
        start: importing the libraries and loading the model.
        list: making the plan.
        compare: finding the rows of an earlier run that can stay.
        read: reading image files.
        decode: bytes to pixels of the model's size.
        detect: finding faces.
        infer: pixels to probabilities.
        write: committing shards and putting the final output together.
    """

    start: float = 0.0
    list: float = 0.0
    compare: float = 0.0
    read: float = 0.0
    decode: float = 0.0
    detect: float = 0.0
    infer: float = 0.0
    write: float = 0.0

    @contextmanager
    def timing(self, stage: str) -> Iterator[None]:
        """Add the block's time to a stage."""
        started = time.perf_counter()
        try:
            yield
        finally:
            setattr(self, stage, getattr(self, stage) + time.perf_counter() - started)

    def add(self, other: Profile) -> None:
        """Add another's seconds, stage by stage."""
        for stage in fields(self):
            setattr(self, stage.name, getattr(self, stage.name) + getattr(other, stage.name))

    def taken(self) -> Profile:
        """What was added since this was last asked; it starts anew at 0."""
        spent = replace(self)
        for stage in fields(self):
            setattr(self, stage.name, 0.0)
        return spent
