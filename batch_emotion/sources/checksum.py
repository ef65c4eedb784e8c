"""Checksums of the planned files, by which an update tells what was changed whatever the clock says."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor

import pyarrow as pa

from batch_emotion.plan import Plan
from batch_emotion.records import CHECKSUM
from batch_emotion.storage.reading import read_file


def with_checksums(plan: Plan, max_bytes: int) -> Plan:
    """Read every file and add the hex sha256 of its content to the plan, in a column ``sha256``.

    It is null for a file that has no content, cannot be read, or is larger than ``max_bytes``.
    """

    def digest(location: pa.StringScalar) -> str | None:
        data = read_file(location.as_py(), max_bytes).data
        return hashlib.sha256(data).hexdigest() if data else None

    with ThreadPoolExecutor() as threads:
        digests = pa.array(threads.map(digest, plan.images["location"]), pa.string())
    return Plan(plan.images.append_column(CHECKSUM, [digests]), plan.attributes, plan.left_out)
