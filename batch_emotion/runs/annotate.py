"""Copies of the images of a result with their faces marked, for eyes."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path, PurePath
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from batch_emotion.errors import BatchEmotionError, UsageError
from batch_emotion.images.decode import decode_whole, load
from batch_emotion.options.images import AnnotateOptions, Limits
from batch_emotion.plan import Plan
from batch_emotion.records import Face, Status
from batch_emotion.storage.commits import committing_folder
from batch_emotion.storage.escaping import escape_name
from batch_emotion.storage.targets import check_replaceable, replacing_folder
from batch_emotion.visualization.boxes import draw_faces, jpeg_bytes
from batch_emotion.visualization.palette import class_colours

COLUMNS = ("status", "emotion", "confidence", "face_index", "box_x", "box_y", "box_w", "box_h")
"""What must be known of each row."""

_UNCERTAIN = "#bbbbbb"
_LOG = logging.getLogger("batch_emotion")
_NAME = re.compile(r"\d{6,}-.*\.jpg", re.DOTALL)
_UNSAFE = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f]')


def check_annotated(folder: Path) -> None:
    """Refuse a folder for the copies that holds anything else.

    Raises:
        OutputMismatch: it does, or is a file.
    """
    check_replaceable(folder, lambda name: _NAME.fullmatch(name) is not None, "annotate.folder")


def check_images_spared(folder: Path, plan: Plan) -> None:
    """Refuse a folder for the copies that an image of the plan lies in: it would be gone.

    Raises:
        UsageError: naming the image.
    """
    if not folder.exists():
        return
    for name in {os.path.abspath(folder), os.path.realpath(folder)}:
        lost = pc.starts_with(plan.images["location"], escape_name(f"{name}{os.sep}"))
        if pc.any(lost).as_py():
            first = plan.images["path"].filter(lost)[0].as_py()
            raise UsageError(f"`annotate.folder` {folder} holds {first}, which is read; choose another place")


def annotate(
    options: AnnotateOptions,
    plan: Plan,
    rows: Iterable[pa.Table | pa.RecordBatch],
    class_names: Sequence[str],
    limits: Limits,
) -> int:
    """Write the copies, ``000042-<name>.jpg`` for the image of row 42 of the plan; gives how many.

    A warning says where the limit left out images with faces.

    An image that has changed so much since that it cannot be decoded is passed over.

    Args:
        options: where to and how many.
        plan: the images.
        rows: all rows of the result in its order, with ``COLUMNS``.
        class_names: the model's classes.
        limits: what is refused.

    Raises:
        BatchEmotionError: the copies cannot be written.
    """
    colours = class_colours(class_names)
    written = 0
    try:
        with (
            replacing_folder(options.folder, lambda: check_annotated(options.folder)),
            committing_folder(options.folder) as folder,
        ):
            for row, faces in _images(rows):
                if row >= len(plan):
                    break
                if not faces:
                    continue
                if written == options.limit:
                    _LOG.warning(
                        f"only the first {written} images with a face were annotated; raise `annotate.limit` for more"
                    )
                    break
                image = load(
                    plan.images["location"][row].as_py(),
                    limits,
                    lambda data: decode_whole(data, False, limits, lambda size, upright: 1),
                )
                if image.pixels is None or image.width is None or image.height is None:
                    continue
                marks = [_mark(face, colours) for face in faces]
                drawn = draw_faces(image.pixels, (image.width, image.height), marks)
                name = _file_name(row, plan.images["path"][row].as_py())
                (folder / name).write_bytes(jpeg_bytes(drawn))
                written += 1
    except OSError as error:
        raise BatchEmotionError(
            f"the result is whole, but the annotated copies could not be written to {options.folder}: {error.strerror}"
        ) from error
    return written


def _images(tables: Iterable[pa.Table | pa.RecordBatch]) -> Iterator[tuple[int, list[dict[str, Any]]]]:
    """Each image's row in the plan and its faces, the largest first."""
    image, faces = -1, list[dict[str, Any]]()
    for table in tables:
        for row in table.to_pylist():
            if not row["face_index"]:
                if image >= 0:
                    yield image, faces
                image, faces = image + 1, []
            if row["status"] == Status.OK:
                faces.append(row)
    if image >= 0:
        yield image, faces


def _mark(row: dict[str, Any], colours: dict[str, str]) -> tuple[Face, str, str]:
    face = Face(row["face_index"], row["box_x"], row["box_y"], row["box_w"], row["box_h"], 0.0)
    label = f"{face.number}: {row['emotion']} {row['confidence']:.0%}"
    return face, label, colours.get(row["emotion"], _UNCERTAIN)


def _file_name(row: int, path: str) -> str:
    """A name that any system takes, with as much of the image's own as 120 bytes hold."""
    own = _UNSAFE.sub("_", PurePath(path.replace("\\", "/")).stem).encode("utf-8", "replace")[:120]
    return f"{row:06d}-{own.decode('utf-8', 'ignore')}.jpg"
