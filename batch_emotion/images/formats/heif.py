"""HEIC, HEIF and AVIF: libheif decodes what is coded by HEVC, Pillow what is by AV1; both are asked for the main image.

What turns and mirrors an image (``irot``, ``imir``) is applied by libheif, and told by Pillow as if it were EXIF's
orientation. EXIF itself does not turn images of these formats, as viewers have it.
"""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from PIL import AvifImagePlugin

from batch_emotion.images.facts import ImageFacts, ImageRefused, unsupported
from batch_emotion.images.formats.boxes import is_cut, main_image
from batch_emotion.images.formats.libraries import Samples, pillow, straight
from batch_emotion.images.orientation import exif_orientation
from batch_emotion.records import Status

_AV1 = b"av01"
_AVIF_BRANDS = frozenset((b"avif", b"avis", b"avio"))
_HEVC_BRANDS = frozenset((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"))
_IMAGE_BRANDS = _AVIF_BRANDS | _HEVC_BRANDS | {b"mif1", b"mif2", b"msf1", b"miaf"}
_FOREIGN = {b"qt  ": "a video (QuickTime", b"crx ": "a camera's raw image (CR3", b"M4A ": "a sound (M4A"}
_LIBRARIES_LARGEST = 2**15


def matches(data: bytes) -> bool:
    """Whether a file is of the container format that films are of too."""
    return data[4:8] == b"ftyp"


def read_facts(data: bytes) -> ImageFacts:
    """What the main image is."""
    brands = _brands(data)
    if not _IMAGE_BRANDS.intersection(brands):
        name = brands[0].decode("latin-1").strip()
        raise unsupported(f"{_FOREIGN.get(brands[0], 'a video (MP4')}, brand {name!r}), not an image")
    if is_cut(data):
        raise ValueError("its pixels are cut short")  # of tiles that are not there libheif makes black ones
    size, coding = main_image(data)
    if size is not None and max(size) > _LIBRARIES_LARGEST:
        return ImageFacts("HEIF", size)
    if coding == _AV1 or (coding is None and _AVIF_BRANDS.intersection(brands)):
        with AvifImagePlugin.AvifImageFile(io.BytesIO(data)) as picture:
            orientation = exif_orientation(picture.info.get("exif", b"")) or 1
            gray, alpha = picture.mode in ("L", "LA"), picture.mode.endswith("A")
            return ImageFacts("AVIF", picture.size, orientation, gray=gray, alpha=alpha)
    image = _open(data)
    bits = int(image.info["bit_depth"])
    return ImageFacts("HEIC", image.size, 1, bits, 2**bits - 1, gray=image.mode[0] in "LI", alpha=image.has_alpha)


def read_samples(data: bytes, facts: ImageFacts) -> Samples:
    """Decode to 8 bits, or to what a HEIC stores."""
    if facts.format == "AVIF":
        return pillow(AvifImagePlugin.AvifImageFile, data, facts)
    image = _open(data)
    try:
        samples = np.asarray(image)
    except (RuntimeError, ValueError, EOFError) as error:
        raise _refused(error) from None
    return straight(samples) if image.premultiplied_alpha else samples


def _brands(data: bytes) -> list[bytes]:
    end = min(max(int.from_bytes(data[:4], "big"), 16), len(data))
    return [data[8:12], *(data[at : at + 4] for at in range(16, end, 4))]


def _open(data: bytes) -> Any:
    import pillow_heif  # which few folders need

    try:
        images = pillow_heif.open_heif(io.BytesIO(data), convert_hdr_to_8bit=False, hdr_to_16bit=False)
    except (RuntimeError, ValueError, EOFError, SyntaxError) as error:
        raise _refused(error) from None
    if not len(images):
        raise unsupported("a HEIF of a kind that is not decoded: libheif finds no image in it")
    return images


def _refused(error: Exception) -> ImageRefused:
    """What libheif says, which is the only way to know what kind of error it is."""
    reason = str(error).strip()
    if "Security limit" in reason:
        return ImageRefused(Status.TOO_LARGE, f"more than libheif decodes: {reason}")
    if "nsupported" in reason or "has not been built in" in reason:
        return unsupported(f"a HEIF of a kind that is not decoded: {reason}")
    return ImageRefused(Status.CORRUPT, f"the image data is damaged: {reason}")
