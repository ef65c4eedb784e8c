"""A slice of the plan to batches of pixels, through tf.data: reading and decoding go on while the model works."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pyarrow as pa

from batch_emotion.images.decode import load_image
from batch_emotion.records import DecodedImage, ImageBatch, InputSpec, Limits, Plan, Status

Loader = Callable[[str], DecodedImage]
"""A location to a decoded image."""

_STATUSES = tuple(Status)
_UNKNOWN = -1


def stream(
    plan: Plan,
    spec: InputSpec,
    limits: Limits,
    batch_size: int,
    loader: Loader | None = None,
    workers: int = 1,
) -> Iterator[ImageBatch]:
    """Read, decode and batch every image of the plan, in its order.

    Args:
        plan: the slice to read.
        spec: what the model wants to be shown.
        limits: what is refused.
        batch_size: images in a batch; the last one may be shorter.
        loader: what reads and decodes one image; ``load_image`` where None.
        workers: batches decoded at a time.
    """
    import tensorflow as tf

    load = loader or (lambda location: load_image(location, spec, limits))
    locations, indices = plan.images["location"], plan.images["index"].to_numpy()

    def decode_batch(start: np.int64) -> list[np.ndarray]:
        return _columns([load(str(cell)) for cell in locations.slice(int(start), batch_size)], spec)

    types = [tf.uint8, tf.int8, tf.int32, tf.int32, tf.string, tf.int64, tf.int64]
    dataset = (
        tf.data.Dataset.range(0, len(plan), batch_size)
        .map(
            lambda start: (start, *tf.numpy_function(decode_batch, [start], types)),
            num_parallel_calls=workers,
            deterministic=True,
        )
        .prefetch(2)
    )
    untuned = tf.data.Options()
    untuned.autotune.enabled = False  # nothing here is tuned, and an iterator's end may wait as long as it lived for it
    dataset = dataset.with_options(untuned)
    for start, pixels, *facts in dataset.as_numpy_iterator():
        yield ImageBatch(indices[start : start + batch_size], pixels, _facts(facts))


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


def _facts(columns: Sequence[np.ndarray]) -> pa.RecordBatch:
    status, width, height, error, size, mtime_ns = columns

    def known(values: np.ndarray, kind: pa.DataType) -> pa.Array:
        return pa.array(values, kind, mask=values == _UNKNOWN)

    return pa.record_batch(
        {
            "status": pa.array([_STATUSES[code].value for code in status], pa.string()),
            "width": known(width, pa.int32()),
            "height": known(height, pa.int32()),
            "error": pa.array([text.decode("utf-8", "replace") or None for text in error], pa.string()),
            "size": known(size, pa.int64()),
            "mtime_ns": known(mtime_ns, pa.int64()),
        }
    )
