"""What only people know of a model, for its card: the source of its data, their faults, and the licences."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from batch_emotion.errors import UsageError


@dataclass(frozen=True)
class DataAbout:
    """What the training and validation images are, where they come from, their licence, and what is wrong with them."""

    name: str = ""
    source: str = ""
    licence: str = ""
    faults: tuple[str, ...] = ()


@dataclass(frozen=True)
class About:
    """The licence of the weights, and the data."""

    licence: str = ""
    data: DataAbout = field(default_factory=DataAbout)


def read_about(file: Path) -> About:
    """Read it from TOML: ``licence``, and a table ``data`` with ``name, source, licence, faults``.

    Raises:
        UsageError: the file cannot be read, or has other keys or kinds of values than these.
    """
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise UsageError(f"{file}: {error.strerror}; `about` is a TOML file") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{file}: not TOML: {error}") from None
    data = content.pop("data", {})
    if not isinstance(data, dict):
        raise UsageError(f"{file}: data must be a table")
    faults = data.pop("faults", [])
    if not isinstance(faults, list) or not all(isinstance(fault, str) for fault in faults):
        raise UsageError(f"{file}: data.faults must be a list of strings")
    _check(file, content, About, "")
    _check(file, data, DataAbout, "data.")
    return About(**content, data=DataAbout(**data, faults=tuple(faults)))


def _check(file: Path, content: dict[str, Any], kind: type, prefix: str) -> None:
    known = [each.name for each in fields(kind) if each.name not in ("data", "faults")]
    for key, value in content.items():
        if key not in known:
            names = ", ".join(prefix + name for name in known)
            raise UsageError(f"{file}: {prefix}{key}: unknown key; the keys are {names}")
        if not isinstance(value, str):
            raise UsageError(f"{file}: {prefix}{key} must be a string, not {value!r}")
