"""The file systems of pyarrow that open the stores, one for each process; each finds credentials in its own way."""

from __future__ import annotations

import os
from functools import lru_cache
from typing import Any

from batch_emotion.storage.azure import open_azure
from batch_emotion.storage.google import open_google

GOOGLE = ("gs", "gcs")
BUCKETS = ("s3", *GOOGLE)
"""Stores that show an object only when it is whole."""

CONTAINERS = ("abfs", "abfss")
"""Azure's, which are only read: pyarrow empties a blob when writing begins, and fills it when that ends.

A copy from a temporary key is no way out: pyarrow asks for one that Azure may finish later, and the blob is empty until
then. Blobs it moves only in accounts with a hierarchical namespace.
"""


@lru_cache
def open_filesystem(scheme: str, bucket: str) -> Any:
    """The ``pyarrow.fs.FileSystem`` of a store, one for each process.

    Raises:
        UsageError: as ``open_azure``.
    """
    from pyarrow import fs

    if scheme == "s3":
        endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
        return fs.S3FileSystem(
            endpoint_override=endpoint,
            region=None if endpoint else _region(bucket),
            connect_timeout=5,
            request_timeout=20,
            retry_strategy=fs.AwsStandardS3RetryStrategy(max_attempts=5),
            allow_delayed_open=True,  # so that a small object is one request
        )
    if scheme in CONTAINERS:
        return open_azure(bucket)
    return open_google()


def _region(bucket: str) -> str | None:
    """Where a bucket of Amazon's is, unless the environment says so, which the AWS SDK reads itself."""
    from pyarrow import fs

    if os.environ.get("AWS_DEFAULT_REGION") or os.environ.get("AWS_REGION"):
        return None
    try:
        return str(fs.resolve_s3_region(bucket))
    except OSError:
        return None  # that the bucket cannot be reached comes out where it is used
