"""The text of a label, cleaned in one way wherever labels are read."""

from __future__ import annotations

from collections.abc import Iterable

import pyarrow as pa
import pyarrow.compute as pc

from batch_emotion.errors import SourceError


def clean_labels(labels: pa.Array | pa.ChunkedArray) -> pa.Array:
    """Labels as strings without white space around them, lower case; null where there is no label or an empty one.

    Raises:
        SourceError: they are of a type that has no text, such as lists.
    """
    try:
        texts = pc.utf8_lower(pc.utf8_trim_whitespace(pc.cast(labels, pa.string())))
    except pa.ArrowException:
        raise SourceError(f"the column 'label' holds {labels.type}; labels must be text") from None
    texts = pc.if_else(pc.equal(texts, ""), pa.scalar(None, pa.string()), texts)
    return texts.combine_chunks() if isinstance(texts, pa.ChunkedArray) else texts


def clean_names(names: Iterable[str | None]) -> list[str]:
    """As ``clean_labels``, of the names of folders or columns; empty where there is none."""
    return [name or "" for name in clean_labels(pa.array(list(names), pa.string())).to_pylist()]
