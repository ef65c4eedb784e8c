"""The application that the commands are registered with, and what several of them share."""

from __future__ import annotations

import shlex
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from batch_emotion import __version__

if TYPE_CHECKING:
    from batch_emotion.storage.remote import Place

app = typer.Typer(
    name="batch-emotion",
    help="Batch facial emotion recognition: a folder of faces in, one row per image out.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

MODEL_HELP = "A bundled model's name, a bundle's folder, or a .keras or .h5 file (with --classes)."


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


def command_again(*without: str) -> str:
    """The command line of this process, for a shell, without the options that only mattered this time."""
    return shlex.join(["batch-emotion", *(argument for argument in sys.argv[1:] if argument not in without)])


def class_names_of(text: str) -> tuple[str, ...]:
    """The names in a list with commas, lower case."""
    return tuple(name.strip().lower() for name in text.split(","))


def root_of(text: str | None) -> Place | None:
    """The folder, here or on a store, that --root names."""
    from batch_emotion.storage.remote import place

    return None if text is None else place(text)
