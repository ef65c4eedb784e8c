"""The application that the commands are registered with, and what several of them share."""

from __future__ import annotations

import os
import re
import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from batch_emotion._version import __version__
from batch_emotion.cli.logs import LOG
from batch_emotion.cli.options import sections
from batch_emotion.errors import BatchEmotionError, UsageError, spelled
from batch_emotion.options.labels import ALARM
from batch_emotion.signals import accept_signals
from batch_emotion.storage.escaping import printable_lines


class _Commands(TyperGroup):
    """The list of commands, whose summaries are wrapped and never cut short."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write each command with the first sentence of its help."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary_of(self.commands[name])) for name in self.list_commands(ctx)])


def summary_of(command: Any) -> str:
    """The first paragraph of a command's help, on one line."""
    return " ".join(str(command.help).split("\n\n")[0].split())


app = typer.Typer(
    name="batch-emotion",
    cls=_Commands,
    help="Batch facial emotion recognition: a folder of faces in, one row per image out.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing unless something is wrong.")]


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"batch-emotion {__version__}")
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Batch facial emotion recognition: a folder of faces in, one row per image out."""


class Command(TyperCommand):
    """A command whose help has a section for each heading, and that blames a bad value on where it stands."""

    def invoke(self, ctx: Any) -> Any:
        """Call the function; from here on a signal interrupts."""
        accept_signals()
        return super().invoke(ctx)

    def make_context(self, *arguments: Any, **settings: Any) -> Any:
        """Parse; a bad environment variable is named, and so is a path of this machine that is given as a URI."""
        try:
            context = super().make_context(*arguments, **settings)
        except typer.BadParameter as error:
            error.message = _mistake(error)
            variable = self._variable_of(error.param, arguments[1])
            if variable is None:
                raise
            raise UsageError(f"{variable}: {' '.join(error.message.split())}") from None
        for parameter in self.params:
            value = context.params.get(parameter.name or "")
            for path in value if isinstance(value, list | tuple) else [value]:
                if isinstance(path, Path) and re.match(r"[A-Za-z][A-Za-z0-9+.-]+:/[^/]", path.as_posix()):
                    name = parameter.opts[0] if parameter.opts[0].startswith("-") else parameter.opts[0].upper()
                    raise UsageError(f"{name} must be a path on this machine, without a scheme, not {path.as_posix()}")
        return context

    def _variable_of(self, parameter: Any, arguments: Sequence[str]) -> str | None:
        """The environment variable that a parameter has its value from; None where the command line gives it."""
        prefix = self.context_settings.get("auto_envvar_prefix")
        if prefix is None or parameter is None:
            return None
        names = {*parameter.opts, *parameter.secondary_opts}
        variable = f"{prefix}_{parameter.name.upper()}"
        is_given = any(argument.partition("=")[0] in names for argument in arguments)
        return None if is_given or variable not in os.environ else variable

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """The words of the usage line; an argument that must be given is its name alone."""
        return [re.sub(r"^\{(.*)\}(\.\.\.)?$", r"\1", piece) for piece in super().collect_usage_pieces(ctx)]

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the arguments, and the options under their headings, in as few words as say what to type."""
        for heading, parameters in sections(self.get_params(ctx)).items():
            records = [_shortened(record, each) for each in parameters if (record := each.get_help_record(ctx))]
            if records:
                with formatter.section(heading):
                    formatter.write_dl(records)


_KINDS = {"int": "a whole number", "float": "a number", "bool": "true or false"}


def _mistake(error: typer.BadParameter) -> str:
    """What is wrong with a value, which typer leaves to pydantic to find out; a number that is none is named."""
    found: list[Any] = getattr(error.__cause__, "errors", list)()
    kind = found[0]["type"].partition("_")[0] if found else ""
    if kind in _KINDS:
        return f"must be {_KINDS[kind]}, not {found[0]['input']!r}"
    return error.message.removeprefix("Value error, ")


def _shortened(record: tuple[str, str], parameter: Any) -> tuple[str, str]:
    """A help record without ``--no-faces`` where that is the default anyway, or without the type of an argument."""
    names, text = record
    if parameter.param_type_name == "argument":
        return re.sub(r" <[^>]*>$", "", names), text
    if parameter.default is True:
        return names, re.sub(r"  \[default: [\w-]+\]$", "  [default: yes]", text)
    return re.sub(r"^((?:-\w, )?--([\w-]+)) / --no-\2", r"\1", names), text


class RecordedCommand(Command):
    """A command whose run is recorded: a signal waits until there is a record that tells of it."""

    def invoke(self, ctx: Any) -> Any:
        """Call the function, which calls ``accept_signals``."""
        return TyperCommand.invoke(self, ctx)


def command(name: str | None = None, cls: type[Command] = Command, **settings: Any) -> Callable[[Any], Any]:
    """Register a command of the application."""
    return app.command(name, cls=cls, **settings)


def show(line: str) -> None:
    """Print what is on disk as well, so that it is no failure where it cannot be printed."""
    try:
        typer.echo(printable_lines(line))
    except BatchEmotionError as error:
        LOG.warning(str(error))


def command_again(*without: str) -> str:
    """The command line of this process, for a shell, without the options that only mattered this time."""
    return shlex.join(["batch-emotion", *(argument for argument in sys.argv[1:] if argument not in without)])


def line_printer(quiet: bool) -> Callable[[str], None]:
    """What prints a line on standard error, or where quiet is asked for, nothing but an alarm, as a warning."""

    def warn(line: str) -> None:
        if line.startswith(ALARM):
            LOG.warning(" ".join(line.split()))

    return warn if quiet else (lambda line: typer.echo(printable_lines(spelled(line)), err=True))
