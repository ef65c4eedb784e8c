"""What makes the rows of one image: one for the whole of it, or one for each face."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from batch_emotion.images.decode import load_image
from batch_emotion.images.faces import FaceLoader
from batch_emotion.options.images import FaceOptions, Limits
from batch_emotion.records import DecodedImage, InputSpec
from batch_emotion.storage.reading import FileBytes


class Loader(Protocol):
    """A location, and what was read from it where that is done already, to the rows of the image, at least one."""

    def __call__(self, location: str, file: FileBytes | None = None, /) -> Sequence[DecodedImage]:
        """Read, unless that is done, and decode one file."""


def make_loader(spec: InputSpec, limits: Limits, full: bool = False, faces: FaceOptions | None = None) -> Loader:
    """A loader of whole images, or of faces.

    Args:
        spec: what the model wants to be shown.
        limits: what is refused.
        full: decode every pixel of large JPEGs.
        faces: which faces to find; None takes every image whole.

    Raises:
        UsageError: the face detector cannot be loaded.
    """
    if faces is not None:
        return FaceLoader(spec, limits, faces, full)
    return lambda location, file=None: (load_image(location, spec, limits, full, file),)
