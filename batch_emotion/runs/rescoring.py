"""What an update scores anew though its images are as they were: why, and whether it may."""

from __future__ import annotations

from collections.abc import Sequence

from batch_emotion.errors import RescoreRefused
from batch_emotion.model.catalogue import version_of
from batch_emotion.options.runs import UpdateOptions
from batch_emotion.records import CHECKSUM
from batch_emotion.results.fingerprint import Fingerprint
from batch_emotion.results.run_document import ResultRecord
from batch_emotion.results.update import UpdateCounts
from batch_emotion.storage.places import Place


def with_version(record: ResultRecord) -> ResultRecord:
    """A result's record with the version of its model, which early results do not name."""
    fingerprint = record["fingerprint"]
    version = version_of(str(fingerprint.get("model")))
    return {**record, "fingerprint": {"model_version": version.number if version else None, **fingerprint}}


def why_rescored(
    fingerprint: Fingerprint, record: ResultRecord | None, columns: Sequence[str], options: UpdateOptions
) -> tuple[str, ...]:
    """What has changed so that images must be scored anew, in words; nothing where there is no earlier result.

    Args:
        fingerprint: what decides the new rows.
        record: what made the earlier ones.
        columns: those of the earlier result.
        options: how it is brought up to date.
    """
    if record is None:
        return ()
    reasons = fingerprint.why_scores_differ(record["fingerprint"])
    if options.checksum and CHECKSUM not in columns:
        reasons.append("checksum (the result has none)")
    return tuple(reasons)


def check_rescoring(
    out: Place, counts: UpdateCounts, record: ResultRecord, reasons: Sequence[str], options: UpdateOptions
) -> None:
    """Refuse to score more images anew than ``max_rescore`` allows.

    Args:
        out: the earlier result.
        counts: what the update would do.
        record: what made the earlier rows.
        reasons: as ``why_rescored`` gives them.
        options: how it is brought up to date.

    Raises:
        RescoreRefused: saying what has changed and how to go on.
    """
    images = record["counts"]["images"]
    if counts.rescored <= options.max_rescore * images:
        return
    before = version_of(str(record["fingerprint"].get("model")))
    other_model = before is not None and any(reason.startswith("the model") for reason in reasons)
    raise RescoreRefused(
        f"{out}: {counts.rescored} of {images} images would be scored anew, more than `max_rescore` "
        f"{options.max_rescore:g} allows, because of {'; '.join(reasons)}; give `max_rescore` 1 to go on, or go back "
        f"to what was used then{f', `model` {before},' if other_model else ''} to keep the rows"
    )
