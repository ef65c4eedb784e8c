"""What an image is, decided once from its bytes; every library that reads pixels is told, none is asked."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from batch_emotion.records import Status

LARGEST_SIDE = 2**31 - 1
"""The longest side that the columns ``width`` and ``height`` hold."""


class Box(NamedTuple):
    """A part of an image in its own pixels."""

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """What an image is.

    Attributes:
        format: as a user knows it, such as ``JPEG``.
        stored_size: (width, height) in which the pixels are stored; of an animation, of its screen.
        orientation: 1 to 8, how to turn what is stored, numbered as in EXIF.
        bits: of each sample, as stored.
        maximum: the sample that is white; None where the file says none, as with floating point.
        gray: the samples are grey, not colour or a palette.
        alpha: some of it may be transparent, by a channel, a palette or a colour key.
        frame: where the first frame of an animation lies, unless it fills the screen.
        plain: OpenCV's own grey or colour pixels are right just as they are.
        is_buffered: all of a JPEG's coefficients are held while it is decoded, as it is coded in several scans.
        size: (width, height) upright.
        first_size: (width, height) of what is stored first: the image, or an animation's first frame.
    """

    format: str
    stored_size: tuple[int, int]
    orientation: int = 1
    bits: int = 8
    maximum: int | None = 255
    gray: bool = False
    alpha: bool = False
    frame: Box | None = None
    plain: bool = False
    is_buffered: bool = False

    size: tuple[int, int] = field(init=False)
    first_size: tuple[int, int] = field(init=False)

    def __post_init__(self) -> None:
        turned = self.stored_size[::-1] if self.orientation >= 5 else self.stored_size
        object.__setattr__(self, "size", turned)
        object.__setattr__(self, "first_size", self.frame[2:] if self.frame else self.stored_size)


class ImageRefused(Exception):
    """What an image's bytes hold is not to be decoded; the status says why."""

    def __init__(self, status: Status, reason: str) -> None:
        super().__init__(reason)
        self.status = status


def unsupported(reason: str) -> ImageRefused:
    """The refusal of what may be sound, but nothing here decodes."""
    return ImageRefused(Status.UNSUPPORTED, reason)
