"""Whether what ``predict`` is asked for makes sense."""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from batch_emotion.errors import SourceError, UsageError
from batch_emotion.images.detectors import check_detector
from batch_emotion.options.images import AnnotateOptions
from batch_emotion.options.predict import PredictOptions
from batch_emotion.options.runs import EngineOptions, MonitoringOptions
from batch_emotion.packages import distribution
from batch_emotion.plan import Plan
from batch_emotion.records import Status
from batch_emotion.results.summary import Summary
from batch_emotion.results.workspace import Workspace
from batch_emotion.results.writer import output_kind
from batch_emotion.runs.annotate import check_annotated
from batch_emotion.runs.destinations import check_destinations
from batch_emotion.runs.needs import check_asked
from batch_emotion.sources.delimited import SEPARATORS
from batch_emotion.sources.missing import all_missing, check_root, is_gone
from batch_emotion.sources.workbooks import refuse_workbook
from batch_emotion.storage.commits import check_folder, check_parent, store_advice
from batch_emotion.storage.escaping import escape_name
from batch_emotion.storage.places import Place, is_uri
from batch_emotion.storage.remote import RemotePath
from batch_emotion.storage.targets import check_named, check_parquet


def _check_out_is_named(sources: Sequence[str]) -> None:
    """Refuse a last source that is not there and has the name of a result to be."""
    last = sources[-1] if len(sources) > 1 else ""
    if Path(last).suffix.lower() in (".parquet", *SEPARATORS) and not is_uri(last) and not os.path.lexists(last):
        name = escape_name(last)
        raise SourceError(f"no such file or directory: {name}; for the result give `out` {name}")


def check_options(options: PredictOptions, to_be_made: Path | None = None) -> None:
    """Refuse options that make no sense, before anything is read.

    Args:
        options: all of them.
        to_be_made: a folder that counts as there, with those above it.

    Raises:
        UsageError: naming the option.
    """
    if len(options.sources) == 1 and os.path.isfile(options.sources[0]):
        refuse_workbook(options.sources[0])  # before `path_column` is refused for want of a manifest
    check_asked(options, options.caller.given)
    if options.out is None:
        _check_out_is_named(options.sources)
    else:
        output_kind(options.out)
        check_parent(options.out, to_be_made)
        check_parquet(options.out)
        Workspace(options.out).check_own()
    check_root(options.source.root)
    if options.task is not None:
        if options.task.index >= options.task.count:
            raise UsageError(f"`task.index` must be from 0 to {options.task.count - 1}, one less than `task.count`")
        if options.update is not None:
            raise UsageError("`task.count` splits a run that makes a result anew; it does not go with `update`")
    _check_engine(options.engine, has_out=options.out is not None)
    if options.engine.name == "ray" and options.source.given is not None and options.source.given.files:
        raise UsageError("`engine.name` ray needs files: its workers cannot see images in the memory of this process")
    if options.faces is not None:
        check_detector(options.faces)
    if options.annotate is not None:
        _check_annotate(options.annotate, to_be_made)
    check_destinations(options)
    check_monitoring(options.monitoring, to_be_made)


def _check_engine(engine: EngineOptions, has_out: bool) -> None:
    if engine.name != "ray":
        return
    if not has_out:
        raise UsageError("`engine.name` ray needs `out`: its workers commit what they scored beside it")
    if find_spec("ray") is None:
        command = f'pip install "{distribution()}[ray]"'
        raise UsageError(f"`engine.name` ray needs Ray, which is not installed here: {command}")


def _check_annotate(options: AnnotateOptions, to_be_made: Path | None) -> None:
    folder = options.folder
    check_named(folder, "folder, such as marked", "annotate.folder")
    check_folder(folder.absolute().parent, "`annotate.folder`: ", to_be_made)
    check_annotated(folder)


def check_monitoring(options: MonitoringOptions, to_be_made: Path | None = None) -> None:
    """Refuse a baseline that is not there and metrics that nobody would collect.

    Args:
        options: what is recorded of a run.
        to_be_made: a folder that counts as there.

    Raises:
        UsageError: naming the option.
    """
    if options.baseline is not None and not _exists(options.baseline):
        raise UsageError(f"`baseline`: there is no {options.baseline}")
    if options.metrics_file is not None:
        if options.metrics_file.suffix != ".prom":
            raise UsageError(f"`metrics_file` must end in .prom, or it is not collected: {options.metrics_file}")
        check_folder(options.metrics_file.absolute().parent, "`metrics_file`: ", to_be_made)


def _exists(baseline: Place) -> bool:
    try:
        return baseline.exists()
    except OSError as error:
        if isinstance(baseline, RemotePath):
            raise UsageError(f"`baseline`: {store_advice(error, baseline)}") from None
        raise UsageError(f"`baseline`: {baseline} cannot be read: {error.strerror}; make it readable") from None


def too_many_failures(summary: Summary, allowed: int | None) -> str:
    """What is wrong where more images failed than are allowed; empty where they did not."""
    failures = summary.failures
    if allowed is None or failures <= allowed:
        return ""
    return f"{failures} {'failure is' if failures == 1 else 'failures are'} more than `max_failures` {allowed}"


def images_gone(plan: Plan, sources: Sequence[str], seen: Summary, made: Summary, *, updating: bool) -> str:
    """What to do where not one image of the plan is there, or none of a source; empty where neither is so.

    Args:
        plan: the images, of which there may be none.
        sources: what was listed.
        seen: the counts of those that this run looked for.
        made: the counts of the result, which may hold vanished images too.
        updating: whether the same command tries again as it is.
    """
    again = f"run again{'' if updating else ' with `overwrite`'}"
    missing = seen.statuses[Status.MISSING]
    gone = next((source for source in sources if missing and is_gone(source, plan)), None)
    if gone is not None:
        images = f"{missing:,} {'image was' if missing == 1 else 'images were'}"
        return f"{escape_name(gone)} disappeared during the run, {images} missing: bring or mount it back, and {again}"
    return all_missing(plan, again) if _are_all_missing(plan, seen, made, updating) else ""


def _are_all_missing(plan: Plan, seen: Summary, made: Summary, updating: bool) -> bool:
    listed = len(plan) - plan.images["size"].null_count
    carried = updating and listed > seen.images  # an update keeps the rows of listed images only if it read them once
    found = seen.images > seen.statuses[Status.MISSING] or carried
    return bool(len(plan)) and not found and made.statuses[Status.MISSING] >= len(plan)
