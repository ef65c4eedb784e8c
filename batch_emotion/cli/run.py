"""``run``, which is ``predict`` with the options of a job file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from batch_emotion.cli.app import RecordedCommand, app, command
from batch_emotion.cli.options import kinds_of
from batch_emotion.cli.predict import JOB_FILE, TO_BE_MADE
from batch_emotion.errors import BundleError, SourceError, UsageError
from batch_emotion.options.predict import PredictOptions
from batch_emotion.options.runs import MessageOptions


@command("run", cls=RecordedCommand, context_settings={"ignore_unknown_options": True, "allow_extra_args": True})
def run_job(
    context: typer.Context,
    job: Annotated[
        Path,
        typer.Argument(metavar="JOB", help="A TOML file; its keys are the options of predict.", readable=False),
    ],
    check: Annotated[
        bool, typer.Option("--check", help="Show the options, where each comes from, and the plan; run nothing.")
    ] = False,
) -> None:
    """Run predict with the options of a job file.

    Any option of predict may follow JOB. The command line comes first, then the environment (BATCH_EMOTION_<OPTION>),
    then the file, then the default.
    """
    from batch_emotion.cli.jobfile import comes_from_file, dated_folder, job_context, option_lines

    predicting: Any = typer.main.get_command(app).commands["predict"]  # type: ignore[attr-defined]
    kinds = kinds_of(PredictOptions) | kinds_of(MessageOptions)
    scoring = job_context(predicting, kinds, job, context.args)
    with scoring:
        scoring.meta[JOB_FILE] = job
        if check:
            typer.echo("\n".join(option_lines(scoring, kinds, job)))
            scoring.params["dry_run"] = True
        folder = dated_folder(scoring, job)
        if folder is not None and scoring.params["dry_run"]:
            scoring.meta[TO_BE_MADE] = folder
        elif folder is not None:
            _make(folder, job)
        try:
            predicting.invoke(scoring)
        except (SourceError, BundleError) as error:
            key = "sources" if isinstance(error, SourceError) else "model"
            if not comes_from_file(scoring, key):
                raise
            raise type(error)(f"{job}: {key}: {error}") from None


def _make(folder: Path, job: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{job}: out: the folder {folder} cannot be made: {error.strerror}") from None
