"""What is to be done for an output: nothing, all of it, or what an earlier run left."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from batch_emotion.errors import OutputMismatch
from batch_emotion.options.runs import UpdateOptions
from batch_emotion.plan import Plan
from batch_emotion.records import Status
from batch_emotion.results.class_prior import ClassPrior
from batch_emotion.results.fingerprint import Fingerprint
from batch_emotion.results.merging import Parts, merged
from batch_emotion.results.reader import StoredResult, open_result
from batch_emotion.results.run_document import ResultRecord, read_run, run_file, whole_record
from batch_emotion.results.summary import Summary
from batch_emotion.results.update import Comparison, UpdateCounts, compare, keep_types
from batch_emotion.results.workspace import Workspace
from batch_emotion.results.writer import check_target, output_digest
from batch_emotion.runs.job import Job
from batch_emotion.runs.rescoring import check_rescoring, why_rescored, with_version
from batch_emotion.sources.plan_table import part_of
from batch_emotion.storage.part_folders import is_unfinished
from batch_emotion.storage.places import Place
from batch_emotion.storage.spool import folder_beside

_LOG = logging.getLogger("batch_emotion")


@dataclass(frozen=True)
class Work:
    """What has to be scored, and how its parts become the result, in these columns."""

    plan: Plan
    schema: pa.Schema
    rows: Callable[[Parts], Iterable[pa.Table]]
    counts: UpdateCounts | None = None


@dataclass(frozen=True)
class Finished:
    """An output that is there already: its part ``result`` of ``run.json``, and its counts."""

    record: ResultRecord
    summary: Summary


def check_before(out: Place, workspace: Workspace) -> None:
    """Refuse what no run can replace, before there is a lock beside it.

    Raises:
        OutputMismatch: another kind of file or folder is in the way, and no run has left anything beside it.
    """
    if isinstance(out, Path) and out.exists() and not (workspace.is_there or read_run(out)):
        check_target(out)


def make_anew(out: Place, overwrite: bool, job: Job, workspace: Workspace) -> Work | Finished:
    """Score the whole plan, or the rest of it where an unfinished run has the same one.

    Raises:
        OutputMismatch: another run's output or parts are in the way, and ``overwrite`` is not given.
    """
    finished = made_before(out, overwrite, job, workspace)
    if finished is not None:
        return finished
    workspace.open(job.fingerprint, job.plan, overwrite)
    return Work(job.plan, job.schema, lambda parts: parts(0))


def made_before(out: Place, overwrite: bool, job: Job, workspace: Workspace) -> Finished | None:
    """The output where it is there as the job would make it, None where it is to be made; changes nothing.

    Raises:
        OutputMismatch: another run's output or parts are in the way, and ``overwrite`` is not given.
    """
    if not workspace.is_there and out.exists() and not overwrite:
        return _finished(out, job.fingerprint)
    check_target(out)
    if not overwrite:
        workspace.check(job.fingerprint)
    return None


def _finished(out: Place, fingerprint: Fingerprint) -> Finished:
    """The finished output, where it is the one that this run would make."""
    record = whole_record(read_run(out).get("result"))
    if not record:
        check_target(out)  # where something else is in the way, overwriting is no advice
        raise OutputMismatch(
            f"{out} is there already, and no {run_file(out).name} says that a run made it; "
            "give `overwrite` to replace it"
        )
    differing = fingerprint.differences(with_version(record)["fingerprint"])
    if differing:
        bring = "" if fingerprint.task.count > 1 else "`update` to bring it up to date or "
        raise OutputMismatch(
            f"{out} is there already and differs in {'; '.join(differing)}; give {bring}`overwrite` to replace it"
        )
    if output_digest(out) != record["sha256"]:
        raise OutputMismatch(f"{out} was changed after it was written; give `overwrite` to make it anew")
    return Finished(record, Summary.from_counts(record["counts"]))


def bring_up_to_date(out: Place, options: UpdateOptions, job: Job, workspace: Workspace) -> Work | Finished:
    """Score what has no row yet in the output or in the parts of an unfinished run.

    Raises:
        OutputMismatch: rows cannot be kept, or too many images vanished.
    """
    check_target(out)
    fingerprint, class_names = job.fingerprint, job.class_names
    record = attested(out, workspace)
    if record and not fingerprint.differences(record["fingerprint"]):
        summary = Summary.from_counts(record["counts"])
        vanished = record["counts"].get("vanished", 0)
        again = (options.retry_failures and summary.failures) or (options.prune and vanished)
        if not again and not _has_listed_again(out, job.plan, summary):
            summary.update = UpdateCounts(unchanged=len(job.plan), vanished=vanished)
            return Finished(record, summary)
    compared = compare_with(out, record, options, job, workspace)
    comparison, plan, schema = compared.comparison, compared.plan, compared.schema
    if record and not compared.was_allowed:
        check_rescoring(out, comparison.counts, record, compared.reasons, options)
    todo = part_of(plan, comparison.todo, folder_beside(out))
    workspace.restart(replace(fingerprint, plan=todo.digest, images=len(todo)), todo, comparison.suspects)
    _LOG.info("compared", extra={"fields": asdict(comparison.counts)})
    return Work(
        todo,
        schema,
        lambda parts: merged(
            plan, comparison, parts, schema, class_names, job.scorer.min_confidence, fingerprint.shard_size
        ),
        comparison.counts,
    )


def _has_listed_again(out: Place, plan: Plan, summary: Summary) -> bool:
    """Whether the plan knows the size of an image that was missing when the result was made."""
    if not summary.statuses[Status.MISSING] or plan.images["size"].null_count == len(plan):
        return False
    missing = [
        rows["path"].filter(pc.equal(rows["status"], Status.MISSING.value))
        for rows in open_result(out).batches(["path", "status"])
    ]
    listed = plan.images["path"].filter(pc.is_valid(plan.images["size"]))
    return bool(pc.any(pc.is_in(listed, value_set=pa.concat_arrays(missing))).as_py())


@dataclass(frozen=True)
class Compared:
    """A job held against the earlier result and what an unfinished run left.

    Attributes:
        comparison: what stays and what is to be scored.
        plan: the job's, its manifest columns of the types that the result has.
        schema: the new result's columns.
        reasons: why images that are as they were must be scored anew, in words.
        was_allowed: an unfinished run has begun to.
    """

    comparison: Comparison
    plan: Plan
    schema: pa.Schema
    reasons: tuple[str, ...]
    was_allowed: bool


def compare_with(
    out: Place, record: ResultRecord | None, options: UpdateOptions, job: Job, workspace: Workspace
) -> Compared:
    """Find what an update would do; changes nothing.

    Args:
        out: the output.
        record: what made it, None where there is none.
        options: what may stay.
        job: what decides the new rows.
        workspace: what an unfinished run left.

    Raises:
        OutputMismatch: rows cannot be kept, or too many images vanished.
    """
    fingerprint = job.fingerprint
    same_model = not record or fingerprint.scores_like(record["fingerprint"])
    earlier = open_result(out) if record else None
    columns = earlier.schema if earlier else job.schema
    result = _rows(earlier) if earlier else iter(())
    if record and same_model:
        result = ClassPrior.from_record(record["counts"].get("class_prior")).take_back(result)
    plan = replace(job.plan, attributes=keep_types(job.plan.attributes, columns))
    schema = replace(job, plan=plan).schema
    leftovers = workspace.leftovers(fingerprint)
    comparison = compare(
        plan,
        schema,
        result,
        leftovers.tables,
        leftovers.suspects,
        options,
        same_model=same_model,
        folder=folder_beside(out),
    )
    reasons = why_rescored(fingerprint, record, columns.names, options)
    return Compared(comparison, plan, schema, reasons, leftovers.is_like)


def _rows(result: StoredResult) -> Iterator[pa.Table]:
    return (pa.Table.from_batches([batch]) for batch in result.batches(result.schema.names))


def on_record(out: Place) -> tuple[ResultRecord | None, ResultRecord | None]:
    """What the latest run on an output recorded of its result, and what one that was killed announced."""
    return read_run(out).get("result"), Workspace(out).announced


def attested(out: Place, workspace: Workspace) -> ResultRecord | None:
    """What made the output that is there, as its run recorded it; None where there is none."""
    if not out.exists() or (workspace.is_there and is_unfinished(out)):
        return None
    digest = output_digest(out)
    for found in (read_run(out).get("result"), workspace.announced):
        if (record := whole_record(found)) and record["sha256"] == digest:
            return with_version(record)
    raise OutputMismatch(
        f"{out} was changed after it was written, or has lost its {run_file(out).name}, and its rows cannot be kept; "
        "give `overwrite` to make it anew"
    )
