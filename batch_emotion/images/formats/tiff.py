"""TIFF and BigTIFF: the first page's tags say what it is; its orientation is struck out before a library sees it."""

from __future__ import annotations

import struct
from typing import NamedTuple

import numpy as np
from PIL import TiffImagePlugin

from batch_emotion.images.facts import ImageFacts, ImageRefused, unsupported
from batch_emotion.images.formats.libraries import Samples, first_decoded, opencv_as_stored, pillow, straight
from batch_emotion.images.orientation import orientation_of

SIGNATURES = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_INTEGERS = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 13: "I", 16: "Q", 17: "q"}
_BIG_ENDIAN_BIGTIFF = SIGNATURES[3]
_NOWHERE = slice(0)
_XMP_KINDS = {1: "B", 2: "s", 7: "s"}
_MOST_VALUES = 16
_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC = 256, 257, 258, 259, 262
_ORIENTATION, _SAMPLES, _PLANAR, _EXTRA, _SAMPLE_FORMAT, _XMP = 274, 277, 284, 338, 339, 700
_OF_NUMBERS = (_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC, _SAMPLES, _PLANAR, _EXTRA, _SAMPLE_FORMAT)
_WANTED = frozenset((*_OF_NUMBERS, _ORIENTATION, _XMP))
_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _LAB = 0, 1, 2, 8
_PLANAR_APART = 2
_UNSIGNED, _SIGNED, _FLOAT = 1, 2, 3
_KNOWN_TO_OPENCV = frozenset(((16, _UNSIGNED), (16, _SIGNED), (32, _SIGNED), (32, _FLOAT), (64, _FLOAT)))
_COMPRESSIONS = frozenset((1, 2, 3, 4, 5, 7, 8, 32771, 32773, 32946))
_ASSOCIATED, _UNASSOCIATED = 1, 2


class _Tags(NamedTuple):
    """The integers of the first page's tags, where orientation is told and in which form, and where XMP lies."""

    values: dict[int, tuple[int, ...]]
    turned_at: list[tuple[int, str]]
    xmp: slice

    def first(self, tag: int, default: int) -> int:
        return next(iter(self.values.get(tag, ())), default)


def read_facts(data: bytes) -> ImageFacts:
    """What a TIFF's first page is."""
    tags = _read_tags(data)
    if _WIDTH not in tags.values or _HEIGHT not in tags.values:
        raise ValueError("no width or no height")
    bits, numbers = tags.first(_BITS, 1), tags.first(_SAMPLE_FORMAT, _UNSIGNED)
    stated = tags.first(_ORIENTATION, 0)
    return ImageFacts(
        "TIFF",
        (tags.first(_WIDTH, 0), tags.first(_HEIGHT, 0)),
        stated if 1 <= stated <= 8 else orientation_of((), [data[tags.xmp]]),
        bits,
        _maximum(bits, numbers),
        gray=tags.first(_PHOTOMETRIC, _BLACK_IS_ZERO) in (_WHITE_IS_ZERO, _BLACK_IS_ZERO),
        alpha=any(extra in (_ASSOCIATED, _UNASSOCIATED) for extra in tags.values.get(_EXTRA, ())),
    )


def _maximum(bits: int, numbers: int) -> int | None:
    """White: what the bits hold; unknown for floating point and 32-bit integers, whose bits are seldom all used."""
    if numbers == _FLOAT or bits > 16:
        return None
    if bits <= 8:
        return 255  # as the libraries have it
    return (1 << bits - (numbers == _SIGNED)) - 1


def read_samples(data: bytes, facts: ImageFacts) -> Samples:
    """Decode samples as they are stored, up to 8 bits as 8."""
    tags = _read_tags(data)
    data = _upright(data, tags)
    try:
        return _decoded(data, tags, facts)
    except ImageRefused:
        raise
    except Exception:
        compression = tags.first(_COMPRESSION, 1)
        if compression in _COMPRESSIONS:
            raise
        raise unsupported(f"a TIFF in a compression (number {compression}) that is not decoded") from None


def _upright(data: bytes, tags: _Tags) -> bytes:
    """The file with no orientation in it, which both libraries would turn its pixels by, each in its way."""
    if not tags.turned_at and tags.xmp == _NOWHERE:
        return data
    changed = bytearray(data)
    for at, form in tags.turned_at:
        struct.pack_into(form, changed, at, 1)
    changed[tags.xmp] = b" " * len(data[tags.xmp])
    return bytes(changed)


