"""What a Python program has at hand to a plan: images in memory, and tables with a column of paths."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from batch_emotion.columns import plain_columns, repacked
from batch_emotion.errors import SourceError, WrongType
from batch_emotion.frames import arrow_table
from batch_emotion.options.images import ManifestOptions
from batch_emotion.plan import PLAN_SCHEMA, Plan
from batch_emotion.sources.manifest import path_and_others
from batch_emotion.sources.planning import plan_paths, with_labels
from batch_emotion.storage.held import HeldFile, hold

TAKEN = (
    "a path, a list of paths, a DataFrame or Arrow table with a column of paths, a uint8 array (H, W[, C]), "
    "a batch or list of arrays, PIL images or bytes"
)
_CHANNELS = (1, 3, 4)


@dataclass(frozen=True, eq=False)
class Given:
    """The images of a call.

    Attributes:
        plan: one row for each image.
        files: those that are in memory, which can be read for as long as this is kept.
    """

    plan: Plan
    files: tuple[HeldFile, ...] = ()


def paths_of(source: object) -> tuple[str, ...] | None:
    """The paths, globs and URIs that a source is made of; None where it is no path and no list of paths.

    Raises:
        SourceError: it is an empty list.
    """
    if _is_path(source):
        return (os.fspath(source),)  # type: ignore[call-overload]
    if isinstance(source, list | tuple):
        if not source:
            raise SourceError("there is nothing to score: the list is empty")
        if all(map(_is_path, source)):
            return tuple(map(os.fspath, source))
    return None


def given(source: object, options: ManifestOptions | None = None) -> Given:
    """The plan of a table, or of images in memory.

    Args:
        source: a pandas or polars DataFrame, an Arrow table, a pandas Series of paths; or one image or several: uint8
            arrays of pixels, grey (H, W), RGB (H, W, 3) or with transparency (H, W, 4), a batch (N, H, W[, C]) of
            them, PIL images, or the bytes of image files. In a list the kinds may be mixed.
        options: the table's column of paths, whose other columns are the plan's attributes, and of labels; and where
            relative paths start, which is the working directory where it says nothing.

    Raises:
        WrongType: it is something else.
        SourceError: a table has no such column, or one that a result cannot hold.
    """
    options = options or ManifestOptions()
    table = _table(source, options.path_column)
    if table is not None:
        plain = repacked(plain_columns(table.replace_schema_metadata(None)))
        paths, others = path_and_others(plain, options.path_column, "table")
        others = others if options.label_column is None else with_labels(others, options.label_column)
        return Given(plan_paths(paths, options.root or Path(), others, image_column=options.image_column))
    is_one = isinstance(source, bytes | bytearray | memoryview) or _is_picture(source)
    is_one = is_one or (isinstance(source, np.ndarray) and _is_one(source))
    images = [source] if is_one else _several(source)
    if not len(images):
        raise SourceError("there is nothing to score: there are no images")
    files = tuple(hold(_content(image, "" if is_one else f"[{at}]")) for at, image in enumerate(images))
    names = [_name(image, "image" if is_one else f"images[{at}]") for at, image in enumerate(images)]
    plan = pa.table(
        [
            pa.array(range(len(files)), pa.int64()),
            pa.array(names, pa.string()),
            pa.array([file.location for file in files], pa.string()),
            pa.array([len(file.data) for file in files], pa.int64()),
            pa.nulls(len(files), pa.int64()),
        ],
        schema=PLAN_SCHEMA,
    )
    return Given(Plan(plan, pa.table({"": pa.nulls(len(files))}).drop_columns([""])), files)


def contents(images: object) -> list[bytes]:
    """Images in memory, as ``given`` takes them, as the bytes of image files.

    Raises:
        WrongType: they are something else.
    """
    if paths_of(images) is not None or _table(images, "path") is not None:
        raise WrongType(f"this takes images in memory, not {type(images).__name__}; predict() takes paths and tables")
    return [file.data for file in given(images).files]


def _is_path(source: object) -> bool:
    return isinstance(source, str) or (isinstance(source, os.PathLike) and isinstance(os.fspath(source), str))


def _is_picture(source: object) -> bool:
    pillow = sys.modules.get("PIL.Image")
    return pillow is not None and isinstance(source, pillow.Image)


def _is_one(array: NDArray[Any]) -> bool:
    return array.ndim == 2 or (array.ndim == 3 and array.shape[2] in _CHANNELS)


def _several(source: object) -> Sequence[Any]:
    if isinstance(source, np.ndarray):
        if source.dtype != np.uint8 or source.ndim not in (3, 4):
            _content(source, "")  # which refuses it
        return list(source)
    if isinstance(source, Iterator) or not isinstance(source, Iterable) or isinstance(source, dict | set | str):
        raise WrongType(f"images must be {TAKEN}, not {type(source).__name__}")
    return list(source)


def _table(source: object, path_column: str) -> pa.Table | None:
    pandas = sys.modules.get("pandas")
    if pandas is not None and isinstance(source, pandas.Series):
        source = source.to_frame(path_column)
    return arrow_table(source)


def _name(image: object, otherwise: str) -> str:
    """What the row of an image has for a path: the file that a PIL image was opened from, where it says."""
    name = getattr(image, "filename", "") if _is_picture(image) else ""
    return name if isinstance(name, str) and name else otherwise


def _content(image: object, at: str) -> bytes:
    """An image as the bytes of a file that holds the same pixels."""
    if isinstance(image, bytes | bytearray | memoryview):
        return bytes(image)
    if _is_picture(image):
        return _saved(image)
    if not isinstance(image, np.ndarray):
        kind = type(image).__name__
        raise WrongType(f"images{at} is of type {kind}; a list holds paths, or arrays, PIL images and bytes of files")
    if image.dtype != np.uint8:
        raise WrongType(
            f"images{at} is an array of {image.dtype}; give uint8, pixels from 0 to 255, such as "
            "(255 * x).astype('uint8')"
        )
    if not _is_one(image) or not image.size:
        raise WrongType(f"images{at} has the shape {image.shape}; give (H, W), (H, W, 1), (H, W, 3) or (H, W, 4)")
    height, width = image.shape[:2]
    if image.ndim == 3 and image.shape[2] == 4:
        from PIL import Image

        return _saved(Image.fromarray(image, "RGBA"))
    pnm = b"P6" if image.ndim == 3 and image.shape[2] == 3 else b"P5"
    return b"%s\n%d %d\n255\n" % (pnm, width, height) + image.tobytes()


def _saved(picture: Any) -> bytes:
    """A PIL image as a file: PNG, or where that has no such pixels TIFF; with the orientation that it says."""
    file = io.BytesIO()
    exif = picture.getexif()
    kept = type(exif)()
    if 0x0112 in exif:
        kept[0x0112] = exif[0x0112]
    try:
        picture.save(file, "PNG", compress_level=1, exif=kept)
    except (OSError, KeyError, ValueError):
        file = io.BytesIO()
        picture.save(file, "TIFF", exif=kept)
    return file.getvalue()
