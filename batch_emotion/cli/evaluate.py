"""``evaluate``: how good a model is, as a table on the terminal."""

from __future__ import annotations

import typer

from batch_emotion.cli.app import Quiet, command, line_printer, show
from batch_emotion.cli.console import ProgressBar
from batch_emotion.cli.options import takes
from batch_emotion.options.evaluate import EvaluateOptions


@command()
@takes(EvaluateOptions)
def evaluate(options: EvaluateOptions, quiet: Quiet = False) -> None:
    """Measure how good a model is: scores with intervals, charts and a page."""
    from batch_emotion.commands.evaluate import evaluate as run_evaluate
    from batch_emotion.evaluation.document import left_out_alarm
    from batch_emotion.evaluation.table import evaluation_table

    say = line_printer(quiet)
    with ProgressBar(quiet) as bar:
        result = run_evaluate(options, say, bar)
    if quiet:
        say(left_out_alarm(result.evaluation))  # which the table begins with
    else:
        show(evaluation_table(result.evaluation))
        typer.echo(f"Written to {options.out}", err=True)
