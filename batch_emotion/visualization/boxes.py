"""Faces drawn on the images they were found in: boxes with the predicted class and the confidence."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from batch_emotion.records import Face

_SHORTEST, _LONGEST = 640, 2048
_SMALLEST_TEXT = 9

_Box = tuple[float, float, float, float]
"""Left, top, right and bottom."""


def draw_faces(
    pixels: NDArray[np.uint8], size: tuple[int, int], faces: Sequence[tuple[Face, str, str]]
) -> NDArray[np.uint8]:
    """A copy of an image with its faces marked, uint8 RGB, its longer side between 640 and 2,048 pixels.

    Args:
        pixels: uint8 (h, w, 3), of the original or of one made smaller.
        size: (width, height) of the original, in whose pixels the boxes are.
        faces: where each is, its label, and its colour as ``#rrggbb``; labels may hold any character.
    """
    copy = Image.fromarray(pixels)
    long = max(copy.size)
    scale = math.ceil(_SHORTEST / long) if long < _SHORTEST else min(1.0, _LONGEST / long)
    width, height = (max(1, round(side * scale)) for side in copy.size)
    copy = copy.resize((width, height), Image.Resampling.BICUBIC)
    draw = ImageDraw.Draw(copy)
    across, down = width / size[0], height / size[1]
    line, letters = max(2, round(max(width, height) / 320)), max(16, round(max(width, height) / 40))
    marks: list[tuple[_Box, str, str]] = []
    for face, label, colour in faces:
        box = (face.x * across, face.y * down, (face.x + face.width) * across, (face.y + face.height) * down)
        draw.rectangle(box, outline=colour, width=line)
        marks.append((box, label, colour))
    taken: list[_Box] = []
    for box, label, colour in marks:
        taken.append(_write(draw, drawable(label), box, colour, letters, (width, height), taken))
    return np.asarray(copy)


def jpeg_bytes(pixels: NDArray[np.uint8]) -> bytes:
    """An RGB image as JPEG."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def png_bytes(pixels: NDArray[np.uint8]) -> bytes:
    """An RGB image as PNG."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def drawable(text: str) -> str:
    """The text with its escape in place of every character that the font lacks or that does not print."""
    known = _known_characters()
    return "".join(
        letter if ord(letter) in known and letter.isprintable() else letter.encode("unicode_escape").decode("ascii")
        for letter in text
    )


def _write(
    draw: ImageDraw.ImageDraw,
    text: str,
    box: _Box,
    colour: str,
    letters: int,
    canvas: tuple[int, int],
    taken: Sequence[_Box],
) -> _Box:
    """Write above the box, or where there is room for it in or under the box; gives where, no wider than the image."""
    pad = letters // 4
    while letters > _SMALLEST_TEXT and _font(letters).getlength(text) + 2 * pad > canvas[0]:
        letters -= 1
    wide, high = _font(letters).getlength(text) + 2 * pad, letters + 2 * pad
    left = max(0.0, min(box[0], canvas[0] - wide))
    above, inside, under, lowest = box[1] - high, box[1], box[3], canvas[1] - high
    tops = [min(top, lowest) for top in (above, inside, under, box[3] - high) if top >= 0]
    places = [(left, top, left + wide, top + high) for top in tops]
    place = min(places, key=lambda each: sum(_shared(each, other) for other in taken))
    draw.rectangle(place, fill=colour)
    draw.text((left + pad, place[1] + high / 2), text, _ink(colour), _font(letters), anchor="lm")
    return place


def _shared(one: _Box, other: _Box) -> float:
    """The area that two rectangles share."""
    wide, high = min(one[2], other[2]) - max(one[0], other[0]), min(one[3], other[3]) - max(one[1], other[1])
    return max(0.0, wide) * max(0.0, high)


def _ink(colour: str) -> str:
    """Black or white, whichever is easier to read on a colour."""
    red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return "#000000" if 0.299 * red + 0.587 * green + 0.114 * blue > 120 else "#ffffff"


def _font_file() -> Path:
    import matplotlib

    return Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"


@cache
def _font(letters: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(_font_file()), letters)


@cache
def _known_characters() -> frozenset[int]:
    from matplotlib.ft2font import FT2Font

    return frozenset(FT2Font(str(_font_file())).get_charmap())
