"""The text of a label, cleaned in one way wherever labels are read."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from batch_emotion.errors import SourceError


def clean_labels(labels: pa.Array | pa.ChunkedArray, column: str = "label") -> pa.Array:
    """Labels as strings without white space around them, lower case; null where there is no label or an empty one.

    Raises:
        SourceError: ``column`` is of a type that has no text, such as lists.
    """
    try:
        texts = pc.utf8_lower(pc.utf8_trim_whitespace(pc.cast(labels, pa.string())))
    except pa.ArrowException:
        raise SourceError(f"the column {column!r} holds {labels.type}; labels must be text or numbers") from None
    texts = pc.if_else(pc.equal(texts, ""), pa.scalar(None, pa.string()), texts)
    return texts.combine_chunks() if isinstance(texts, pa.ChunkedArray) else texts
