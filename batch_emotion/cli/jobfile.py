"""Job files: the options of ``predict`` in a TOML file, checked before they are used."""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

import typer

from batch_emotion.errors import JobFileError, UsageError

_VARIABLE = re.compile(r"\$\{([^}]*)\}")
_DATE = re.compile(r"\{date:([^}]*)\}")
_BRACES = re.compile(r"\{([^{}]*)\}")
_DIRECTIVE = re.compile(r"%[-_0^#]?[EO]?.?")


def job_context(command: Any, kinds: Mapping[str, Any], job: Path, arguments: Sequence[str]) -> Any:
    """A command's context as the command line, the environment, a job file and the defaults make it, in this order.

    Args:
        command: a click command.
        kinds: the type of each option by its flag.
        job: the file.
        arguments: what the command line says beside it.

    Raises:
        UsageError: the file or the arguments make no sense, or both leave out what a job must say.
    """
    values = {"job": job.stem} | read_job(job, kinds)
    try:
        context = command.make_context(
            "run", list(arguments), default_map={_parameter(key): value for key, value in values.items()}
        )
    except typer.exceptions.TyperException as error:
        raise _refusal(error, command, job, arguments) from None
    if context.params["out"] is None:
        raise JobFileError(f'{job}: out is missing; name the result, such as out = "results.parquet"')
    return context


def _refusal(error: Any, command: Any, job: Path, arguments: Sequence[str]) -> UsageError:
    """What is wrong with the command line, or with the file where it says nothing of that option."""
    unknown = getattr(error, "option_name", None) if not isinstance(error, typer.BadParameter) else None
    flags = [flag for option in command.params for flag in (*option.opts, *option.secondary_opts)]
    if unknown and unknown not in flags:
        near = difflib.get_close_matches(unknown, [*flags, "--check", "--help"], 1)
        hint = f"did you mean {near[0]}?" if near else "predict --help shows those that may follow a job file"
        return UsageError(f"no such option: {unknown}; {hint}")
    text = " ".join(error.format_message().split())
    option = getattr(error, "param", None)
    if option is None:
        return UsageError(text)
    if option.name == "sources":
        return JobFileError(f'{job}: sources is missing; name the images, such as sources = ["photos"]')
    is_given = any(argument.partition("=")[0] in (*option.opts, *option.secondary_opts) for argument in arguments)
    return UsageError(text if is_given else f"{job}: {text}")


def comes_from_file(context: Any, key: str) -> bool:
    """Whether an option has its value from the job file, and not from the command line, the environment or nowhere."""
    return bool(context.get_parameter_source(_parameter(key)).name == "DEFAULT_MAP")


def dated_folder(context: Any, job: Path) -> Path | None:
    """The folder of a dated ``out`` of the job file where it is not there yet, but the one that holds all dates is.

    With ``out = "results/{date:%Y-%m-%d}/emotions.parquet"`` this is today's folder in ``results``: a run makes it. A
    folder whose name is not dated is never made: it may be a disk that is not mounted.
    """
    if not comes_from_file(context, "out") or "://" in context.params["out"]:
        return None
    before, date, _ = _read_toml(job)["out"].partition("{date:")
    holds_all = Path(os.path.dirname(_filled(f"{job}: out", before, datetime.now().astimezone()))).absolute()
    folder = Path(context.params["out"]).absolute().parent
    return folder if date and holds_all.is_dir() and holds_all in folder.parents and not folder.is_dir() else None


def option_lines(context: Any, kinds: Mapping[str, Any], job: Path) -> list[str]:
    """One line for each option: its key, its value, and where that comes from."""
    origins = {
        "COMMANDLINE": "command line",
        "ENVIRONMENT": "environment",
        "DEFAULT_MAP": str(job),
        "DEFAULT": "default",
    }
    width = max(map(len, kinds))
    lines = []
    for key in kinds:
        name = _parameter(key)
        value = context.params[name]
        shown = ", ".join(value) if isinstance(value, list | tuple) else "" if value is None else str(value)
        lines.append(f"{key:<{width}}  {shown:<40} {origins[context.get_parameter_source(name).name]}")
    return lines


def _parameter(key: str) -> str:
    """The name of a key's parameter in the command."""
    return key.replace("-", "_")


