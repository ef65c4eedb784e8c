"""``report``: a page about a result."""

from __future__ import annotations

import typer

from batch_emotion.cli.app import Quiet, command, line_printer
from batch_emotion.cli.options import takes
from batch_emotion.options.report import ReportOptions


@command()
@takes(ReportOptions)
def report(options: ReportOptions, quiet: Quiet = False) -> None:
    """Make a page about a result: class mix, confidence, faces, failures, and scores where there are labels."""
    from batch_emotion.commands.report import report as run_report

    run_report(options, line_printer(quiet))
    if not quiet:
        typer.echo(f"Written to {options.out}", err=True)
