"""What drives the loader: threads where few images are to be read, tf.data where many are; the batches are the same."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from batch_emotion.errors import Interrupted
from batch_emotion.packages import has_tensorflow, load_tensorflow
from batch_emotion.storage.prefetch import work_ahead

Span = tuple[int, int]
"""The first row of a batch and the first of the next one."""

Columns = Sequence[np.ndarray]

_READY = 2
"""Batches that wait for whoever takes them, beside those that are being decoded."""


@dataclass(frozen=True)
class Batches:
    """What is to be decoded.

    Attributes:
        decode: makes the columns of a batch; called in other threads.
        spans: the batches.
        types: of the columns, as TensorFlow names them.
        workers: batches decoded at a time.
    """

    decode: Callable[[int, int], Columns]
    spans: Iterable[Span]
    types: Sequence[str]
    workers: int


Feeder = Callable[[Batches], Generator[tuple[int, int, Columns]]]
"""Decodes batches ahead of whoever takes them, a few at a time, and gives each with its span, in order.

What ``decode`` raises is raised by the generator; once that is closed, nothing is decoded any more.
"""


def by_threads(batches: Batches) -> Generator[tuple[int, int, Columns]]:
    """Feed by threads of this process, at once, where TensorFlow would take seconds to load."""
    pool = ThreadPoolExecutor(batches.workers, "decode")

    def decode(span: Span) -> tuple[int, int, Columns]:
        return (*span, batches.decode(*span))

    try:
        yield from work_ahead(pool, decode, batches.spans, lambda: batches.workers + _READY + 1)
    finally:
        pool.shutdown(cancel_futures=True)


def by_tf_data(batches: Batches) -> Generator[tuple[int, int, Columns]]:
    """Feed by tf.data."""
    tf = _tensorflow()
    failures: list[Exception] = []

    def decode(first: np.int64, last: np.int64) -> Columns:
        try:
            return batches.decode(int(first), int(last))
        except Exception as error:
            failures.append(error)
            raise

    bounds = np.array(list(batches.spans), np.int64).reshape(-1, 2)
    kinds = [tf.as_dtype(name) for name in batches.types]
    options = tf.data.Options()
    options.autotune.enabled = False
    options.threading.private_threadpool_size = batches.workers + 1
    dataset = (
        tf.data.Dataset.from_tensor_slices((bounds[:, 0], bounds[:, 1]))
        .map(
            tf.autograph.experimental.do_not_convert(  # it would leave a file in /tmp
                lambda first, last: (first, last, *tf.numpy_function(decode, [first, last], kinds))
            ),
            num_parallel_calls=batches.workers,
            deterministic=True,
        )
        .prefetch(_READY)
        .with_options(options)
    )
    try:
        for first, last, *columns in dataset.as_numpy_iterator():
            yield int(first), int(last), columns
    except tf.errors.OpError:
        if failures:
            raise failures[0] from None  # tf.data keeps the text of an exception, not its type
        raise
    except RuntimeError:
        if Interrupted.arrived is not None:
            raise Interrupted.arrived from None  # pybind11 puts an error of its own in the place of an interruption
        raise


def by_threads_at_first(batches: Batches) -> Generator[tuple[int, int, Columns]]:
    """Feed by tf.data, and by threads until TensorFlow is loaded, or all along where it is not installed."""
    if not has_tensorflow():
        with closing(by_threads(batches)) as decoded:
            yield from decoded
        return
    loader = threading.Thread(target=_load_tensorflow, name="load-tensorflow")
    loader.start()
    left = iter(batches.spans)

    def meanwhile() -> Generator[Span]:
        while loader.is_alive() and (span := next(left, None)):
            yield span

    with closing(by_threads(replace(batches, spans=meanwhile()))) as decoded:
        yield from decoded
    rest = list(left)
    if rest:
        with closing(by_tf_data(replace(batches, spans=rest))) as decoded:
            yield from decoded


def _load_tensorflow() -> None:
    with suppress(Exception):  # it is raised where TensorFlow is used
        _tensorflow()


def _tensorflow() -> Any:
    """TensorFlow; where this loads it, no network is to run on the GPU, so that it is left to others."""
    is_first = "tensorflow" not in sys.modules
    tf = load_tensorflow()
    if is_first and os.path.exists("/dev/nvidiactl"):
        with suppress(RuntimeError):
            tf.config.set_visible_devices([], "GPU")
    return tf