def read_job(file: Path, options: Mapping[str, Any]) -> dict[str, Any]:
    """The options in a job file, with its variables and dates filled in.

    Every string may hold ``${NAME}``, an environment variable, and ``{date:%Y-%m-%d}``, the local date and time.

    Args:
        file: TOML.
        options: the type of each option by its key, as annotated: ``int``, ``Path | None``, ``Literal[...]``, ….

    Raises:
        JobFileError: naming the file, the key, and where possible the nearest right one.
    """
    now = datetime.now().astimezone()
    return {
        key: _value(f"{file}: {key}", value, _kind(file, key, options), now) for key, value in _read_toml(file).items()
    }


def _read_toml(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except PermissionError as error:
        raise JobFileError(f"{file}: {error.strerror}; this user must be allowed to read the job file") from None
    except OSError as error:
        raise JobFileError(f"{file}: {error.strerror}; the first argument of run is a job file") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise JobFileError(f"{file}: not TOML: {error}") from None


def _kind(file: Path, key: str, options: Mapping[str, Any]) -> Any:
    if key not in options:
        near = difflib.get_close_matches(key, options, 1)
        hint = f"did you mean {near[0]}?" if near else f"the keys are {', '.join(options)}"
        raise JobFileError(f"{file}: {key}: unknown key; {hint}")
    kind = options[key]
    if get_origin(kind) in (Union, UnionType):
        kind = next(each for each in get_args(kind) if each is not type(None))
    return kind


def _value(where: str, value: Any, kind: Any, now: datetime) -> Any:
    if get_origin(kind) is list:
        if not isinstance(value, list):
            raise JobFileError(f"{where}: must be a list of strings, not {_description(value)}")
        return [_value(where, each, str, now) for each in value]
    if get_origin(kind) is Literal:
        choices = get_args(kind)
        if value not in choices:
            near = difflib.get_close_matches(str(value), choices, 1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise JobFileError(f"{where}: must be one of {', '.join(choices)}, not {_description(value)}{hint}")
        return value
    wanted, name = _TOML_TYPES[kind]
    if not isinstance(value, wanted) or (isinstance(value, bool) and kind is not bool):
        raise JobFileError(f"{where}: must be {name}, not {_description(value)}")
    return _filled(where, value, now) if isinstance(value, str) else value


_TOML_TYPES: dict[Any, tuple[type | tuple[type, ...], str]] = {
    bool: (bool, "true or false"),
    int: (int, "a whole number"),
    float: ((int, float), "a number"),
    str: (str, "a string"),
    Path: (str, "a string"),
}


def _filled(where: str, text: str, now: datetime) -> str:
    def variable(match: re.Match[str]) -> str:
        if match[1] not in os.environ:
            near = difflib.get_close_matches(match[1], os.environ, 1)
            hint = f"; did you mean ${{{near[0]}}}?" if near else ""
            raise JobFileError(f"{where}: the environment variable {match[1] or '(no name)'} is not set{hint}")
        if not os.environ[match[1]].strip():
            raise JobFileError(f"{where}: the environment variable {match[1]} is empty; set it, or leave it out here")
        return os.environ[match[1]]

    for date in _BRACES.findall(_VARIABLE.sub("", text)):
        if not _is_date(date, now) and (date.startswith("date:") or not where.endswith(": sources")):
            raise JobFileError(
                f"{where}: {{{date}}} is no date; dates are written such as {{date:%Y-%m-%d}}, environment variables "
                "as ${NAME}"
            )
    return _DATE.sub(lambda match: now.strftime(match[1]), _VARIABLE.sub(variable, text))


def _is_date(text: str, now: datetime) -> bool:
    """Whether what stands in braces is a date whose directives this system knows."""
    directives = _DIRECTIVE.findall(text)
    shown = {each: now.strftime(each) for each in directives if each != "%%"}
    return text.startswith("date:") and bool(shown) and not any(to in (each, each[1:]) for each, to in shown.items())


def _description(value: Any) -> str:
    kinds = {dict: "a table", list: "a list", str: f"the string {value!r}", bool: str(value).lower()}
    return kinds.get(type(value), repr(value))
