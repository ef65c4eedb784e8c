"""The application that the commands are registered with, and what several of them share."""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from typer.core import TyperCommand

from batch_emotion._version import __version__
from batch_emotion.errors import UsageError

if TYPE_CHECKING:
    from batch_emotion.storage.places import Place

app = typer.Typer(
    name="batch-emotion",
    help="Batch facial emotion recognition: a folder of faces in, one row per image out.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

_NUMBER = r"(?:\d+\.?\d*|\.\d+)"

MODEL_HELP = "A bundled model's name, a bundle's folder, or a .keras or .h5 file (with --classes)."
Model = Annotated[str, typer.Option(help=MODEL_HELP)]
Classes = Annotated[
    str | None, typer.Option(help="The classes of a .keras or .h5 file, in the order of its outputs, with commas.")
]
TrustPickle = Annotated[bool, typer.Option("--trust-pickle", help="Load a pickled model, which can run any code.")]
DetectorName = Annotated[
    Literal["auto", "centerface", "yunet", "haar"],
    typer.Option(help="What finds faces; auto: YuNet where its model is given, else CenterFace."),
]
RuntimeName = Annotated[
    Literal["auto", "onnx", "tensorflow"],
    typer.Option(help="What runs the network; auto: ONNX Runtime on a CPU, TensorFlow on a GPU."),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing unless something is wrong.")]


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
    """A command that says so where a path of this machine is given as a URI, from which ``Path`` takes a slash."""

    def make_context(self, *arguments: Any, **settings: Any) -> Any:
        """Parse, and look at every path."""
        context = super().make_context(*arguments, **settings)
        for parameter in self.params:
            value = context.params.get(parameter.name or "")
            for path in value if isinstance(value, list | tuple) else [value]:
                if isinstance(path, Path) and re.match(r"[A-Za-z][A-Za-z0-9+.-]+:/[^/]", path.as_posix()):
                    name = parameter.opts[0] if parameter.opts[0].startswith("-") else parameter.opts[0].upper()
                    raise UsageError(f"{name} must be a path on this machine, without a scheme, not {path.as_posix()}")
        return context


def command(name: str | None = None, cls: type[Command] = Command, **settings: Any) -> Callable[[Any], Any]:
    """Register a command of the application."""
    return app.command(name, cls=cls, **settings)


def command_again(*without: str) -> str:
    """The command line of this process, for a shell, without the options that only mattered this time."""
    return shlex.join(["batch-emotion", *(argument for argument in sys.argv[1:] if argument not in without)])


def class_names_of(text: str) -> tuple[str, ...]:
    """The names in a list with commas, lower case."""
    return tuple(name.strip().lower() for name in text.split(","))


def root_of(text: str | None) -> Place | None:
    """The folder, here or on a store, that --root names."""
    from batch_emotion.storage.places import place

    return None if text is None else place(text)


def seconds_of(option: str, text: str) -> float:
    """The seconds of ``90``, ``45s``, ``90m``, ``2h``, ``1d`` or a sum of such as ``1h30m``."""
    units = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400}
    if not re.fullmatch(rf"\s*({_NUMBER}[smhd]\s*)+|\s*{_NUMBER}\s*", text):
        raise UsageError(f"{option} must be a time such as 2h, 90m, 1h30m or 45s, not {text!r}")
    return sum(float(number) * units[unit] for number, unit in re.findall(rf"({_NUMBER})([smhd]?)", text))
