"""``explain``: where in images the model looks, a line for each."""

from __future__ import annotations

import typer

from batch_emotion.cli.app import command, show
from batch_emotion.cli.options import given_keys, takes
from batch_emotion.options.declared import leaves, values
from batch_emotion.options.explain import ExplainOptions
from batch_emotion.options.images import FaceOptions
from batch_emotion.storage.escaping import printable


@command()
@takes(ExplainOptions)
def explain(options: ExplainOptions, context: typer.Context) -> None:
    """Show where in an image the model looks (Grad-CAM): one picture per image."""
    from batch_emotion.commands.explain import explain as run_explain
    from batch_emotion.runs.needs import changed_keys, check_needs

    given = given_keys(context, values(options)) & {leaf.key for leaf in leaves(FaceOptions)}
    check_needs(options, changed_keys(options) | given)
    for each in run_explain(options):
        if each.picture is None:
            typer.echo(printable(f"{each.path} is {each.status}: {each.error}"), err=True)
        else:
            show(printable(f"{each.path}: {each.emotion} ({each.confidence:.1%}), {each.picture}"))
