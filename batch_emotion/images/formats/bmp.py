"""BMP of Windows and OS/2, with any masks and palette; OpenCV or Pillow unpack only what is run-length encoded."""

from __future__ import annotations

import struct
from typing import NamedTuple

import numpy as np
from PIL import BmpImagePlugin

from batch_emotion.images.facts import ImageFacts, unsupported
from batch_emotion.images.formats.libraries import Samples, first_decoded, opencv, pillow

SIGNATURE = b"BM"
_CORE, _SHORT, _INFO, _OS2, _WITH_ALPHA_MASK = 12, 20, 40, 64, 56
_FILE_HEADER = 14
_RGB, _RUN_LENGTH, _MASKS, _MASKS_AND_ALPHA = 0, (1, 2), 3, 6
_FOREIGN = {4: "JPEG", 5: "PNG"}
_RGB_555, _RGB_888 = (0x7C00, 0x3E0, 0x1F, 0), (0xFF0000, 0xFF00, 0xFF, 0)
_SLOWLY = 2**22
_BAND = 64
"""Pillow unpacks runs in Python: the most pixels for which it is waited for."""


class _Header(NamedTuple):
    size: int
    width: int
    height: int
    bits: int
    compression: int
    masks: tuple[int, int, int, int]


def read_facts(data: bytes) -> ImageFacts:
    """What a BMP is; a negative height only says that its first row is the uppermost."""
    header = _header(data)
    if header.compression in _FOREIGN and not header.bits:
        raise unsupported(f"a BMP that holds a {_FOREIGN[header.compression]}; save it anew with another program")
    if header.compression not in (_RGB, *_RUN_LENGTH, _MASKS, _MASKS_AND_ALPHA) or header.bits > 32:
        raise unsupported(f"a BMP of {header.bits} bits in compression {header.compression}, which is not decoded")
    return ImageFacts("BMP", (header.width, abs(header.height)), alpha=header.masks[3] != 0)


def read_samples(data: bytes, facts: ImageFacts) -> Samples:
    """Decode to 8 bits RGB or RGBA."""
    header = _header(data)
    if header.compression in _RUN_LENGTH:
        is_small = header.width * abs(header.height) <= _SLOWLY
        return first_decoded(
            lambda: opencv(data), lambda: pillow(BmpImagePlugin.BmpImageFile, data, facts) if is_small else None
        )
    rows = _rows(data, header)
    if header.bits <= 8:
        samples = _palette(data, header)[_indices(rows, header)]
    elif header.bits == 24:
        samples = rows.reshape(len(rows), header.width, 3)[..., ::-1]
    elif header.bits in (16, 32):
        samples = _masked(rows.view(f"<u{header.bits // 8}"), header.masks)
    else:
        raise ValueError(f"{header.bits} bits a pixel")
    return np.ascontiguousarray(samples if header.height < 0 else samples[::-1])


def _header(data: bytes) -> _Header:
    (size,) = struct.unpack_from("<I", data, _FILE_HEADER)
    if size == _CORE:
        width, height, _, bits = struct.unpack_from("<HHHH", data, 18)
        return _Header(size, width, height, bits, _RGB, _RGB_888)
    width, height, _, bits = struct.unpack_from("<IiHH", data, 18)
    compression = struct.unpack_from("<I", data, 30)[0] if size >= _SHORT else _RGB
    if size == _OS2 and compression in (3, 4):
        raise unsupported("a BMP of OS/2 in a compression that is not decoded; save it anew with another program")
    masks = _RGB_555 if bits == 16 else _RGB_888
    if compression in (_MASKS, _MASKS_AND_ALPHA):
        has_alpha = size >= _WITH_ALPHA_MASK or compression == _MASKS_AND_ALPHA
        red, green, blue, alpha = struct.unpack_from("<IIII", data, _FILE_HEADER + _INFO)
        masks = red, green, blue, alpha if has_alpha else 0
    return _Header(size, width, height, bits, compression, masks)


def _rows(data: bytes, header: _Header) -> Samples:
    """The stored bytes, a row of pixels each, without what pads them; the last may lack its padding."""
    used = -(-header.width * header.bits // 8)
    stride = -(-header.width * header.bits // 32) * 4
    (start,) = struct.unpack_from("<I", data, 10)
    count = stride * (abs(header.height) - 1) + used
    stored = np.frombuffer(data, np.uint8, count, start)
    if stride > used:
        stored = np.concatenate([stored, np.zeros(stride - used, np.uint8)])
    return np.ascontiguousarray(stored.reshape(-1, stride)[:, :used])


def _palette(data: bytes, header: _Header) -> Samples:
    """uint8 (256, 3); entries that are missing are black."""
    each = 3 if header.size == _CORE else 4
    masks = {_MASKS: 12, _MASKS_AND_ALPHA: 16}.get(header.compression, 0) if header.size == _INFO else 0
    start = _FILE_HEADER + header.size + masks
    stated = struct.unpack_from("<I", data, 46)[0] if header.size >= _INFO else 0
    count = min(stated or 2**header.bits, 256)
    entries = np.frombuffer(data[start : start + count * each], np.uint8)
    entries = entries[: len(entries) // each * each].reshape(-1, each)[:, 2::-1]
    palette = np.zeros((256, 3), np.uint8)
    palette[: len(entries)] = entries
    return palette


def _indices(rows: Samples, header: _Header) -> Samples:
    if header.bits == 8:
        return rows
    if header.bits not in (1, 2, 4):
        raise ValueError(f"{header.bits} bits a pixel")
    shifts = np.arange(8 - header.bits, -1, -header.bits, dtype=np.uint8)
    parts = rows[:, :, None] >> shifts & (1 << header.bits) - 1
    return parts.reshape(len(rows), -1)[:, : header.width]


def _masked(values: Samples, masks: tuple[int, int, int, int]) -> Samples:
    """RGB, or RGBA unless every pixel of it is transparent: then the alpha was never written."""
    channels = [_channel(values, mask) for mask in masks[:3]]
    if masks[3]:
        alpha = _channel(values, masks[3])
        channels += [alpha] if alpha.any() else []
    return np.dstack(channels)


def _channel(values: Samples, mask: int) -> Samples:
    """What a mask takes of each value, as 0 to 255, rounded."""
    if not mask:
        return np.zeros(values.shape, np.uint8)
    shift = (mask & -mask).bit_length() - 1
    largest = mask >> shift
    if largest == 255:
        return (values >> shift).astype(np.uint8)
    channel = np.empty(values.shape, np.uint8)
    for at in range(0, len(values), _BAND):  # for each value takes 8 bytes on the way
        part = (values[at : at + _BAND] & mask) >> shift
        channel[at : at + _BAND] = (part.astype(np.uint64) * 510 + largest) // (2 * largest)
    return channel
