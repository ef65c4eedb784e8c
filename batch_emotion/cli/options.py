"""Option dataclasses to the parameters of a command, and what was given back to the dataclasses."""

from __future__ import annotations

import functools
import inspect
import operator
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import MISSING, fields
from functools import cache, wraps
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, get_args

import typer

from batch_emotion.errors import UsageError
from batch_emotion.frames import GivenTable
from batch_emotion.options.checked import kinds_of_fields
from batch_emotion.options.declared import Leaf, declared, leaves

_NUMBER = r"(?:\d+\.?\d*|\.\d+)"
_METAVARS: dict[Any, str] = {
    int: "N",
    float: "X",
    str: "TEXT",
    Path: "PATH",
    "text": "TEXT",
    "place": "PATH|URI",
    "names": "NAMES",
    "pairs": "PAIRS",
    "shares": "TEXT",
    "duration": "TIME",
    "size": "SIZE",
}
_GIVEN = ("COMMANDLINE", "DEFAULT_MAP")


def takes(*classes: type[Any]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Give a command every option that these dataclasses declare; it is called with one instance of each.

    What follows in the command's own signature stays as it is. The command finds the keys of the options that were
    given, by the command line or a job file, with ``given_keys``.
    """

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        signature = inspect.signature(command, eval_str=True)
        own = [each.replace(kind=each.KEYWORD_ONLY) for each in list(signature.parameters.values())[len(classes) :]]
        found = [leaf for each in classes for leaf in leaves(each)]

        @wraps(command)
        def callback(**values: Any) -> Any:
            rest = {parameter.name: values.pop(parameter.name) for parameter in own}
            return command(*(read_options(each, values) for each in classes), **rest)

        parameters = sorted(
            [parameter_of(leaf) for leaf in found] + own, key=lambda each: each.default is not each.empty
        )
        callback.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        callback.__annotations__ = {each.name: each.annotation for each in parameters}
        return callback

    return decorate


def kinds_of(options: type[Any]) -> dict[str, Any]:
    """The type that each option has on the command line and in job files, by its flag."""
    return {leaf.flag: _kind(leaf) for leaf in leaves(options)}


def parameter_of(leaf: Leaf) -> inspect.Parameter:
    """An option as a parameter that typer reads."""
    declaration = leaf.declaration
    kind = _kind(leaf)
    if declaration.argument:
        info: Any = typer.Argument(help=declaration.help, metavar=declaration.metavar)
    else:
        flags = f"--{leaf.flag}/--no-{leaf.flag}" if kind is bool else f"--{leaf.flag}"
        info = typer.Option(
            *(each for each in (flags, declaration.short) if each),
            help=declaration.help,
            metavar=declaration.metavar or _METAVARS.get(declaration.written or _plain(kind)),
            rich_help_panel=leaf.heading or None,
            show_default=kind is not bool or bool(leaf.default),
        )
    default = _shown_default(leaf)
    return inspect.Parameter(
        leaf.key,
        inspect.Parameter.KEYWORD_ONLY,
        default=inspect.Parameter.empty if default is MISSING else default,
        annotation=Annotated[kind, info],
    )


def read_options(options: type[Any], values: Mapping[str, Any]) -> Any:
    """An instance of an option dataclass from values by their keys.

    Raises:
        UsageError: a value cannot be read.
    """
    own = {leaf.path: leaf for leaf in leaves(options)}
    return _built(options, (), own, values)


def _built(
    cls: type[Any], path: tuple[str, ...], own: Mapping[tuple[str, ...], Leaf], values: Mapping[str, Any]
) -> Any:
    given: dict[str, Any] = {}
    for each in fields(cls):
        declaration, here = declared(each), (*path, each.name)
        if declaration is None:
            continue
        if declaration.group is None:
            given[each.name] = _read(own[here], values[own[here].key])
        elif each.default is None and not _is_on(own, here, values):
            given[each.name] = None
        else:
            given[each.name] = _built(declaration.group, here, own, values)
    return cls(**given)


def _is_on(own: Mapping[tuple[str, ...], Leaf], path: tuple[str, ...], values: Mapping[str, Any]) -> bool:
    """Whether a group that may be None is asked for: by its switch, or by those of its options that must be given."""
    if path in own:
        return bool(values[own[path].key])
    required = [leaf for at, leaf in own.items() if at[:-1] == path and leaf.default is MISSING]
    return all(values[leaf.key] is not None for leaf in required)


def _read(leaf: Leaf, value: Any) -> Any:
    if value is None:
        return None if leaf.default is MISSING else leaf.default
    match leaf.declaration.written:
        case "place":
            from batch_emotion.storage.places import output_place

            return output_place(value)
        case "names":
            return names_of(value)
        case "pairs":
            return pairs_of(f"--{leaf.flag}", value)
        case "texts":
            return tuple(filter(None, map(str.strip, value.split(","))))
        case "duration":
            return seconds_of(f"--{leaf.flag}", value)
        case "size":
            return size_of(f"--{leaf.flag}", value)
        case "words":
            return tuple(value)
        case "places":
            from batch_emotion.storage.places import output_place

            return tuple(map(output_place, value))
    return value


def names_of(text: str) -> tuple[str, ...]:
    """The names in a list with commas, lower case."""
    return tuple(name.strip().lower() for name in text.split(","))


def pairs_of(option: str, text: str) -> dict[str, str]:
    """The pairs of ``a=b,c=d``; what has no label stands for the number after that of the pair before, or for 0."""
    pairs: dict[str, str] = {}
    last = "-1"
    for piece in text.split(","):
        label, sign, name = (part.strip() for part in piece.partition("="))
        if not sign:
            label, name = (str(int(last) + 1) if last.lstrip("-").isdecimal() else ""), label
        if not label or not name or label in pairs:
            raise UsageError(f"{option} takes pairs such as anger=angry,joy=happy or names in order, not {text!r}")
        pairs[label] = name
        last = label
    return pairs


def seconds_of(option: str, text: str) -> float:
    """The seconds of ``90``, ``45s``, ``90m``, ``2h``, ``1d`` or a sum of such as ``1h30m``."""
    units = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400}
    if not re.fullmatch(rf"\s*({_NUMBER}[smhd]\s*)+|\s*{_NUMBER}\s*", text):
        raise UsageError(f"{option} must be a time such as 2h, 90m, 1h30m or 45s, not {text!r}")
    return sum(float(number) * units[unit] for number, unit in re.findall(rf"({_NUMBER})([smhd]?)", text))


def size_of(option: str, text: str) -> tuple[int, int]:
    """(height, width) of ``64`` or ``64x48``."""
    if not re.fullmatch(r"[1-9]\d{0,4}(x[1-9]\d{0,4})?", text):
        raise UsageError(f"{option} must be a size in pixels such as 64, or height and width as in 64x48, not {text!r}")
    height, _, width = text.partition("x")
    return int(height), int(width or height)


@cache
def _flags() -> dict[str, str]:
    return {leaf.name: leaf.flag for leaf in option_leaves() if not leaf.declaration.argument}


def option_leaves() -> list[Leaf]:
    """Every option of every command."""
    from batch_emotion.options.evaluate import EvaluateOptions
    from batch_emotion.options.explain import ExplainOptions
    from batch_emotion.options.export import ExportOptions
    from batch_emotion.options.merge import MergeOptions
    from batch_emotion.options.predict import PredictOptions
    from batch_emotion.options.report import ReportOptions
    from batch_emotion.options.review import ReviewOptions
    from batch_emotion.options.runs import MessageOptions
    from batch_emotion.options.sample import SampleOptions
    from batch_emotion.options.train import TrainOptions

    commands = (
        PredictOptions,
        MessageOptions,
        MergeOptions,
        ReportOptions,
        ReviewOptions,
        ExplainOptions,
        TrainOptions,
    )
    return [leaf for each in (*commands, EvaluateOptions, ExportOptions, SampleOptions) for leaf in leaves(each)]


def in_flags(message: str) -> str:
    """A message whose options, named in backquotes, are named by their flags."""
    return re.sub(
        r"`([a-z_.]+)`", lambda match: f"--{_flags()[match[1]]}" if match[1] in _flags() else match[0], message
    )


def given_keys(context: typer.Context, keys: Collection[str]) -> frozenset[str]:
    """Those of the options that the command line or a job file gives; what the environment or a default says is not."""
    return frozenset(
        key for key in keys if (source := context.get_parameter_source(key)) is not None and source.name in _GIVEN
    )


def _kind(leaf: Leaf) -> Any:
    if leaf.is_switch:
        return bool
    match leaf.declaration.written:
        case "words" | "places":
            return list[str]
        case "text" | "texts" | "place" | "names" | "pairs" | "shares" | "duration" | "size":
            return str | None if leaf.default in (None, MISSING, ()) else str
    kind = _typed(kinds_of_fields(leaf.owner)[leaf.path[-1]])
    return kind | None if leaf.default is MISSING else kind


def _typed(kind: Any) -> Any:
    """A type without the tables that only a Python program gives."""
    members = get_args(kind) if isinstance(kind, UnionType) else ()
    return functools.reduce(operator.or_, (each for each in members if each is not GivenTable)) if members else kind


def _plain(kind: Any) -> Any:
    """The type that a value has where it is given."""
    return (
        next((each for each in get_args(kind) if each is not type(None)), kind) if isinstance(kind, UnionType) else kind
    )


def _shown_default(leaf: Leaf) -> Any:
    """The default on the command line: what must be given within a group that may be left out is None there."""
    if leaf.default is MISSING:
        return MISSING if len(leaf.path) == 1 else None
    if isinstance(leaf.default, tuple):
        return ",".join(leaf.default) or None
    return leaf.default


def sections(parameters: Sequence[Any]) -> dict[str, list[Any]]:
    """The parameters of a command by the heading they stand under in help: arguments first, what has none last."""
    found: dict[str, list[Any]] = {"Arguments": []}
    for each in parameters:
        is_argument = each.param_type_name == "argument"
        found.setdefault("Arguments" if is_argument else each.rich_help_panel or "Options", []).append(each)
    return found | {"Options": found.pop("Options", [])}
