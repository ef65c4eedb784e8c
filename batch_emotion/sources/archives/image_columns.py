"""Which column of a table holds images, and what Hugging Face's data sets say of the others."""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa

from batch_emotion.columns import plain_type
from batch_emotion.errors import SourceError

_LIKELY = frozenset(("image", "img", "picture", "photo", "face", "jpg", "jpeg", "png", "webp"))
BYTES = "bytes"


def find_image_column(schema: pa.Schema, wanted: str | None, shown: str) -> str | None:
    """The column of images: the one that is wanted, else the only one of bytes, or the likeliest by its name.

    Args:
        schema: of the table.
        wanted: its name; found where None.
        shown: what the table is called in errors.

    Raises:
        SourceError: the wanted column is no column of bytes, or there are several and none is called like images.
    """
    candidates = [field.name for field in schema if _holds_bytes(field.type)]
    if wanted is not None:
        if wanted not in candidates:
            found = ", ".join(candidates) or "none"
            raise SourceError(f"{shown} has no column {wanted!r} of images (bytes); those of bytes: {found}")
        return wanted
    if not candidates:
        return None
    said = {name for name, feature in _features(schema).items() if feature.get("_type") == "Image"}
    named = [name for name in candidates if name.lower() in _LIKELY]
    for likely in (candidates, [name for name in candidates if name in said], named):
        if len(likely) == 1:
            return str(likely[0])
    raise SourceError(
        f"{shown} has several columns of bytes ({', '.join(candidates)}); `image_column` names the images"
    )


def leaf(schema: pa.Schema, column: str) -> str:
    """What of the column holds the bytes: itself, or the field of a struct."""
    return f"{column}.{BYTES}" if pa.types.is_struct(schema.field(column).type) else column


def has_paths(schema: pa.Schema, column: str) -> bool:
    """Whether a column of images is a struct that has their paths beside their bytes."""
    kind = schema.field(column).type
    return bool(pa.types.is_struct(kind) and kind.get_field_index("path") >= 0)


def name_classes(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """The columns with the names of classes where Hugging Face's metadata have them for numbers."""
    for name, feature in _features(schema).items():
        names = feature.get("names")
        if feature.get("_type") != "ClassLabel" or name not in table.column_names or not isinstance(names, list):
            continue
        numbers = table[name]
        if not pa.types.is_integer(numbers.type):
            continue
        known = pa.compute.and_(pa.compute.greater_equal(numbers, 0), pa.compute.less(numbers, len(names)))
        at = pa.compute.if_else(known, numbers, None)
        column = pa.chunked_array([pa.array(map(str, names), pa.string()).take(at.combine_chunks())], pa.string())
        table = table.set_column(table.column_names.index(name), name, column)
    return table


def _holds_bytes(kind: pa.DataType) -> bool:
    kind = plain_type(kind)
    if pa.types.is_struct(kind):
        number = kind.get_field_index(BYTES)
        return number >= 0 and _holds_bytes(kind.field(number).type)
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def _features(schema: pa.Schema) -> dict[str, dict[str, Any]]:
    try:
        features = json.loads((schema.metadata or {}).get(b"huggingface", b"{}"))["info"]["features"]
    except (ValueError, KeyError, TypeError):
        return {}
    return (
        {name: each for name, each in features.items() if isinstance(each, dict)} if isinstance(features, dict) else {}
    )
