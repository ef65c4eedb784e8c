"""Amazon's S3, by moto."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any


class Amazon:
    """S3 in this process."""

    address = ""

    def __init__(self) -> None:
        from moto.server import DomainDispatcherApplication, create_backend_app

        self._moto = DomainDispatcherApplication(create_backend_app)
        self._client: Any = None

    def __call__(self, request: dict[str, Any], start: Callable[..., Any]) -> Any:
        return self._moto(request, start)

    def understand(self, request: dict[str, Any], query: dict[str, str], path: str) -> tuple[str, str, bool]:
        key = path.lstrip("/").partition("/")[2]
        method = request["REQUEST_METHOD"]
        if method == "GET" and not key:
            return "list", query.get("prefix", ""), "continuation-token" in query
        does = {"GET": "read", "HEAD": "look", "DELETE": "delete"}.get(method, "write")
        return ("copy" if "HTTP_X_AMZ_COPY_SOURCE" in request else does), key, False

    def paged(self, request: dict[str, Any], page_size: int) -> None:
        from urllib.parse import parse_qsl, urlencode

        query = dict(parse_qsl(request["QUERY_STRING"], keep_blank_values=True)) | {"max-keys": str(page_size)}
        request["QUERY_STRING"] = urlencode(query)

    def environment(self, url: str) -> dict[str, str]:
        import boto3

        access = {"aws_access_key_id": "someone", "aws_secret_access_key": "secret", "region_name": "us-east-1"}
        self._client = self._client or boto3.client("s3", endpoint_url=url, **access)
        return {
            "AWS_ENDPOINT_URL": url,
            "AWS_ACCESS_KEY_ID": "someone",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def create(self, bucket: str) -> None:
        self._client.create_bucket(Bucket=bucket)

    def put(self, bucket: str, key: str, content: bytes) -> None:
        self._client.put_object(Bucket=bucket, Key=key, Body=content)

    def get(self, bucket: str, key: str) -> bytes:
        content: bytes = self._client.get_object(Bucket=bucket, Key=key)["Body"].read()
        return content

    def modified(self, bucket: str, key: str) -> int:
        written: datetime = self._client.head_object(Bucket=bucket, Key=key)["LastModified"]
        return int(written.timestamp())

    def keys(self, bucket: str, prefix: str) -> list[str]:
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        return [item["Key"] for page in pages for item in page.get("Contents", ())]

    def delete(self, bucket: str, key: str) -> None:
        self._client.delete_object(Bucket=bucket, Key=key)

    def close(self) -> None:
        if self._client is not None:
            self._client.close()
