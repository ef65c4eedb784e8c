"""Places on object stores and other file systems that pyarrow opens, by URIs whose keys are taken as they are.

``FileSystem.from_uri`` would decode ``%``, refuse spaces and cut at ``#``; here only scheme and bucket are read.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

from batch_emotion.errors import UsageError

_URI = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://(.*)", re.DOTALL)
_SCHEMES = ("s3", "gs", "gcs", "abfs", "abfss", "hdfs")


@dataclass(frozen=True)
class RemotePath:
    """A file or folder on a store; what of ``pathlib.Path`` is of use there.

    Attributes:
        scheme: the store's kind, lower case.
        key: the bucket, a slash and the raw key, as pyarrow's file systems take it.
    """

    scheme: str
    key: str

    def __str__(self) -> str:
        return f"{self.scheme}://{self.key}"

    @property
    def bucket(self) -> str:
        """The first part of the key: a bucket, a container, or a host with its port."""
        return self.key.partition("/")[0]

    @property
    def name(self) -> str:
        """The last part of the key; empty for a bucket."""
        return self.key.rstrip("/").partition("/")[2].rpartition("/")[2]

    @property
    def suffix(self) -> str:
        """The extension with its dot, as ``pathlib`` has it."""
        return Path(self.name).suffix if self.name else ""

    @property
    def stem(self) -> str:
        """The name without its extension."""
        return Path(self.name).stem if self.name else ""

    @property
    def parent(self) -> RemotePath:
        """The folder it is in; a bucket is in itself."""
        return RemotePath(self.scheme, self.key.rstrip("/").rpartition("/")[0] or self.bucket)

    def with_name(self, name: str) -> RemotePath:
        """Another one in the same folder."""
        return self.parent / name

    def __truediv__(self, name: str) -> RemotePath:
        return RemotePath(self.scheme, f"{self.key.rstrip('/')}/{name}")

    @property
    def filesystem(self) -> Any:
        """The ``pyarrow.fs.FileSystem`` that opens the key."""
        return open_filesystem(self.scheme, self.bucket)


Place = Path | RemotePath
"""Where a file is: on this machine or on a store."""


def is_uri(text: str) -> bool:
    """Whether a path is written as a URI."""
    return _URI.match(text) is not None


def place(text: str) -> Place:
    """A path or a URI as the user wrote it; ``file://`` is this machine.

    Raises:
        UsageError: nothing is known that opens URIs of that scheme, or there is no bucket.
    """
    found = _URI.match(text)
    if not found:
        return Path(text)
    scheme, key = found[1].lower(), found[2]
    if scheme == "file":
        return Path(key)
    if scheme not in _SCHEMES:
        raise UsageError(f"cannot open {scheme}:// ({text}); known are: file, {', '.join(_SCHEMES)}")
    if not key.partition("/")[0]:
        raise UsageError(f"{text} names no bucket; write {scheme}://bucket/folder")
    return RemotePath(scheme, key)


@lru_cache
def open_filesystem(scheme: str, bucket: str) -> Any:
    """The ``pyarrow.fs.FileSystem`` of a store, one for each process; credentials are its own matter."""
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
    if scheme in ("gs", "gcs"):
        return fs.GcsFileSystem(retry_time_limit=timedelta(seconds=20))
    opened, _ = fs.FileSystem.from_uri(f"{scheme}://{bucket}/")
    return opened


def _region(bucket: str) -> str | None:
    """Where a bucket of Amazon's is, unless the environment says so, which the AWS SDK reads itself."""
    from pyarrow import fs

    if os.environ.get("AWS_DEFAULT_REGION") or os.environ.get("AWS_REGION"):
        return None
    try:
        return str(fs.resolve_s3_region(bucket))
    except OSError:
        return None  # that the bucket cannot be reached comes out where it is used
