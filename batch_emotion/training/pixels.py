"""Decoded images with their targets: held in memory, or in a file that is read as they are needed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from batch_emotion.records import Pixels


class PixelFile:
    """Images in a file of raw pixels: what has been read is not held, so memory does not grow with their number.

    The system keeps in memory what there is room for. Any thread may read.
    """

    def __init__(self, path: Path, image_shape: tuple[int, int, int], rows: NDArray[np.int64] | None = None) -> None:
        """Use the file, which may be there already; ``rows`` are those of its images that count, in their order."""
        self._path, self._image_shape, self._rows = path, image_shape, rows
        self._bytes = int(np.prod(image_shape))
        path.touch()

    @property
    def shape(self) -> tuple[int, ...]:
        """(N, H, W, C)."""
        return (len(self), *self._image_shape)

    def __len__(self) -> int:
        return self._path.stat().st_size // self._bytes if self._rows is None else len(self._rows)

    def append(self, images: NDArray[np.uint8]) -> None:
        """Write images (n, H, W, C) at the end."""
        with self._path.open("ab") as file:
            file.write(np.ascontiguousarray(images).data)

    def take(self, rows: NDArray[np.int64]) -> PixelFile:
        """The images of these rows, in their order; nothing is copied."""
        return PixelFile(self._path, self._image_shape, rows if self._rows is None else self._rows[rows])

    def __getitem__(self, rows: Any) -> NDArray[np.uint8]:
        wanted = np.arange(len(self))[rows] if self._rows is None else self._rows[rows]
        images = np.empty((len(wanted), self._bytes), np.uint8)
        starts = np.flatnonzero(np.diff(wanted, prepend=-2) != 1)
        ends = np.append(starts[1:], len(wanted))[: len(starts)]
        with self._path.open("rb", buffering=0) as file:
            for start, end in zip(starts, ends, strict=True):
                file.seek(int(wanted[start]) * self._bytes)
                self._fill(images[start:end].reshape(-1).data, file)
        return images.reshape(len(wanted), *self._image_shape)

    def _fill(self, space: memoryview, file: FileIO) -> None:
        while len(space):
            count = file.readinto(space)
            if not count:
                raise OSError(f"{self._path} is shorter than it was")
            space = space[count:]

    def __iter__(self) -> Iterator[NDArray[np.uint8]]:
        for start in range(0, len(self), 256):
            yield from self[start : start + 256]


@dataclass(frozen=True)
class LabelledPixels:
    """Decoded images and what they show: N images uint8 (H, W, C), targets float32 (N, K) whose rows sum to 1."""

    pixels: Pixels
    targets: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.targets)

    def take(self, rows: NDArray[np.int64]) -> LabelledPixels:
        """The images of these rows, in their order."""
        pixels = self.pixels.take(rows) if isinstance(self.pixels, PixelFile) else self.pixels[rows]
        return LabelledPixels(pixels, self.targets[rows])
