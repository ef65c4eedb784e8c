"""``predict``: its options from the command line or the environment, and its outcome as text."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import typer

from batch_emotion.cli.app import RecordedCommand, command
from batch_emotion.cli.console import ProgressBar, show_answers, show_marked, show_rows, show_summary
from batch_emotion.cli.logs import LOG, begin_log, run_id
from batch_emotion.cli.options import given_keys, takes
from batch_emotion.errors import ExitCode, UsageError
from batch_emotion.options.declared import values
from batch_emotion.options.predict import PredictOptions
from batch_emotion.options.runs import Caller, MessageOptions
from batch_emotion.signals import accept_signals

if TYPE_CHECKING:
    from batch_emotion.runs.predict_result import PredictResult

JOB_FILE = "job file"
"""In the context: the file that the options are read from."""

TO_BE_MADE = "folder to be made"
"""In the context of a dry run: the folder of the output, where a run would make it."""


class _FromEnvironment(RecordedCommand):
    """A command whose options may also come from ``BATCH_EMOTION_<OPTION>``; its help does not repeat that for each."""

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        settings["context_settings"] = (settings.get("context_settings") or {}) | {
            "auto_envvar_prefix": "BATCH_EMOTION"
        }
        super().__init__(*arguments, **settings)
        for option in self.params:
            vars(option).update(show_envvar=False)


@command(cls=_FromEnvironment)
@takes(PredictOptions, MessageOptions)
def predict(options: PredictOptions, messages: MessageOptions, context: typer.Context) -> None:
    """Score images: one row per image with its emotion, confidence and probabilities."""
    from batch_emotion.commands.predict import predict as run_predict
    from batch_emotion.runs.checks import check_options
    from batch_emotion.runs.destinations import check_log, check_writable

    to_be_made = context.meta.get(TO_BE_MADE)
    if messages.log_file is not None:
        check_log(messages.log_file, options, context.meta.get(JOB_FILE))
    begin_log(messages.log_format, messages.log_file, messages.quiet, messages.dry_run, to_be_made)
    given = given_keys(context, values(options))
    options = replace(options, caller=Caller(tuple(sys.argv), run_id(), given))
    if messages.dry_run:
        accept_signals()
        check_writable(options, messages.log_file, to_be_made)
        check_options(options, to_be_made)
        if options.report is not None:
            from batch_emotion.commands.report import check_page_target  # most runs make no page

            check_page_target(options.report, to_be_made)
        _show_what_would_be_done(options)
        return
    options = options if options.out is not None else _answered_here(options)
    has_text = messages.log_format == "text"
    with ProgressBar(messages.quiet or options.out is None or not has_text) as bar:
        result = run_predict(options, bar)
    if options.out is None:
        show = show_rows if result.summary.images == 1 else show_answers
        show(result.table.to_pylist())
    elif not messages.quiet and has_text:
        _show_few(options, result)
        show_summary(options, result)
    if not messages.quiet and has_text:
        show_marked(options, result)
    if options.report is not None and not messages.quiet and has_text:
        typer.echo(f"Report: {options.report}", err=True)
    log = LOG.error if result.exit_code is ExitCode.FAILED else LOG.warning
    for complaint in result.complaints:
        log(complaint)
    raise typer.Exit(int(result.exit_code))


def _answered_here(options: PredictOptions) -> PredictOptions:
    """The options of a run without an output, which finds faces where the images are photos.

    Raises:
        UsageError: the sources make no sense, or there are too many images for a terminal.
    """
    from batch_emotion.cli.answers import MOST_ANSWERED
    from batch_emotion.images.framing import are_crops
    from batch_emotion.options.images import FaceOptions
    from batch_emotion.runs.checks import check_options
    from batch_emotion.runs.job import list_images
    from batch_emotion.sources.planning import is_manifest

    if any(source == "-" or is_manifest(source, options.source) for source in options.sources):
        raise UsageError("--out is needed for a list or manifest of images; for example --out results.parquet")
    accept_signals()
    check_options(options)
    plan = list_images(options).plan
    if len(plan) > MOST_ANSWERED:
        raise UsageError(
            f"--out is needed for more than {MOST_ANSWERED} images, and there are {len(plan)}; for example "
            "--out results.parquet"
        )
    if options.faces is not None or are_crops(plan.images["location"].to_pylist(), options.limits):
        return options
    LOG.info("these are photos; looking for the faces in them")
    return replace(options, faces=FaceOptions())


def _show_few(options: PredictOptions, result: PredictResult) -> None:
    from batch_emotion.cli.answers import MOST_SHOWN
    from batch_emotion.results.reader import read_result

    if options.out is not None and result.outcome == "done" and 0 < result.summary.images <= MOST_SHOWN:
        show_answers(read_result(options.out).to_pylist(), err=True)


def _show_what_would_be_done(options: PredictOptions) -> None:
    """Print the plan, and what a run would make of it beside what is there.

    Raises:
        UsageError: the run would be refused.
    """
    from batch_emotion.cli.console import nothing_to_do, plan_line, preview_lines
    from batch_emotion.records import Profile
    from batch_emotion.results.workspace import Workspace
    from batch_emotion.runs.job import list_images, make_job
    from batch_emotion.runs.preview import preview_update
    from batch_emotion.runs.resume import made_before

    if options.out is None:
        typer.echo(plan_line(list_images(options).plan, options.shard_size))
        return
    job = make_job(options, Profile())
    typer.echo(plan_line(job.plan, options.shard_size))
    if options.update is None or options.overwrite:
        if made_before(options.out, options.overwrite, job, Workspace(options.out)):
            typer.echo(nothing_to_do(options.out))
        return
    preview = preview_update(options.out, options.update, job)
    typer.echo("\n".join(preview_lines(options.out, preview)))
    if preview.refusal:
        raise UsageError(preview.refusal)
