"""What a Python program asks for, an options class or keywords, as the options that a run is made from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields, is_dataclass, replace
from typing import Any, TypeVar, cast

from batch_emotion.errors import WrongType
from batch_emotion.frames import GivenTable
from batch_emotion.options.checked import options_from, shown
from batch_emotion.options.declared import declared, leaves
from batch_emotion.runs.predict_result import PredictResult
from batch_emotion.storage.places import output_place

Options = TypeVar("Options")


def asked(cls: type[Options], first: str, value: object, keywords: Mapping[str, Any]) -> Options:
    """The options of a call.

    Args:
        cls: the dataclass of the command's options.
        first: the field that the first argument of the call is for.
        value: that argument; a result of ``predict`` stands for where it was written, or for its rows; or the options
            themselves.
        keywords: the keywords of the call; those at their defaults ask for nothing.

    Raises:
        WrongType: a keyword is unknown or of another type, or there are options and keywords.
        UsageError: something that must be given is not, or goes with something that is not.
    """
    value, keywords = _stored(value), {name: _stored(each) for name, each in keywords.items()}
    given = {name: each for name, each in keywords.items() if not _is_default(cls, name, each)}
    if first in keywords:
        raise WrongType(f"`{first}` is the first argument, and given by its name too; give it once")
    if not isinstance(value, cls):
        return cast(Options, _placed(options_from(cls, {first: value, **given})))
    if given:
        raise WrongType(
            f"`{next(iter(given))}` is given beside {cls.__name__}, which holds every option; give it in there"
        )
    return cast(Options, _placed(value))


def _stored(value: object) -> object:
    """Where a result of ``predict`` is, or its rows where they are in memory only; any other value as it is."""
    if not isinstance(value, PredictResult):
        return value
    return GivenTable(value.table, "result") if value.out is None else value.out


def called_back(function: object, name: str) -> None:
    """Refuse what should be called and cannot be, such as an output that was not given by its name.

    Raises:
        WrongType: naming the parameter.
    """
    if not isinstance(function, Callable):  # type: ignore[arg-type]
        raise WrongType(f"`{name}` must be a function, not {shown(function)}; give other arguments by their names")


def _is_default(cls: type[Any], name: str, value: object) -> bool:
    defaults = {leaf.key: leaf.default for leaf in leaves(cls)} | {each.name: each.default for each in fields(cls)}
    default = defaults.get(name, name)
    if value is None:
        return default in (None, MISSING)
    if default is None:
        return value is False
    same = default == value
    return same if isinstance(same, bool) else False  # of an array it is one, too


def _placed(options: Any) -> Any:
    """The options with text that stands for a URI as what can be opened."""
    changed: dict[str, Any] = {}
    for each in fields(options):
        value, declaration = getattr(options, each.name), declared(each)
        written = declaration.written if declaration else None
        if written == "place" and isinstance(value, str):
            changed[each.name] = output_place(value)
        elif written == "places" and any(isinstance(place, str) for place in value):
            changed[each.name] = tuple(output_place(p) if isinstance(p, str) else p for p in value)
        elif declaration and declaration.group and is_dataclass(value):
            placed = _placed(value)
            if placed is not value:
                changed[each.name] = placed
    return replace(options, **changed) if changed else options
