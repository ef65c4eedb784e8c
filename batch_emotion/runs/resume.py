"""What is to be done for an output: nothing, all of it, or what an earlier run left."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

import pyarrow as pa

from batch_emotion.errors import OutputMismatch
from batch_emotion.model.bundle import Bundle
from batch_emotion.plan import Plan
from batch_emotion.records import CHECKSUM
from batch_emotion.results.fingerprint import Fingerprint
from batch_emotion.results.reader import read_result
from batch_emotion.results.run_document import ResultRecord, read_run, run_file
from batch_emotion.results.schema import result_schema
from batch_emotion.results.summary import Summary
from batch_emotion.results.update import UpdateCounts, UpdateOptions, compare, merged
from batch_emotion.results.workspace import Workspace
from batch_emotion.results.writer import check_target, output_digest
from batch_emotion.storage.part_folders import is_unfinished
from batch_emotion.storage.places import Place

if TYPE_CHECKING:
    from batch_emotion.scoring import Scorer, ScorerSpec

_LOG = logging.getLogger("batch_emotion")


@dataclass(frozen=True)
class Prepared:
    """All that decides a result.

    Attributes:
        plan: the images.
        bundle: the model.
        fingerprint: what is compared with other runs.
        spec: how the images are scored.
    """

    plan: Plan
    bundle: Bundle
    fingerprint: Fingerprint
    spec: ScorerSpec

    def open_scorer(self, summary: Summary) -> Scorer:
        """Load the model in this process, and note in a summary what runs it."""
        scorer = self.spec.open(summary.profile, self.bundle)
        summary.runtime, summary.threads = scorer.runtime.name, scorer.threads
        return scorer

    @property
    def schema(self) -> pa.Schema:
        """The result's columns."""
        return self._schema(self.plan.attributes.schema)

    @property
    def own_schema(self) -> pa.Schema:
        """The result's columns without the manifest's."""
        return self._schema(None)

    def _schema(self, attributes: pa.Schema | None) -> pa.Schema:
        checksum, faces = CHECKSUM in self.plan.images.column_names, self.fingerprint.detector is not None
        return result_schema(self.bundle.card.class_names, attributes, checksum, faces=faces)


@dataclass(frozen=True)
class Work:
    """What has to be scored, and how its parts become the result."""

    plan: Plan
    rows: Callable[[Iterable[pa.Table]], Iterable[pa.Table]]
    counts: UpdateCounts | None = None


@dataclass(frozen=True)
class Finished:
    """An output that is there already: its part ``result`` of ``run.json``, and its counts."""

    told: ResultRecord
    summary: Summary


def make_anew(out: Place, overwrite: bool, prepared: Prepared, workspace: Workspace) -> Work | Finished:
    """Score the whole plan, or the rest of it where an unfinished run has the same one.

    Raises:
        OutputMismatch: another run's output or parts are in the way, and ``overwrite`` is not given.
    """
    if not workspace.is_there and out.exists() and not overwrite:
        return _finished(out, prepared.fingerprint)
    check_target(out)
    workspace.open(prepared.fingerprint, prepared.plan, overwrite)
    return Work(prepared.plan, lambda parts: parts)


def _finished(out: Place, fingerprint: Fingerprint) -> Finished:
    """The finished output, where it is the one that this run would make."""
    told = read_run(out).get("result")
    if not told:
        raise OutputMismatch(
            f"{out} is there already, and no {run_file(out).name} says that a run made it; "
            "give --overwrite to replace it"
        )
    differing = fingerprint.differences(told["fingerprint"])
    if differing:
        raise OutputMismatch(
            f"{out} is there already and differs in {'; '.join(differing)}; give --update to bring it up to date or "
            "--overwrite to replace it"
        )
    if output_digest(out) != told["sha256"]:
        raise OutputMismatch(f"{out} was changed after it was written; give --overwrite to make it anew")
    return Finished(told, Summary.from_counts(told["counts"]))


def bring_up_to_date(out: Place, options: UpdateOptions, prepared: Prepared, workspace: Workspace) -> Work | Finished:
    """Score what has no row yet in the output or in the parts of an unfinished run.

    Raises:
        OutputMismatch: rows cannot be kept, or too many images vanished.
    """
    check_target(out)
    plan, fingerprint, class_names = prepared.plan, prepared.fingerprint, prepared.bundle.card.class_names
    told = _attested(out, workspace)
    if told and not fingerprint.differences(told["fingerprint"]):
        summary = Summary.from_counts(told["counts"])
        vanished = told["counts"].get("vanished", 0)
        if not (options.retry_failures and summary.failures) and not (options.prune and vanished):
            summary.update = UpdateCounts(unchanged=len(plan), vanished=vanished)
            return Finished(told, summary)
    leftovers = workspace.adopt(fingerprint)
    comparison = compare(
        plan,
        prepared.own_schema,
        read_result(out) if told else prepared.schema.empty_table(),
        leftovers.tables,
        leftovers.suspects,
        options,
        same_model=not told or fingerprint.scores_like(told["fingerprint"]),
    )
    todo = plan.take(comparison.todo)
    workspace.restart(replace(fingerprint, plan=todo.digest, images=len(todo)), todo, comparison.suspects)
    _LOG.info("compared", extra={"fields": asdict(comparison.counts)})
    return Work(
        todo,
        lambda parts: merged(
            plan, comparison, parts, prepared.schema, class_names, fingerprint.min_confidence, fingerprint.shard_size
        ),
        comparison.counts,
    )


def _attested(out: Place, workspace: Workspace) -> ResultRecord | None:
    """What made the output that is there, as its run recorded it; None where there is none."""
    if not out.exists() or (workspace.is_there and is_unfinished(out)):
        return None
    digest = output_digest(out)
    for told in (read_run(out).get("result"), workspace.announced):
        if told and told.get("sha256") == digest:
            return told
    raise OutputMismatch(
        f"{out} was changed after it was written, or has lost its {run_file(out).name}, and its rows cannot be kept; "
        "give --overwrite to make it anew"
    )
