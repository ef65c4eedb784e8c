"""PNM: PBM, PGM and PPM, in text or binary, of any maximum."""

from __future__ import annotations

import re

import numpy as np

from batch_emotion.images.facts import ImageFacts
from batch_emotion.images.formats.libraries import Samples

SIGNATURES = tuple(b"P%d" % kind for kind in range(1, 7))
_GAP = rb"(?:[\s\0]|#[^\n\r]*[\n\r])+"
_SIZE = re.compile(rb"P([1-6])" + _GAP + rb"(\d{1,20})" + _GAP + rb"(\d{1,20})")
_MAXIMUM = re.compile(_GAP + rb"(\d{1,10})")
_COMMENT = re.compile(rb"#[^\n\r]*")
_TEXT = re.compile(rb"[\d\s]*")


def read_facts(data: bytes) -> ImageFacts:
    """What a PNM is."""
    return _header(data)[0]


def read_samples(data: bytes, _: ImageFacts) -> Samples:
    """The samples, of 8 or 16 bits."""
    facts, kind, at = _header(data)
    width, height = facts.stored_size
    shape = (height, width) if facts.gray else (height, width, 3)
    count = int(np.prod(shape))
    maximum = facts.maximum or 1
    if kind == 4:
        rows: Samples = np.frombuffer(data, np.uint8, height * -(-width // 8), at).reshape(height, -1)
        return np.unpackbits(np.invert(rows), axis=1, count=width)
    if kind > 4:
        deep = maximum > 255
        raw: Samples = np.frombuffer(data, ">u2" if deep else np.uint8, count, at)
        raw = raw.astype(np.uint16 if deep else np.uint8, copy=False)
        return raw.reshape(shape)
    text = _COMMENT.sub(b" ", data[at:])
    if kind == 1:
        bits = np.frombuffer(re.sub(rb"\s+", b"", text), np.uint8, count)
        white: Samples = (bits == ord("0")).astype(np.uint8)
        return white.reshape(shape)
    if not _TEXT.fullmatch(text):
        raise ValueError("other things than digits among the samples")
    values = np.fromstring(text, np.int64, sep=" ")[:count]  # with a count it would make up what is missing
    if len(values) < count:
        raise ValueError("cut short")
    samples: Samples = np.minimum(values, maximum).astype(np.uint16)
    return samples.reshape(shape)


def _header(data: bytes) -> tuple[ImageFacts, int, int]:
    """The facts, the kind of 1 to 6, and where the samples begin."""
    found = _SIZE.match(data)
    if found is None:
        raise ValueError("no width and height")
    kind, width, height = (int(value) for value in found.groups())
    end, maximum = found.end(), 1
    if kind not in (1, 4):
        depth = _MAXIMUM.match(data, end)
        if depth is None or not 0 < int(depth[1]) < 65536:
            raise ValueError("no maximum between 1 and 65535")
        end, maximum = depth.end(), int(depth[1])
    facts = ImageFacts("PNM", (width, height), 1, maximum.bit_length(), maximum, gray=kind % 3 != 0)
    return facts, kind, end + 1
