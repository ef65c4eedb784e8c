"""A slice of the plan to batches of pixels: reading and decoding go on while the model works."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import closing, nullcontext
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from batch_emotion.images.feeding import Batches, Feeder, Span, by_threads, by_threads_at_first
from batch_emotion.images.loading import Loader, make_loader
from batch_emotion.images.memory import Counted, release
from batch_emotion.options.images import Limits
from batch_emotion.plan import Plan
from batch_emotion.records import FACE_SCHEMA, DecodedImage, Face, ImageBatch, InputSpec, Status
from batch_emotion.storage.budget import ByteBudget
from batch_emotion.storage.prefetch import ReadAhead

_STATUSES = tuple(status.value for status in Status)
_TYPES = ("int64", "float64", "uint8", "int8", "int32", "int32", "string", "int64", "int64")
_FACE_TYPES = ("int32", "float32")
_UNKNOWN = -1
_BATCH_BYTES = 8 * 2**20
_TINY_BYTES = 3 * 2**10
_LARGE_FILE = 4 * 2**20
_SHARD_SIZE = 4096
_SHARDS_BY_THREADS = 24
_FILES = ByteBudget(512 * 2**20)
"""What large local files may take together while they are decoded; one that needs more is read alone."""


def stream(
    plan: Plan,
    spec: InputSpec,
    limits: Limits,
    batch_size: int,
    loader: Loader | None = None,
    workers: int = 1,
    *,
    with_faces: bool = False,
    shard_size: int | None = None,
    on_start: Callable[[int], None] = lambda row: None,
    feeder: Feeder | None = None,
) -> Generator[ImageBatch]:
    """Read, decode and batch every image of the plan, in its order.

    Up to some 100,000 images (24 shards) are fed by threads, more by tf.data: loading TensorFlow takes as long as
    scoring some 10,000 images.

    Args:
        plan: the slice to read.
        spec: what the model wants to be shown.
        limits: what is refused.
        batch_size: the most images in a batch.
        loader: what reads and decodes one image; each is taken whole where None.
        workers: batches decoded at a time; tiny files are decoded one batch at a time, as threads that have so little
            to decode only wait for each other at Python's interpreter lock.
        with_faces: the loader finds faces, and the batches have the columns that say where.
        shard_size: no batch reaches over a multiple of so many rows of the slice.
        on_start: called with the first row in the slice of each batch before any of its files is opened, in a worker's
            thread.
        feeder: what drives the loader instead.

    Raises:
        OSError: the process is out of memory or file descriptors; and whatever ``loader`` and ``on_start`` raise.
    """
    load = loader or make_loader(spec, limits)
    locations, sizes, indices = plan.images["location"], plan.images["size"], plan.images["index"]
    ahead = ReadAhead(limits.max_bytes) if is_far(plan) else None

    def decode_batch(first: int, last: int) -> list[np.ndarray]:
        on_start(first)
        started = time.perf_counter()
        names, bytes_of = (column.slice(first, last - first).to_pylist() for column in (locations, sizes))
        with Counted():
            if ahead:
                images, waited_s = _load_ahead(load, ahead, names, bytes_of)
            else:
                images, waited_s = _load_near(load, names, bytes_of), 0.0
        rows = [row for image in images for row in image]
        read_s, detect_s = waited_s + sum(row.read_s for row in rows), sum(row.detect_s for row in rows)
        return [
            np.array([len(image) for image in images], np.int64),
            np.array([read_s, time.perf_counter() - started - read_s - detect_s, detect_s]),
            *_columns(rows, spec),
            *(_face_columns([row.face for row in rows]) if with_faces else []),
        ]

    if not (with_faces or ahead) and _mean_bytes(plan) <= _TINY_BYTES:
        workers = 1
    few = _SHARDS_BY_THREADS * (shard_size or _SHARD_SIZE)
    feeder = feeder or (by_threads if len(plan) <= few else by_threads_at_first)
    types = _TYPES + _FACE_TYPES if with_faces else _TYPES
    batches = feeder(Batches(decode_batch, _spans(plan, batch_size, shard_size), types, workers))
    with closing(batches), closing(ahead) if ahead else nullcontext():
        for first, last, (rows, seconds, pixels, *columns) in batches:
            index = np.repeat(indices.slice(first, last - first).to_numpy(), rows)
            yield ImageBatch(index, pixels, _facts(columns), *seconds.tolist())


def is_far(plan: Plan) -> bool:
    """Whether images of the plan are on stores: reading them is waiting, not work."""
    return any(pc.any(pc.match_substring(chunk, "://")).as_py() for chunk in plan.images["location"].chunks)


def _load_near(load: Loader, names: Sequence[str], sizes: Sequence[int | None]) -> list[Sequence[DecodedImage]]:
    """The rows of each image; the threads wait for each other where files or images are too large together."""
    images = []
    for name, size in zip(names, sizes, strict=True):
        if size is None or size < _LARGE_FILE:
            images.append(load(name))
        else:
            with _FILES.reserve(size):
                images.append(load(name))
        release()
    return images


def _load_ahead(
    load: Loader, ahead: ReadAhead, names: Sequence[str], sizes: Sequence[int | None]
) -> tuple[list[Sequence[DecodedImage]], float]:
    """The rows of each image, the files being read ahead of decoding, and the seconds waited for them."""
    images, waited_s = [], 0.0
    with closing(ahead(names, sizes)) as files:
        for name in names:
            started = time.perf_counter()
            file = next(files)
            waited_s += time.perf_counter() - started
            images.append(load(name, file))
            release()
            del file  # or it would be in memory until the next one is there
    return images, waited_s


def _mean_bytes(plan: Plan) -> float:
    """The size of a file of the plan, of those whose size is known; infinite where none is."""
    known = len(plan) - plan.images["size"].null_count
    return plan.total_bytes / known if known else math.inf


def _spans(plan: Plan, batch_size: int, shard_size: int | None) -> list[Span]:
    """The rows of each batch; batches of large files are small, so that workers end at the same time."""
    mean_bytes = _mean_bytes(plan)
    if math.isfinite(mean_bytes):
        batch_size = max(1, min(batch_size, int(_BATCH_BYTES // max(1, mean_bytes))))
    shard_size = shard_size or max(1, len(plan))
    shards = range(0, len(plan), shard_size)
    starts = [row for shard in shards for row in range(shard, min(shard + shard_size, len(plan)), batch_size)]
    return list(pairwise([*starts, len(plan)]))


def _columns(images: Sequence[DecodedImage], spec: InputSpec) -> list[np.ndarray]:
    pixels = np.zeros((len(images), *spec.shape), np.uint8)
    for row, image in zip(pixels, images, strict=True):
        if image.pixels is not None:
            row[:] = image.pixels

    def whole(values: list[int | None], dtype: type) -> np.ndarray:
        return np.array([_UNKNOWN if value is None else value for value in values], dtype)

    return [
        pixels,
        np.array([_STATUSES.index(image.status) for image in images], np.int8),
        whole([image.width for image in images], np.int32),
        whole([image.height for image in images], np.int32),
        np.array([(image.error or "").encode("utf-8", "replace") for image in images], object),
        whole([image.size for image in images], np.int64),
        whole([image.mtime_ns for image in images], np.int64),
    ]


def _face_columns(faces: Sequence[Face | None]) -> list[np.ndarray]:
    """int32 (B, 5), the number and box of each face, and float32 (B, 2), its score and roll, NaN where not known."""
    places = [face[:5] if face else (_UNKNOWN,) * 5 for face in faces]
    values = [(face.score, math.nan if face.roll is None else face.roll) if face else (math.nan,) * 2 for face in faces]
    return [np.array(places, np.int32), np.array(values, np.float32)]


def _facts(columns: Sequence[np.ndarray]) -> pa.RecordBatch:
    status, width, height, error, size, mtime_ns, *faces = columns

    def known(values: np.ndarray, kind: pa.DataType) -> pa.Array:
        return pa.array(values, kind, mask=values == _UNKNOWN)

    return pa.record_batch(
        {
            "status": pa.array([_STATUSES[code] for code in status], pa.string()),
            "width": known(width, pa.int32()),
            "height": known(height, pa.int32()),
            "error": pa.array([text.decode("utf-8", "replace") or None for text in error], pa.string()),
            "size": known(size, pa.int64()),
            "mtime_ns": known(mtime_ns, pa.int64()),
            **(_face_facts(*faces) if faces else {}),
        }
    )


def _face_facts(places: np.ndarray, values: np.ndarray) -> dict[str, pa.Array]:
    none = places[:, 0] == _UNKNOWN
    return {
        name: pa.array(np.ascontiguousarray(column), FACE_SCHEMA.field(name).type, mask=none | np.isnan(column))
        for name, column in zip(FACE_SCHEMA.names, [*places.T, *values.T], strict=True)
    }
