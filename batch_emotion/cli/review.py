"""``review``: a page that takes a person's labels."""

from __future__ import annotations

import typer

from batch_emotion.cli.app import Quiet, command, line_printer
from batch_emotion.cli.options import takes
from batch_emotion.options.review import ReviewOptions


@command()
@takes(ReviewOptions)
def review(options: ReviewOptions, quiet: Quiet = False) -> None:
    """Make a page of the images that teach most, on which keys label them; it saves a manifest for train."""
    from batch_emotion.commands.review import review as run_review

    made = run_review(options, line_printer(quiet))
    if not quiet:
        typer.echo(f"{len(made.sample.chosen)} images; open {made.page} in a browser", err=True)
