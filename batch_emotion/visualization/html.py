"""What every HTML page shares: its frame, its style, pictures as data URIs, and how numbers are written."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from batch_emotion.visualization.palette import DARK, LIGHT

if TYPE_CHECKING:
    from jinja2 import Environment

GENERATOR = "batch-emotion"
"""What every page names as what made it."""


@dataclass(frozen=True)
class Picture:
    """A chart as PNG for each scheme, and for narrow screens where it cannot just shrink; the browser chooses."""

    light: bytes
    dark: bytes
    narrow_light: bytes | None = None
    narrow_dark: bytes | None = None


def render(room: str, template: str, **values: Any) -> str:
    """Fill in a template; whatever is filled in is text, never markup.

    Args:
        room: the package that holds it in its ``templates``, beside those that every page shares.
        template: the file's name.
        values: what is filled in, by name.
    """
    return _environment(room).get_template(template).render(**values)


def thumbnail_uri(pixels: NDArray[np.uint8] | None) -> str | None:
    """An image, uint8 (H, W, 3), as a JPEG data URI; None where there is none."""
    import cv2

    if pixels is None:
        return None
    _, encoded = cv2.imencode(".jpg", pixels[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, 88])
    return _data_uri(encoded.tobytes(), "image/jpeg")


def percent(value: float | None, digits: int = 1) -> str:
    """A fraction for people: ``64.4 %``, a dash where it is not known."""
    return "–" if value is None else f"{value * 100:.{digits}f} %"


def percent_range(interval: tuple[float, float] | None, digits: int = 1) -> str:
    """Two fractions for people: the lower, a dash, or ``to`` where a minus sign stands beside it, the higher."""
    if interval is None:
        return "–"
    low, high = (f"{end * 100:z.{digits}f}" for end in interval)
    return f"{low} to {high}" if "-" in low + high else f"{low}–{high}"


def shorten(text: str, most: int = 160) -> str:
    """A text of at most so many characters, its middle left out."""
    if len(text) <= most:
        return text
    head = (most - 1) // 2
    return f"{text[:head]}…{text[len(text) - (most - 1 - head) :]}"


def file_name(path: str) -> str:
    """The last part of a path; a backslash parts one without a slash, as Windows writes them."""
    return (path if "/" in path else path.replace("\\", "/")).rsplit("/", 1)[-1]


def script(name: str) -> str:
    """The text of a script that pages share."""
    return files(__package__).joinpath("templates", name).read_text(encoding="utf-8")


def _data_uri(data: bytes, kind: str) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode('ascii')}"


@cache
def _environment(room: str) -> Environment:
    from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

    # Not select_autoescape: everything is escaped, whatever a template is called.
    environment = Environment(
        loader=ChoiceLoader([PackageLoader(room), PackageLoader(__package__)]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "percent": percent,
        "percent_range": percent_range,
        "png_uri": lambda data: _data_uri(data, "image/png"),
        "count": lambda number: f"{number:,}",
        "short": shorten,
        "file_name": file_name,
        "sha256_base64": lambda text: base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii"),
    }
    environment.globals |= {"schemes": (LIGHT, DARK), "generator": GENERATOR}
    return environment
