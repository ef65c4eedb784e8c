"""What an update would do, for ``--dry-run`` and ``--check``: nothing is scored and nothing is written."""

from __future__ import annotations

from dataclasses import dataclass, replace

from batch_emotion.errors import OutputMismatch
from batch_emotion.options.runs import UpdateOptions
from batch_emotion.results.update import UpdateCounts
from batch_emotion.results.workspace import Workspace
from batch_emotion.results.writer import check_target
from batch_emotion.runs.job import Job
from batch_emotion.runs.rescoring import check_rescoring
from batch_emotion.runs.resume import attested, compare_with
from batch_emotion.storage.places import Place


@dataclass(frozen=True)
class UpdatePreview:
    """What an update would do.

    Attributes:
        has_result: there is a result to bring up to date.
        counts: images by what would be done about them.
        reasons: why images that are as they were would be scored anew, in words.
        refusal: what the run would end with instead; empty where it would go on.
    """

    has_result: bool
    counts: UpdateCounts
    reasons: tuple[str, ...]
    refusal: str = ""

    @property
    def to_score(self) -> int:
        """Images that would be scored."""
        counts = self.counts
        return counts.new + counts.changed + counts.rescored + counts.retried - counts.reused


def preview_update(out: Place, options: UpdateOptions, job: Job) -> UpdatePreview:
    """Compare the images with the result that is there.

    Args:
        out: the output.
        options: how it is brought up to date.
        job: what decides the new rows.

    Raises:
        OutputMismatch: the output is not a result whose rows can be kept, or none of its images are there any more.
    """
    check_target(out)
    workspace = Workspace(out)
    record = attested(out, workspace)
    all_dropped = replace(options, prune=True, max_prune=1.0)
    try:
        compared, refusal = compare_with(out, record, options, job, workspace), ""
    except OutputMismatch as error:  # tell the counts too, where there are any
        compared, refusal = compare_with(out, record, all_dropped, job, workspace), str(error)
    counts = compared.comparison.counts
    if refusal and not options.prune:
        counts = replace(counts, vanished=counts.pruned, pruned=0)
    if record and not refusal and not compared.was_allowed:
        try:
            check_rescoring(out, counts, record, compared.reasons, options)
        except OutputMismatch as error:
            refusal = str(error)
    return UpdatePreview(record is not None, counts, compared.reasons if counts.rescored else (), refusal)
