"""How far the weights of two networks are apart."""

from __future__ import annotations

import io
import zipfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from batch_emotion.errors import BundleError
from batch_emotion.model.bundle import Bundle


def compare_weights(first: Bundle, second: Bundle) -> str:
    """One sentence about the weights of two models.

    Raises:
        BundleError: a file is not the one that its card describes.
    """
    if find_spec("h5py") is None:
        return "The weights were not compared, as h5py, which reads them, is not installed here: pip install h5py"
    one, other = keras_weights(first), keras_weights(second)
    for bundle, weights in ((first, one), (second, other)):
        if weights is None:
            return f"The weights were not compared: {bundle.card.name} has no file model.keras to read them from."
    assert one is not None
    assert other is not None
    shapes, theirs = ([(name, value.shape) for name, value in weights.items()] for weights in (one, other))
    alike = [name for name, shape in shapes if (name, shape) in theirs]
    if 2 * len(alike) < max(len(shapes), len(theirs)):
        return (
            f"The weights cannot be compared: the networks are built differently ({len(alike)} of {len(shapes)} and "
            f"{len(theirs)} arrays have the same name and shape)."
        )
    changes = {name: _relative_change(one[name], other[name]) for name in alike}
    changed = {name: change for name, change in changes.items() if change > 0}
    unlike = len({name for name, _ in set(shapes) ^ set(theirs)})
    others = f"; {unlike} have another shape or are in one alone" if unlike else ""
    if not changed:
        return f"The weights are the same: {len(alike)} arrays{others}."
    most = max(changed, key=lambda name: changed[name])
    middle = float(np.median(list(changed.values())))
    return (
        f"The weights: {len(changed)} of {len(alike)} arrays differ{others}. The difference is {middle:.0%} of an "
        f"array's norm in the median, and at most {changed[most]:.0%}, in {most}."
    )


def keras_weights(bundle: Bundle) -> dict[str, NDArray[Any]] | None:
    """The arrays of weights in ``model.keras`` by layer and number, read without Keras; None where there is no such."""
    file = bundle.keras_file
    if file is None or file.suffix.lower() != ".keras":
        return None
    return _read(bundle.checked(file))


def _read(file: Path) -> dict[str, NDArray[Any]]:
    import h5py

    found = {}

    def take(name: str, node: Any) -> None:
        if isinstance(node, h5py.Dataset):
            layer = node.parent.attrs.get("name") or name.rsplit("/", 2)[0].removeprefix("layers/")
            found[f"{layer}/{name.rsplit('/', 1)[1]}"] = np.asarray(node)

    try:
        with (
            zipfile.ZipFile(file) as archive,
            h5py.File(io.BytesIO(archive.read("model.weights.h5")), "r") as weights,
        ):
            weights.visititems(take)
    except (OSError, KeyError, zipfile.BadZipFile) as error:
        raise BundleError(f"the weights in {file} cannot be read: {error}") from None
    return found


def _relative_change(one: NDArray[Any], other: NDArray[Any]) -> float:
    norm = max(float(np.linalg.norm(one)), float(np.linalg.norm(other)))
    return float(np.linalg.norm(one - other)) / norm if norm else 0.0
