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
_SPACE, _SPACES = re.compile(rb"\s"), b" \t\n\r\v\f"
_PIECE = 2**20


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
    text = data[at:]
    if b"#" in text:
        text = _COMMENT.sub(b" ", text)
    if kind == 1:
        bits = np.frombuffer(text.translate(None, _SPACES), np.uint8, count)
        white: Samples = (bits == ord("0")).astype(np.uint8)
        return white.reshape(shape)
    if not _TEXT.fullmatch(text):
        raise ValueError("other things than digits among the samples")
    return _numbers(text, count, maximum).reshape(shape)


def _numbers(text: bytes, count: int, maximum: int) -> Samples:
    """The first numbers of a text, in pieces, for each takes 8 bytes at first."""
    numbers: Samples = np.empty(count, np.uint8 if maximum < 256 else np.uint16)
    found = at = 0
    while found < count and at < len(text):
        space = _SPACE.search(text, at + _PIECE)
        end = space.start() if space else len(text)
        piece = text[at:end].strip()
        if piece:
            values = np.fromstring(piece, np.int64, sep=" ")[: count - found]  # a count would make up what is missing
            numbers[found : found + len(values)] = np.minimum(values, maximum)
            found += len(values)
        at = end
    if found < count:
        raise ValueError("cut short")
    return numbers


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
