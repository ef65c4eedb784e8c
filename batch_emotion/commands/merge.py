"""``merge``: the results of the tasks of one plan to one result."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pyarrow as pa

from batch_emotion.commands.output import result_told
from batch_emotion.commands.reporting import Reporter, ReportingOptions
from batch_emotion.errors import OutputMismatch, SourceError
from batch_emotion.plan import Task
from batch_emotion.results.parts import Fingerprint
from batch_emotion.results.schema import first_rows
from batch_emotion.results.sinks import check_target, write_result
from batch_emotion.results.stored import read_footer, read_result
from batch_emotion.results.summary import Summary
from batch_emotion.storage.commits import check_parent
from batch_emotion.storage.folders import restore_parts
from batch_emotion.storage.locks import hold_output
from batch_emotion.storage.remote import Place, RemotePath


@dataclass(frozen=True)
class MergeOptions:
    """What to join.

    Attributes:
        parts: the Parquet results of all tasks, in any order.
        out: ``.parquet``, ``.csv`` or a directory.
        overwrite: replace what is there.
        report: what is told of the run.
    """

    parts: tuple[Place, ...]
    out: Place
    overwrite: bool = False
    report: ReportingOptions = field(default_factory=ReportingOptions)


def merge(options: MergeOptions) -> Summary:
    """Join the results of tasks in the order of their plan; the result is the one that a single run would have made.

    Raises:
        SourceError: a part is missing, there twice, not whole, or made from another plan, model or options.
        OutputMismatch: something is there already.
    """
    options.report.check()
    check_parent(options.out)
    check_target(options.out)
    footers = {part: _footer(part) for part in options.parts}
    parts = _in_order({part: Fingerprint(**footer["fingerprint"]) for part, footer in footers.items()})
    fingerprint = replace(Fingerprint(**footers[parts[0]]["fingerprint"]), task_index=0, task_count=1)
    reporter = Reporter(options.out, options.report)
    summary = reporter.seen
    with reporter.telling_failures(), hold_output(options.out):
        restore_parts(options.out)
        if options.out.exists() and not options.overwrite:
            raise OutputMismatch(f"{options.out} is there already; give --overwrite to replace it")
        with summary.profile.timing("write"):
            first = read_result(parts[0])
            rows = summary.counting(_rows(parts, fingerprint, first.schema))
            footer = footers[parts[0]] | {"fingerprint": fingerprint.to_json()}
            sha256 = write_result(options.out, rows, first.schema, footer)
        reporter.finished(summary, "done", result_told(fingerprint, sha256, summary))
    return summary


def _footer(part: Place) -> dict[str, Any]:
    try:
        footer = read_footer(part)
    except (OSError, pa.ArrowException, IndexError) as error:
        if isinstance(part, RemotePath) and isinstance(error, OSError):
            raise SourceError(f"{part} cannot be read: {' '.join(str(error).split())}") from None
        footer = {"fingerprint": {}}
    if not footer["fingerprint"]:
        raise SourceError(
            f"{part} is not a Parquet result of predict; merge joins those of --task-index and --task-count"
        )
    return footer


def _in_order(fingerprints: dict[Place, Fingerprint]) -> list[Place]:
    """The parts in the order of their tasks, where each task is there once and all have the same plan."""
    reference, first = next(iter(fingerprints.items()))
    by_task: dict[int, Place] = {}
    for part, fingerprint in fingerprints.items():
        differing = replace(fingerprint, task_index=first.task_index).differences(first.as_dict())
        if differing:
            raise SourceError(f"{part} does not belong to {reference}: it differs in {'; '.join(differing)}")
        twice = by_task.setdefault(fingerprint.task_index, part)
        if twice != part:
            raise SourceError(f"{twice} and {part} are both of task {fingerprint.task_index}; give one of them")
    missing = [str(task) for task in range(first.task_count) if task not in by_task]
    if missing:
        raise SourceError(f"of {first.task_count} tasks these are missing: {', '.join(missing)}; give their parts too")
    return [by_task[task] for task in sorted(by_task)]


def _rows(parts: Sequence[Place], fingerprint: Fingerprint, schema: pa.Schema) -> Iterator[pa.Table]:
    for index, part in enumerate(parts):
        rows = read_result(part)
        images, has = len(Task(index, len(parts)).rows(fingerprint.images)), len(first_rows(rows))
        if rows.schema != schema or has < images:
            raise SourceError(
                f"{part} is not whole: it holds {len(rows)} rows of {images} images, and for {images - has} none; "
                "run its task again"
            )
        yield rows
