"""Options made in Python: values of the declared types, and keywords that are named as on the command line.

What can only mean one thing is taken for it: a string for the path, the list or the tuple of one that it stands for,
True for a group of options at their defaults, a dict of shares for their text, a DataFrame for the file that holds it.
Everything else of another type is refused by its name at once.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from numbers import Integral, Real
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from batch_emotion.errors import UsageError, WrongType
from batch_emotion.frames import GivenTable, given_table
from batch_emotion.options.declared import Notation, declared, leaves


class _Place:
    """Stands for a path or URI in annotations, whose own type is not loaded with the options."""


_NAMES = {"Place": _Place, "BinaryIO": object, "Given": object}
_LISTS: tuple[Notation, ...] = ("names", "texts")
_KINDS: dict[type[Any], dict[str, Any]] = {}


class Checked:
    """A frozen dataclass whose fields hold what their annotations say, however they were given."""

    def __post_init__(self) -> None:
        """Put every value in the type declared.

        Raises:
            WrongType: a value is of another type.
        """
        kinds = kinds_of_fields(self.__class__)
        for each in fields(self):  # type: ignore[arg-type]
            value = getattr(self, each.name)
            if _is_written(each, "shares") and isinstance(value, Mapping):
                taken: Any = _shares(each.name, value)
            else:
                taken = _taken(value, kinds[each.name], _list_of(each))
            if taken is MISSING:
                wanted = " or ".join(dict.fromkeys(_names(kinds[each.name])))
                raise WrongType(f"`{each.name}` must be {wanted}, not {shown(value)}")
            if taken is not value:
                object.__setattr__(self, each.name, taken)


def options_from(cls: type[Any], values: Mapping[str, Any]) -> Any:
    """An instance of an option dataclass from keywords: its fields, and its options and those of its groups by key.

    Args:
        cls: the dataclass.
        values: such as ``{"sources": "photos", "faces": True, "min_face_size": 64}``.

    Raises:
        WrongType: a keyword is unknown, or a value of another type.
        UsageError: something that must be given is not, or goes with something that is not.
    """
    tops = {each.name: each for each in fields(cls)}
    paths = {leaf.key: leaf.path for leaf in leaves(cls)}
    own: dict[str, Any] = {}
    nested: dict[tuple[str, ...], Any] = {}
    for name, value in values.items():
        if name in tops and (name not in paths or _is_whole(tops[name], value)):
            own[name] = value
        elif name in paths:
            _check_switch(tops[paths[name][0]], name, values)
            nested[paths[name]] = value
        else:
            near = difflib.get_close_matches(name, [*tops, *paths], 1)
            raise WrongType(f"there is no option {name!r}{f'; did you mean {near[0]!r}?' if near else ''}")
    return _built(cls, own, nested)


def shown(value: object) -> str:
    """A value with its type on one short line, for a message; the type alone where the value takes several."""
    text, kind = repr(value), type(value).__name__
    if "\n" in text.strip():
        return kind
    return f"{kind} {text if len(text) <= 60 else text[:57] + '...'}"


def _built(cls: type[Any], own: dict[str, Any], nested: dict[tuple[str, ...], Any]) -> Any:
    given = dict(own)
    for each in fields(cls):
        inner = {path[1:]: value for path, value in nested.items() if path[0] == each.name}
        if () in inner:
            given[each.name] = inner[()]
        elif inner:
            given[each.name] = _group(each, own.get(each.name, MISSING), inner)
        if each.name not in given and each.default is MISSING and each.default_factory is MISSING:
            declaration = declared(each)
            raise UsageError(f"`{each.name}` is needed: {declaration.help if declaration else ''}".rstrip(" :"))
    return cls(**given)


def _group(each: Field[Any], value: Any, inner: dict[tuple[str, ...], Any]) -> Any:
    """A group of which some options are given, on top of what it is given as a whole."""
    declaration = declared(each)
    assert declaration is not None
    assert declaration.group is not None
    whole = {name.name: getattr(value, name.name) for name in fields(value)} if is_dataclass(value) else {}
    return _built(declaration.group, whole, inner)


def _check_switch(each: Field[Any], name: str, values: Mapping[str, Any]) -> None:
    declaration = declared(each)
    is_switch = declaration is not None and declaration.group is not None and declaration.flag and each.default is None
    if is_switch and not values.get(each.name) and name != each.name:
        raise UsageError(f"`{name}` goes with `{each.name}`; give that too")


def _is_whole(each: Field[Any], value: Any) -> bool:
    """Whether a keyword that names both a group and the option that it is known by gives the group."""
    declaration = declared(each)
    if declaration is None or declaration.group is None or value is None or isinstance(value, bool):
        return True
    return isinstance(value, declaration.group)


def kinds_of_fields(cls: type[Any]) -> dict[str, Any]:
    """The type of each field of an option dataclass, with a stand-in for each that is not loaded with the options."""
    if cls not in _KINDS:
        _KINDS[cls] = get_type_hints(cls, localns=_NAMES)
    return _KINDS[cls]


def _list_of(each: Field[Any]) -> str:
    """What a field is a list of, ``names`` in lower case or ``texts`` as they are; empty where it is none."""
    declaration = declared(each)
    return declaration.written if declaration is not None and declaration.written in _LISTS else ""


def _is_written(each: Field[Any], notation: Notation) -> bool:
    declaration = declared(each)
    return declaration is not None and declaration.written == notation


def _shares(name: str, value: Mapping[Any, Any]) -> str:
    """A dict of shares by class as the text of the command line."""
    for share in value.values():
        if not isinstance(share, Real) or isinstance(share, bool):
            raise WrongType(f"`{name}` must give each class a number, not {shown(share)}")
    return ",".join(f"{each}={float(share)!r}" for each, share in value.items())


def _members(kind: Any) -> tuple[Any, ...]:
    return get_args(kind) if get_origin(kind) in (Union, UnionType) else (kind,)


def _taken(value: Any, kind: Any, listed: str) -> Any:
    """The value in this type, MISSING where it has none in it."""
    members = _members(kind)
    if any(isinstance(member, type) and type(value) is member for member in members):
        return value
    if value is False and type(None) in members and not any(member is bool for member in members):
        return None if any(map(is_dataclass, members)) else MISSING
    return next((taken for each in members if (taken := _as(value, each, listed)) is not MISSING), MISSING)


def _as(value: Any, kind: Any, listed: str) -> Any:
    if get_origin(kind) is Literal:
        return value if isinstance(value, str) and value in get_args(kind) else MISSING
    if get_origin(kind) is tuple:
        return _tuple(value, get_args(kind)[0], listed)
    if kind is Path:
        return Path(value) if isinstance(value, str | os.PathLike) and _is_text(value) else MISSING
    if kind is _Place:
        return _place(value)
    if kind is GivenTable:
        return given_table(value) or MISSING
    if is_dataclass(kind):
        return _whole(value, kind)
    if kind is float:
        if not isinstance(value, Real) or isinstance(value, bool):
            return MISSING
        return value if isinstance(value, int) else float(value)
    if kind is int:
        return int(value) if isinstance(value, Integral) and not isinstance(value, bool) else MISSING
    return value if isinstance(value, get_origin(kind) or kind) else MISSING


def _whole(value: Any, kind: Any) -> Any:
    """A dataclass, and True for one of defaults."""
    if value is True and _stands_alone(kind):
        return kind()
    return value if isinstance(value, kind) else MISSING


def _tuple(value: Any, kind: Any, listed: str) -> Any:
    if listed and isinstance(value, str):
        value = [text for part in value.split(",") if (text := part.strip())]
    elif isinstance(value, str | os.PathLike):
        value = [value]
    if not isinstance(value, list | tuple):
        return MISSING
    taken = tuple(
        os.fspath(each) if kind is str and isinstance(each, os.PathLike) else _as(each, kind, "") for each in value
    )
    if MISSING in taken:
        return MISSING
    if listed == "names":
        taken = tuple(name.strip().lower() for name in taken)
    return value if taken == value else taken


def _place(value: Any) -> Any:
    """A path; a URI stays the text it is until what opens URIs is loaded."""
    if isinstance(value, str):
        return value if "://" in value else Path(value)
    if isinstance(value, Path) or hasattr(value, "scheme"):
        return value
    return Path(value) if isinstance(value, os.PathLike) and _is_text(value) else MISSING


def _is_text(value: str | os.PathLike[Any]) -> bool:
    return isinstance(os.fspath(value), str)


def _stands_alone(kind: type[Any]) -> bool:
    return all(each.default is not MISSING or each.default_factory is not MISSING for each in fields(kind))


def _names(kind: Any) -> list[str]:
    """What a type is called in a message, one name for each that may be given."""
    named = []
    for each in _members(kind):
        if get_origin(each) is Literal:
            named += [repr(value) for value in get_args(each)]
        elif get_origin(each) is tuple:
            named.append("a list of " + ("paths" if get_args(each)[0] is _Place else "strings"))
        else:
            if isinstance(each, type) and is_dataclass(each) and _stands_alone(each) and type(None) in _members(kind):
                named.append("True")
            if get_origin(each) is Mapping:
                named.append("a dict")
                continue
            plain = {_Place: "a path", Path: "a path", GivenTable: "a DataFrame or Arrow table", str: "a string"}
            plain |= {int: "a whole number", float: "a number"}
            named.append({type(None): "None", bool: "True or False"}.get(each, plain.get(each, each.__name__)))
    return sorted(named, key=lambda name: name == "None")
