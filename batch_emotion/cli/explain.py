"""``explain``: where in images the model looks, a line for each."""

from __future__ import annotations

import typer

from batch_emotion.cli.app import command, show
from batch_emotion.cli.options import takes
from batch_emotion.options.explain import ExplainOptions
from batch_emotion.storage.escaping import printable


@command()
@takes(ExplainOptions)
def explain(options: ExplainOptions) -> None:
    """Show where in an image the model looks (Grad-CAM): one picture per image."""
    from batch_emotion.commands.explain import explain as run_explain

    for each in run_explain(options):
        if each.picture is None:
            typer.echo(printable(f"{each.path} is {each.status}: {each.error}"), err=True)
        else:
            show(printable(f"{each.path}: {each.emotion} ({each.confidence:.1%}), {each.picture}"))
