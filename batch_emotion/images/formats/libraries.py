"""The libraries that decode, behind one face: bytes to samples as they are stored, never turned, RGB in that order."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import ImageFile

from batch_emotion.images.facts import ImageFacts, ImageRefused, unsupported

Samples = NDArray[Any]
"""Grey (h, w), grey and alpha (h, w, 2), RGB (h, w, 3) or RGBA (h, w, 4), of any number type."""

_GRAY = cv2.IMREAD_GRAYSCALE | cv2.IMREAD_IGNORE_ORIENTATION
_RGB = cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION
_CONVERTED = {"1": "L", "CMYK": "RGB", "YCbCr": "RGB", "HSV": "RGB", "RGBX": "RGB", "PA": "RGBA", "RGBa": "RGBA"}
_DEEP = ("I", "F", "I;16", "I;16L", "I;16B", "I;16N")
_PILLOW = re.compile(r"PIL\.")


def opencv(data: bytes, gray: bool = False, reduced: int = 0) -> Samples | None:
    """Decode 8-bit grey or RGB samples; None where OpenCV cannot."""
    return _decoded(data, (_GRAY if gray else _RGB) | reduced)


def opencv_as_stored(data: bytes) -> Samples | None:
    """Decode samples of the depth and with the alpha that are stored; None where OpenCV cannot."""
    samples = _decoded(data, cv2.IMREAD_UNCHANGED)
    if samples is not None and samples.ndim == 3:
        blue = samples[..., 0].copy()
        samples[..., 0], samples[..., 2] = samples[..., 2], blue
    return samples


def _decoded(data: bytes, flags: int) -> Samples | None:
    try:
        samples: Samples | None = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error:  # of a side beyond its own limit, for one
        return None
    return samples


def pillow(open_image: Callable[[io.BytesIO], ImageFile.ImageFile], data: bytes, facts: ImageFacts) -> Samples:
    """Decode by one of Pillow's plugins, unless it reads another size from the header than was decided.

    The plugin is called by itself: ``Image.open`` would ask all others too, and mind a limit that is the caller's.
    """
    silence_pillow()
    with open_image(io.BytesIO(data)) as image:
        if image.size != facts.first_size:  # it would make room for as much before it notices
            raise ValueError(f"one header says {facts.first_size}, another {image.size}")
        mode = image.mode
        if mode == "P":
            transparent = "transparency" in image.info or (image.palette is not None and image.palette.mode == "RGBA")
            return np.asarray(image.convert("RGBA" if transparent else "RGB"))
        if mode == "La" or (mode == "L" and "transparency" in image.info):
            return np.asarray(image.convert("LA"))
        if mode in _CONVERTED:
            return np.asarray(image.convert(_CONVERTED[mode]))
        if mode in ("L", "LA", "RGB", "RGBA", *_DEEP):
            return np.asarray(image)
    raise unsupported(f"an image in the colour space {mode}; save it anew in RGB")


def first_decoded(*attempts: Callable[[], Samples | None]) -> Samples:
    """What the first attempt gives that succeeds.

    Raises:
        ImageRefused: none does, and one says that the image may be sound.
        Exception: whatever the first that raised has raised.
    """
    errors: list[Exception] = []
    for attempt in attempts:
        try:
            samples = attempt()
        except Exception as error:  # the libraries raise whatever their parsing runs into
            errors.append(error)
        else:
            if samples is not None:
                return samples
    refusals = [error for error in errors if isinstance(error, ImageRefused)]
    raise next(iter(refusals or errors), ValueError("damaged or cut short"))


def straight(samples: Samples) -> Samples:
    """Divide colour by the alpha that it was multiplied with, in samples whose alpha comes last."""
    alpha = samples[..., -1:]
    largest = int(np.iinfo(samples.dtype).max)
    color = samples[..., :-1].astype(np.float32) * largest / np.maximum(alpha, 1)
    return np.concatenate([np.minimum(np.rint(color), largest).astype(samples.dtype), alpha], axis=2)


def silence_pillow() -> None:
    """Keep Pillow's warnings about damage from the user, to whom the status says it.

    The filter stays, for several threads decode at a time and ``warnings.catch_warnings`` is not made for that.
    """
    if not warnings.filters or warnings.filters[0][3] != _PILLOW:
        warnings.filterwarnings("ignore", module=_PILLOW.pattern)
