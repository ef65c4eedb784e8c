"""Images that are nearly the same, such as two frames of a video, found by a perceptual hash.

The hash is the signs of the 63 lowest frequencies of a discrete cosine transform against their median, as pHash has it
(Zauner 2010). Faces cropped alike have hashes alike, so a pair must also correlate as thumbnails. Both limits were set
on 28,709 faces of FER-2013 and 6,983 of press photos: with looser ones, chains of look-alikes join many people.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from batch_emotion.records import Pixels

_SIDE = 32
_FREQUENCIES = 8
_DISTANCE = 10
_FEW = 50_000
_DISTANCE_OF_MANY = 4
"""Of more images than that, only closer hashes are looked at, which takes minutes where all would take hours."""

_CORRELATION = 0.9
_THUMBNAIL = 16
_BLOCK = 256


def near_duplicates(pixels: Pixels) -> NDArray[np.int64]:
    """The pairs of images that are nearly the same, int64 (P, 2), the lower row first.

    Args:
        pixels: N images; only eight bytes of each are held.
    """
    hashes = _hashes(pixels)
    pairs = _all_pairs(hashes, _DISTANCE) if len(hashes) <= _FEW else _banded_pairs(hashes, _DISTANCE_OF_MANY)
    alike = [_correlation(pixels, pairs[start : start + _BLOCK]) for start in range(0, len(pairs), _BLOCK)]
    return pairs[np.concatenate(alike) >= _CORRELATION] if alike else pairs


def groups_of(pairs: NDArray[np.int64], count: int, groups: NDArray[np.int64] | None = None) -> NDArray[np.int64]:
    """A number for each of so many images, equal where pairs, or groups that there are already, hang together."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    edges = [pairs]
    if groups is not None:
        _, first, inverse = np.unique(groups, return_index=True, return_inverse=True)
        edges.append(np.stack([np.arange(count), first[inverse]], axis=1))
    one, other = np.concatenate(edges).T
    graph = coo_array((np.ones(len(one), np.int8), (one, other)), shape=(count, count))
    _, found = connected_components(graph, directed=False)
    return np.asarray(found, np.int64)


def _grey(image: NDArray[np.uint8], side: int) -> NDArray[np.float32]:
    import cv2

    grey = image.mean(axis=2, dtype=np.float32)
    return np.asarray(cv2.resize(grey, (side, side), interpolation=cv2.INTER_AREA), np.float32)


def _hashes(pixels: Pixels) -> NDArray[np.uint64]:
    from scipy.fft import dctn

    found = np.empty(len(pixels), np.uint64)
    for start in range(0, len(pixels), _BLOCK):
        small = np.stack([_grey(image, _SIDE) for image in pixels[start : start + _BLOCK]])
        waves = dctn(small, axes=(1, 2), norm="ortho")[:, :_FREQUENCIES, :_FREQUENCIES].reshape(len(small), -1)
        bits = waves > np.median(waves[:, 1:], axis=1, keepdims=True)
        bits[:, 0] = False  # how light the whole is says nothing
        found[start : start + len(small)] = np.packbits(bits, axis=1).view(np.uint64)[:, 0]
    return found


def _all_pairs(hashes: NDArray[np.uint64], distance: int) -> NDArray[np.int64]:
    found = [np.empty((0, 2), np.int64)]
    for start in range(0, len(hashes), _BLOCK):
        block = hashes[start : start + _BLOCK, None] ^ hashes[None, start:]
        pairs = np.argwhere(np.bitwise_count(block) <= distance)
        found.append(pairs[pairs[:, 0] < pairs[:, 1]] + start)
    return np.concatenate(found)


def _banded_pairs(hashes: NDArray[np.uint64], distance: int) -> NDArray[np.int64]:
    """As ``_all_pairs``: of the parts that the bits are cut into, one more than may differ, one must be equal."""
    found = [np.empty((0, 2), np.int64)]
    edges = np.linspace(0, 64, distance + 2).astype(int)
    for low, high in pairwise(edges):
        part = (hashes >> np.uint64(low)) & np.uint64(2 ** int(high - low) - 1)
        order = np.argsort(part, kind="stable")
        cuts = np.flatnonzero(np.diff(part[order])) + 1
        alike = (rows for rows in np.split(order, cuts) if len(rows) > 1)
        found += [np.sort(rows[_all_pairs(hashes[rows], distance)], axis=1) for rows in alike]
    return np.unique(np.concatenate(found), axis=0)


def _correlation(pixels: Pixels, pairs: NDArray[np.int64]) -> NDArray[np.float32]:
    sides = []
    for rows in pairs.T:
        thumbnails = np.stack([_grey(image, _THUMBNAIL) for image in pixels[rows]]).reshape(len(rows), -1)
        centred = thumbnails - thumbnails.mean(axis=1, keepdims=True)
        length = np.linalg.norm(centred, axis=1, keepdims=True)
        flat = length < 1
        sides.append(np.where(flat, 1 / _THUMBNAIL, centred / np.maximum(length, 1)))
    return np.asarray((sides[0] * sides[1]).sum(axis=1), np.float32)
