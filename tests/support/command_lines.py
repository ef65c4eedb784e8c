"""Command lines as documents and jobs hold them, and the program's own parser to try them with."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

import typer

from batch_emotion.cli import app, main

ROOT = Path(__file__).parents[2]
JOBS = ROOT / "jobs"
PROGRAM = "batch-emotion"
COMMANDS = typer.main.get_command(app).commands  # type: ignore[attr-defined]


def command_lines(document: str) -> Iterator[list[str]]:
    """The words of every call of the program in a document's shell blocks, and of those in its running text."""
    yield from (words for block in re.findall(r"^```sh\n(.*?)^```", document, re.M | re.S) for words in _calls(block))
    text = re.sub(r"^```.*?^```", "", document, flags=re.M | re.S)
    yield from (words for span in re.findall(rf"`({PROGRAM} [^`\n]+)`", text) for words in _calls(span))


def _calls(script: str) -> Iterator[list[str]]:
    words = shlex.shlex(script.replace("\\\n", " "), posix=True, punctuation_chars="&|;\n")
    words.whitespace, words.whitespace_split, words.commenters = " \t", True, ""
    for is_between, command in groupby(words, lambda word: set(word) <= set("&|;\n")):
        call = list(command)
        named = [at for at, word in enumerate(call) if Path(word).name == PROGRAM]
        wrapped = [at for at in named if at + 1 < len(call) and call[at + 1] in COMMANDS]  # by env, runuser and others
        if not is_between and (named[:1] == [0] or wrapped):
            yield call[0 if named[0] == 0 else wrapped[0] :]


def parse(words: list[str]) -> None:
    """Show what ``run`` with a job file of ours would do; have the program parse any other command line.

    Raises:
        typer.BadParameter: the program does not know such a command line.
    """
    assert Path(words[0]).name == PROGRAM
    if words[1] == "run":
        assert Path(words[2]).name == "nightly.toml"
        assert main(["run", str(JOBS / "nightly.toml"), *words[3:], "--check"]) == 0
    else:
        COMMANDS[words[1]].make_context(words[1], words[2:])
