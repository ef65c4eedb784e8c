"""Checksums of the planned files, by which an update tells what was changed whatever the clock says."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa

from batch_emotion.plan import Plan, even_slices
from batch_emotion.records import CHECKSUM
from batch_emotion.sources.plan_table import stored_images
from batch_emotion.storage.reading import read_file


def with_checksums(plan: Plan, max_bytes: int, folder: Path | None = None) -> Plan:
    """Read every file and add the hex sha256 of its content to the plan, in a column ``sha256``.

    It is null for a file that has no content, cannot be read, or is larger than ``max_bytes``.

    Args:
        plan: the images.
        max_bytes: what is read of a file.
        folder: where a long plan is kept on disk; that for temporary files where None.
    """

    def digest(location: str) -> str | None:
        data = read_file(location, max_bytes).data
        return hashlib.sha256(data).hexdigest() if data else None

    def digested() -> Iterator[pa.Table]:
        with ThreadPoolExecutor() as threads:
            for rows in even_slices(plan.images):
                digests = pa.array(threads.map(digest, rows["location"].to_pylist()), pa.string())
                yield rows.append_column(CHECKSUM, [digests])

    images = stored_images(digested(), plan.images.schema.append(pa.field(CHECKSUM, pa.string())), folder)
    return Plan(images.kept.table, plan.attributes, plan.left_out, images)
