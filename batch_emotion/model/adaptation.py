"""Between images as this tool has them and a network of any making: layout, number format and scale of its pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from batch_emotion.errors import BundleError
from batch_emotion.options.models import Scaling
from batch_emotion.records import InputSpec

_IMAGENET_MEAN, _IMAGENET_DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_FLOATS = ("float32", "float16")


@dataclass(frozen=True)
class Adaptation:
    """What was told of a network that does not say it; as it is, nothing has to be adapted.

    Attributes:
        scaling: of the pixels that it takes, see ``NetworkOptions``.
        softmax: it gives logits.
    """

    scaling: Scaling = "none"
    softmax: bool = False

    def factors(self, channels: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """What pixels of 0-255 are multiplied by, and what is added then: float32 (C,) each."""
        match self.scaling:
            case "none":
                return np.ones(channels, np.float32), np.zeros(channels, np.float32)
            case "unit":
                mean, deviation = np.zeros(channels), np.ones(channels)
            case "symmetric":
                mean, deviation = np.full(channels, 0.5), np.full(channels, 0.5)
            case "imagenet":
                if channels == 1:
                    mean, deviation = np.array([np.mean(_IMAGENET_MEAN)]), np.array([np.mean(_IMAGENET_DEVIATION)])
                else:
                    mean, deviation = np.array(_IMAGENET_MEAN), np.array(_IMAGENET_DEVIATION)
        return (1 / 255 / deviation).astype(np.float32), (-mean / deviation).astype(np.float32)

    def probabilities(self, outputs: NDArray[Any]) -> NDArray[np.float32]:
        """Probabilities, float32 (B, K), of what the network gives, (B, K) or with more axes of length 1."""
        rows = outputs.reshape(len(outputs), -1).astype(np.float32, copy=False)
        if not self.softmax:
            return rows
        powers = np.exp(rows - rows.max(axis=1, keepdims=True))
        probabilities: NDArray[np.float32] = powers / powers.sum(axis=1, keepdims=True)
        return probabilities


UNADAPTED = Adaptation()
"""Of networks that take what bundles' networks take, and give what they give."""


@dataclass(frozen=True)
class NetworkInput:
    """The one input of a network, as its file describes it.

    Attributes:
        batch: how many images it takes at a time; None: any number.
        size: (height, width); None where it takes any.
        channels: 1 or 3.
        channels_first: an image is (C, H, W), else (H, W, C).
        dtype: of its pixels.
        scale: a pixel of an integer network is ``value / scale + zero_point``; 0: integers stand for themselves.
        zero_point: see ``scale``.
    """

    batch: int | None
    size: tuple[int, int] | None
    channels: int
    channels_first: bool
    dtype: np.dtype[Any]
    scale: float = 0.0
    zero_point: int = 0

    @classmethod
    def of(
        cls,
        shape: Sequence[int | str | None],
        dtype: str,
        name: str,
        quantization: tuple[float, int] = (0.0, 0),
    ) -> NetworkInput:
        """Read it from the shape of a network's input; what is no positive number there may be any.

        Raises:
            BundleError: it takes no images.
        """
        sides = [side if isinstance(side, int) and side > 0 else None for side in shape]
        taken = "x".join("?" if side is None else str(side) for side in sides) or "one number"
        if len(sides) != 4:
            raise BundleError(f"{name} takes {taken}, but images are needed: batch, height, width and channels")
        is_last, is_first = (channels in (1, 3) for channels in (sides[3], sides[1]))
        if not is_last and not is_first:
            raise BundleError(f"{name} takes {taken}, but images with 1 or 3 channels are needed, first or last")
        if dtype not in (*_FLOATS, "uint8", "int8"):
            raise BundleError(f"{name} takes {dtype}, but float32, float16, uint8 or int8 is needed")
        height, width = sides[1:3] if is_last else sides[2:4]
        return cls(
            sides[0],
            None if height is None or width is None else (height, width),
            (sides[3] if is_last else sides[1]) or 1,
            not is_last,
            np.dtype(dtype),
            *quantization,
        )

    def spec(self, image_size: tuple[int, int] | None, name: str) -> InputSpec:
        """What it wants to be shown.

        Args:
            image_size: (height, width) as it was told; None where it was not.
            name: of the network, for messages.

        Raises:
            BundleError: the size is not known, or another one was told.
        """
        if self.size is None and image_size is None:
            raise BundleError(f"{name} takes images of any size: say of which with `image_size`, such as 64 or 64x48")
        if None not in (self.size, image_size) and self.size != image_size:
            fixed, told = ("x".join(map(str, size or ())) for size in (self.size, image_size))
            raise BundleError(f"{name} takes images of {fixed}, and `image_size` says {told}; leave it out")
        return InputSpec(self.size or image_size or (0, 0), "grayscale" if self.channels == 1 else "rgb")

    def takes_pixels(self, adaptation: Adaptation) -> bool:
        """Whether it takes uint8 pixels (B, H, W, C) of 0-255 as they are."""
        return (
            self.dtype == np.uint8
            and not self.channels_first
            and adaptation.scaling == "none"
            and (self.scale, self.zero_point) in ((0.0, 0), (1.0, 0))
        )

    def fed(self, pixels: NDArray[np.uint8], adaptation: Adaptation) -> NDArray[Any]:
        """Pixels, uint8 (B, H, W, C), in the layout, number format and scale that the network takes."""
        if self.takes_pixels(adaptation):
            return pixels
        multiply, add = adaptation.factors(self.channels)
        values: NDArray[np.float32] = pixels * multiply + add
        if self.channels_first:
            values = np.ascontiguousarray(values.transpose(0, 3, 1, 2))
        if self.dtype.kind == "f":
            return values.astype(self.dtype, copy=False)
        if self.scale:
            values = values / np.float32(self.scale) + self.zero_point
        limits = np.iinfo(self.dtype)
        return np.clip(np.rint(values), limits.min, limits.max).astype(self.dtype)
