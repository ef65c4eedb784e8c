"""Bytes to uint8 pixels, or a status: the only decoder, for training, evaluation and prediction alike.

OpenCV decodes and resizes; Pillow reads the headers that are out of the ordinary (OpenCV has no header-only call) and
decodes what has transparency, for OpenCV's unchanged mode ignores EXIF and differs from format to format. A JPEG much
larger than the model's input is decoded at a half, a quarter or an eighth. It never raises for bad data.
"""

from __future__ import annotations

import io
import re
import time
import warnings
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import (
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    ImageFile,
    ImageOps,
    Jpeg2KImagePlugin,
    JpegImagePlugin,
    PngImagePlugin,
    PpmImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from batch_emotion.images.headers import plain_jpeg_size, plain_png_size
from batch_emotion.options.images import Limits
from batch_emotion.records import DecodedImage, InputSpec, Status
from batch_emotion.storage.reading import FileBytes, read_file

DECODER = f"opencv {cv2.__version__}"
"""What decoded the pixels, as recorded with every result."""

Divisor = Callable[[tuple[int, int], bool], int]
"""Of an image's upright (width, height), and whether it is stored upright: 1, 2, 4 or 8."""

_Header = Callable[[io.BytesIO], ImageFile.ImageFile]
_SIGNATURES: tuple[tuple[bytes, _Header], ...] = (
    (b"\xff\xd8\xff", JpegImagePlugin.JpegImageFile),
    (b"\x89PNG\r\n\x1a\n", PngImagePlugin.PngImageFile),
    (b"GIF8", GifImagePlugin.GifImageFile),
    (b"BM", BmpImagePlugin.BmpImageFile),
    (b"II*\0", TiffImagePlugin.TiffImageFile),
    (b"MM\0*", TiffImagePlugin.TiffImageFile),
    (b"\0\0\0\x0cjP  \r\n\x87\n", Jpeg2KImagePlugin.Jpeg2KImageFile),
    *((b"P%d" % kind, PpmImagePlugin.PpmImageFile) for kind in range(1, 7)),
)
_TRANSPARENT_MODES = {"RGBA", "LA", "PA", "La", "RGBa"}
_ORIENTATION, _TURNED = 0x0112, (5, 6, 7, 8)
_PILLOW = re.compile(r"PIL\.")
_REDUCED = {8: cv2.IMREAD_REDUCED_GRAYSCALE_8, 4: cv2.IMREAD_REDUCED_GRAYSCALE_4, 2: cv2.IMREAD_REDUCED_GRAYSCALE_2}
_INTERPOLATIONS = {"bilinear": cv2.INTER_LINEAR, "nearest": cv2.INTER_NEAREST}


def load_image(
    location: str, spec: InputSpec, limits: Limits, full: bool = False, file: FileBytes | None = None
) -> DecodedImage:
    """Read and decode one file, unless it is read already; whatever is wrong with it is in the status."""
    return load(location, limits, lambda data: decode(data, spec, limits, full), file)


def load(
    location: str, limits: Limits, decoded: Callable[[bytes], DecodedImage], file: FileBytes | None = None
) -> DecodedImage:
    """Read one file, unless it is read already, and decode what it holds by ``decoded``.

    Whatever is wrong with it is in the status.
    """
    started = time.perf_counter()
    if file is None:
        file = read_file(location, limits.max_bytes)
    read_s = time.perf_counter() - started
    if file.status is not Status.OK:
        return DecodedImage(None, file.status, None, None, file.error, file.size, file.mtime_ns, read_s)
    return decoded(file.data)._replace(size=file.size, mtime_ns=file.mtime_ns, read_s=read_s)


def decode(data: bytes, spec: InputSpec, limits: Limits, full: bool = False) -> DecodedImage:
    """Decode an encoded image to uint8 ``spec.shape``, upright, transparency laid over white.

    Args:
        data: the content of an image file of any supported format.
        spec: the size, colour mode and interpolation wanted.
        limits: ``max_pixels`` is checked against the header before anything is decoded.
        full: decode every pixel of a JPEG however large it is; else to a size of at least twice ``spec.image_size``.
    """
    divided_by = 1

    def divisor(size: tuple[int, int], upright: bool) -> int:
        nonlocal divided_by
        divided_by = 1 if full else reduction(size, spec, upright)
        return divided_by

    image = decode_whole(data, spec.color_mode == "grayscale", limits, divisor)
    if image.pixels is None or image.width is None or image.height is None:
        return image
    pixels = image.pixels
    if divided_by > 1:
        pixels = _resize_reduced(pixels, spec, (image.width / divided_by, image.height / divided_by))
    return image._replace(pixels=resize(pixels, spec))


def decode_whole(data: bytes, gray: bool, limits: Limits, divisor: Divisor) -> DecodedImage:
    """Decode an encoded image to uint8 (h, w) or (h, w, 3) pixels of its own size, upright, opaque.

    Args:
        data: the content of an image file of any supported format.
        gray: grey pixels (h, w) instead of RGB.
        limits: ``max_pixels`` is checked against the header before anything is decoded.
        divisor: asked of JPEGs alone, by what each side is divided as it is decoded.
    """
    if not data:
        return DecodedImage(None, Status.EMPTY, error="the file has no content")
    jpeg = plain_jpeg_size(data)
    size, header, orientation = jpeg or plain_png_size(data), None, 1
    if size is None:
        header_of = _header_reader(data)
        if header_of is None:
            return DecodedImage(None, Status.UNSUPPORTED, error=_unsupported(data))
        _silence_pillow()
        try:
            header = header_of(io.BytesIO(data))
            width, height = header.size
            orientation = _orientation(header, b"" if width * height > limits.max_pixels else data)
            size = (height, width) if orientation in _TURNED else (width, height)
        except Image.DecompressionBombError as error:  # of formats whose plugin has a limit of its own, such as WebP
            return DecodedImage(None, Status.TOO_LARGE, error=str(error))
        except Exception as error:  # Pillow's plugins raise whatever their parsing runs into
            return DecodedImage(None, Status.CORRUPT, error=f"the header cannot be read: {error}")
    width, height = size
    if width * height > limits.max_pixels:
        reason = f"{width}x{height} pixels, more than the limit of {limits.max_pixels}"
        return DecodedImage(None, Status.TOO_LARGE, width, height, reason)
    scalable = jpeg is not None or isinstance(header, JpegImagePlugin.JpegImageFile)
    try:
        pixels = _pixels(data, header, gray, divisor(size, orientation == 1) if scalable else 1)
    except Exception as error:
        return DecodedImage(None, Status.CORRUPT, width, height, f"the image data is damaged: {error}"[:300])
    if pixels is None:
        return DecodedImage(None, Status.CORRUPT, width, height, "the image data is damaged or cut short")
    return DecodedImage(pixels, Status.OK, width, height)


def reduction(size: tuple[int, int], spec: InputSpec, upright: bool = True) -> int:
    """The largest of 8, 4, 2 and 1 by which an image's short side can be divided and stay twice the model's input.

    It is 1 where the model was not made for area averaging, which alone gives the same whatever comes before it; and
    what is not upright is divided without remainder or not at all, for the padded edge would be on the wrong side.
    """
    enough = 2 * max(spec.image_size)
    if spec.interpolation != "area" or min(size) < 2 * enough:
        return 1
    width, height = size
    return next(
        divisor
        for divisor in (*_REDUCED, 1)
        if min(size) // divisor >= enough and (upright or not (width % divisor or height % divisor))
    )


def _resize_reduced(pixels: NDArray[np.uint8], spec: InputSpec, size: tuple[float, float]) -> NDArray[np.uint8]:
    """Average what has (width, height) of content and, from decoding at a fraction, up to a pixel of padding beyond.

    The padding is less than half a pixel of the result, so that these factors round to ``spec.image_size``.
    """
    height, width = spec.image_size
    averaged: NDArray[np.uint8] = cv2.resize(
        pixels, None, fx=width / size[0], fy=height / size[1], interpolation=cv2.INTER_AREA
    )
    return averaged


def resize(pixels: NDArray[np.uint8], spec: InputSpec) -> NDArray[np.uint8]:
    """Stretch uint8 (h, w) or (h, w, C) pixels to ``spec.shape``, with the card's interpolation."""
    height, width = spec.image_size
    if pixels.shape[:2] != (height, width):
        interpolation = _INTERPOLATIONS.get(spec.interpolation)
        if interpolation is None:
            shrinks = pixels.shape[0] >= height and pixels.shape[1] >= width
            interpolation = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
        pixels = cv2.resize(pixels, (width, height), interpolation=interpolation)
    return pixels.reshape(spec.shape)


def _silence_pillow() -> None:
    """Keep Pillow's warnings about damage from the user, to whom the status says it.

    The filter stays, for several threads decode at a time and ``warnings.catch_warnings`` is not made for that.
    """
    if not warnings.filters or warnings.filters[0][3] != _PILLOW:
        warnings.filterwarnings("ignore", module=_PILLOW.pattern)


def _header_reader(data: bytes) -> _Header | None:
    for signature, reader in _SIGNATURES:
        if data.startswith(signature):
            return reader
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return WebPImagePlugin.WebPImageFile
    return None


def _unsupported(data: bytes) -> str:
    if data[4:8] == b"ftyp":
        return f"HEIC and AVIF images ({data[8:12].decode('ascii', 'replace')}) are not supported; convert them to JPEG"
    return "not an image of a supported format"


def _orientation(header: Any, data: bytes) -> int:
    """EXIF's orientation, 1 where it is upright; Pillow's TIFF header says the upright size already.

    Pillow decodes a PNG to look for EXIF behind its pixels, so only one that holds some in ``data`` is asked.
    """
    if isinstance(header, TiffImagePlugin.TiffImageFile):
        return 1
    if "exif" not in header.info and not (isinstance(header, PngImagePlugin.PngImageFile) and b"eXIf" in data):
        return 1
    orientation = header.getexif().get(_ORIENTATION, 1)
    return orientation if orientation in range(2, 9) else 1


def _pixels(data: bytes, header: Any, gray: bool, divisor: int) -> NDArray[np.uint8] | None:
    """Decode to upright pixels of the original size, rounded up, over ``divisor``; ``header`` is None where plain."""
    if header is not None and (header.mode in _TRANSPARENT_MODES or "transparency" in header.info):
        upright = ImageOps.exif_transpose(header).convert("RGBA")
        flat = Image.alpha_composite(Image.new("RGBA", upright.size, "white"), upright)
        return np.asarray(flat.convert("L" if gray else "RGB"))
    flag = (cv2.IMREAD_GRAYSCALE if gray else cv2.IMREAD_COLOR_RGB) | _REDUCED.get(divisor, 0)
    pixels: NDArray[np.uint8] | None = cv2.imdecode(np.frombuffer(data, np.uint8), flag)
    return pixels
