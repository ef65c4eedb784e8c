"""What must hold of every file, however broken: it becomes one row that fits the result's columns."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from batch_emotion.images.decode import load_image
from batch_emotion.images.pipeline import _columns, _facts
from batch_emotion.options.images import Limits
from batch_emotion.records import DecodedImage, InputSpec, Status

SPEC = InputSpec((16, 16))
GREY = InputSpec((16, 16), "grayscale")
LIMITS = Limits()
CPU_SECONDS = 10
"""How long one file may take; what takes longer ends the process that tries it, by SIGPROF."""


_POSSIBLE = {Status.OK, Status.EMPTY, Status.UNSUPPORTED, Status.CORRUPT, Status.TOO_LARGE}
_LONGEST_ERROR = 400


def try_image(location: str) -> Status:
    """Decode a file in colour and in grey, as ``predict`` does.

    Raises:
        AssertionError: what came of it does not fit the columns of a result, or the two differ.
    """
    colour, grey = load_image(location, SPEC, LIMITS), load_image(location, GREY, LIMITS)
    check_row(colour, SPEC)
    check_row(grey, GREY)
    seen, same = ((image.status, image.width, image.height) for image in (colour, grey))
    assert seen == same, f"{seen} in colour, {same} in grey ({colour.error}; {grey.error})"
    return colour.status


def check_row(image: DecodedImage, spec: InputSpec) -> None:
    """Check that an image fits a row of the result.

    Raises:
        AssertionError: it does not; says why.
    """
    assert image.status in _POSSIBLE, f"the status is {image.status}"
    if image.status is Status.OK:
        assert image.pixels is not None
        assert image.pixels.dtype == np.uint8
        assert image.pixels.shape == spec.shape
        assert image.width, "no width"
        assert image.height, "no height"
        assert 0 < image.width * image.height <= LIMITS.max_pixels, f"{image.width}x{image.height}"
        assert image.error is None
    else:
        assert image.pixels is None
        assert image.error, "no reason"
        assert len(image.error) <= _LONGEST_ERROR, f"a reason of {len(image.error)} characters"
    assert (image.width is None) == (image.height is None)
    _, *columns = _columns([image], spec)
    facts = _facts(columns)
    assert facts.schema.types[:4] == [pa.string(), pa.int32(), pa.int32(), pa.string()]
    row = facts.to_pylist()[0]
    expected = (image.status, image.width, image.height, image.error)
    assert (row["status"], row["width"], row["height"], row["error"]) == expected, f"{row} instead of {expected}"
