"""What runtimes on a CPU share: each thread takes a few images through the whole network by itself."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from batch_emotion.cores import available_cores
from batch_emotion.model.adaptation import Adaptation, NetworkInput

_SLICE = 8


class Stopwatch:
    """Adds up the seconds of several threads."""

    def __init__(self) -> None:
        self.busy_s = 0.0
        self._lock = Lock()

    @contextmanager
    def _working(self) -> Iterator[None]:
        started = time.perf_counter()
        try:
            yield
        finally:
            with self._lock:
                self.busy_s += time.perf_counter() - started


class SlicedRuntime(Stopwatch, ABC):
    """A network that threads take a few images through, each by itself.

    Compared with threads that share every layer none waits for another, activations stay in the core's cache, memory
    does not grow with the batch, and the probabilities are the same whatever the number of threads.
    """

    def __init__(self, taken: NetworkInput, threads: int, adaptation: Adaptation) -> None:
        super().__init__()
        self._taken, self._adaptation = taken, adaptation
        self._pool = ThreadPoolExecutor(threads or available_cores(), "infer")

    def predict_proba(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Probabilities, float32 (B, K), of uint8 pixels (B, H, W, C); may be called from several threads at a time."""
        step = self._taken.batch or _SLICE
        slices = [pixels[first : first + step] for first in range(0, len(pixels), step)]
        return np.concatenate(list(self._pool.map(self._run, slices)))

    def _run(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        with self._working():
            lacking = (self._taken.batch or 0) - len(pixels)
            whole = np.concatenate([pixels, np.repeat(pixels[:1], lacking, axis=0)]) if lacking > 0 else pixels
            outputs = self._infer(self._taken.fed(whole, self._adaptation))
            return self._adaptation.probabilities(outputs)[: len(pixels)]

    @abstractmethod
    def _infer(self, images: NDArray[Any]) -> NDArray[Any]:
        """What the network gives for images as it takes them; is called in the threads of the pool."""