def _decoded(data: bytes, tags: _Tags, facts: ImageFacts) -> Samples:
    number, samples_of_pixel = tags.first(_SAMPLE_FORMAT, _UNSIGNED), tags.first(_SAMPLES, 1)
    is_known_to_opencv = (
        (facts.bits, number) in _KNOWN_TO_OPENCV
        and samples_of_pixel in (1, 3, 4)
        and (facts.gray or tags.first(_PHOTOMETRIC, _BLACK_IS_ZERO) == _RGB)
    )

    def by_pillow() -> Samples:
        try:
            return pillow(TiffImagePlugin.TiffImageFile, data, facts)
        except SyntaxError as error:
            if "pixel mode" not in str(error) or is_known_to_opencv:
                raise  # it is damage that makes both fail
            raise unsupported(f"a TIFF of samples ({facts.bits} bits) that are not decoded") from None

    def by_opencv() -> Samples | None:
        samples = opencv_as_stored(data)
        if samples is None or samples.shape[2:] != (4,):
            return samples
        if not facts.alpha:  # such as a film scanner's infrared
            return samples[..., :3]
        extra = tags.values.get(_EXTRA, ())
        multiplied = _ASSOCIATED in extra or (facts.bits <= 8 and _UNASSOCIATED in extra)  # libtiff does that by itself
        return straight(samples) if multiplied else samples

    if facts.bits <= 8:
        # Of what is damaged OpenCV makes black pixels, so that it is left only what Pillow does not know at all.
        is_foreign = tags.first(_PHOTOMETRIC, _BLACK_IS_ZERO) == _LAB or data.startswith(_BIG_ENDIAN_BIGTIFF)
        return first_decoded(by_opencv if is_foreign else by_pillow)
    is_planar = tags.first(_PLANAR, 1) == _PLANAR_APART  # which OpenCV mixes up
    if not facts.gray and not is_planar:
        return first_decoded(by_opencv, by_pillow)
    samples = first_decoded(by_pillow) if is_planar else first_decoded(by_pillow, by_opencv)
    if facts.gray and facts.alpha and samples.ndim == 2:  # OpenCV leaves the alpha away
        raise unsupported(f"a TIFF of grey and transparency of {facts.bits} bits; save it anew in RGB")
    if facts.bits == 32 and samples.dtype == np.int32 and number == _UNSIGNED:
        samples = samples.view(np.uint32)
    if facts.maximum is not None and tags.first(_PHOTOMETRIC, _BLACK_IS_ZERO) == _WHITE_IS_ZERO:
        samples = facts.maximum - samples
    return samples


def _read_tags(data: bytes) -> _Tags:
    order = "<" if data[:1] == b"I" else ">"
    is_big = b"+" in data[2:4]
    count_of, offset_of = (order + "Q",) * 2 if is_big else (order + "H", order + "I")
    (start,) = struct.unpack_from(offset_of, data, 8 if is_big else 4)
    (entries,) = struct.unpack_from(count_of, data, start)
    head, room = struct.Struct(order + "HH" + offset_of[1]), struct.calcsize(offset_of)
    tags = _Tags({}, [], _NOWHERE)
    first = start + struct.calcsize(count_of)
    for at in range(first, min(first + entries * (head.size + room), len(data)), head.size + room):
        try:
            tag, kind, count = head.unpack_from(data, at)
            place = at + head.size
            letter = (_XMP_KINDS if tag == _XMP else _INTEGERS).get(kind)
            if tag not in _WANTED or letter is None or not count:
                continue
            if count * struct.calcsize(order + letter) > room:
                (place,) = struct.unpack_from(offset_of, data, place)
            if tag == _XMP:
                tags = tags._replace(xmp=slice(place, place + count))
                continue
            values = struct.unpack_from(f"{order}{min(count, _MOST_VALUES)}{letter}", data, place)
        except (struct.error, OverflowError):  # a tag that points outside the file is as good as none
            continue
        tags.values.setdefault(tag, values)
        if tag == _ORIENTATION:
            tags.turned_at.append((place, order + letter))
    return tags
