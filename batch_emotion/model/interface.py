"""Whether a network takes what its card describes and gives probabilities, seen before it scores anything."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from batch_emotion.errors import BundleError
from batch_emotion.records import InputSpec

_TOLERANCE = 1e-2  # float16 rounds each of several outputs


def probe_pixels(spec: InputSpec) -> NDArray[np.uint8]:
    """Two images to try a network with, black and noise: uint8 (2, H, W, C)."""
    noise = np.random.default_rng(0).integers(0, 256, spec.shape, np.uint8)
    return np.stack([np.zeros_like(noise), noise])


def check_input(shape: tuple[int | str | None, ...], spec: InputSpec, name: str) -> None:
    """Refuse a network that takes other images than its card describes.

    Args:
        shape: what it takes, (batch, height, width, channels); what is no number may be any.
        spec: what the card describes.
        name: of the network, for the message.

    Raises:
        BundleError: saying what it takes.
    """
    fixed = [side for side in shape[1:] if isinstance(side, int)]
    if len(shape) != 4 or (len(fixed) == 3 and tuple(fixed) != spec.shape):
        taken, described = ("x".join(map(str, sides)) for sides in (shape[1:], spec.shape))
        raise BundleError(f"{name} takes {taken}, but card.json describes images of {described}; correct the card")


def check_probabilities(outputs: NDArray[np.float32], class_count: int, name: str, *, is_bundle: bool = False) -> None:
    """Refuse outputs that are not a probability for each class.

    Args:
        outputs: float (N, K), of any images.
        class_count: K.
        name: of the network, for the message.
        is_bundle: nothing can be told of the network but by its bundle.

    Raises:
        BundleError: saying what they are, and how to mend the network.
    """
    if outputs.shape[1:] != (class_count,):
        shape = "x".join(map(str, outputs.shape[1:])) or "1"
        raise BundleError(f"{name} has {shape} outputs, but {class_count} classes are named; name one for each output")
    softmax = "keras.Sequential([model, keras.layers.Softmax()]).save('with-softmax.keras')"
    sums = outputs.sum(axis=1, dtype=np.float64)
    if not np.isfinite(outputs).all():
        found, mend = "some are not numbers", "train it again, or from other weights"
    elif outputs.min() < -_TOLERANCE or outputs.max() > 1 + _TOLERANCE:
        found = f"they go from {outputs.min():.3g} to {outputs.max():.3g}"
        mend = f"add a softmax: {softmax}" if is_bundle else "give `softmax` if they are logits"
    elif np.abs(sums - 1).max() > _TOLERANCE:
        found = f"those of an image sum to {sums[np.abs(sums - 1).argmax()]:.2g}, not to 1"
        mend = "train it with a softmax over all classes as its last layer"
    else:
        return
    raise BundleError(f"the outputs of {name} are not probabilities: {found}; {mend}")
