"""The text of labels and of what groups images, cleaned in one way wherever they are read."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from batch_emotion.errors import SourceError, UsageError


def clean_labels(labels: pa.Array | pa.ChunkedArray, column: str = "label") -> pa.Array:
    """Labels as strings without white space around them, lower case; null where there is no label or an empty one.

    Accents are as they are typed (Unicode's form C), which the names of folders on macOS are not.

    Raises:
        SourceError: ``column`` is of a type that has no text, such as lists, or its text is not UTF-8.
    """
    try:
        texts = pc.cast(labels, pa.string())
    except pa.ArrowException:
        raise SourceError(f"the column {column!r} holds {labels.type}; labels must be text or numbers") from None
    try:
        texts.validate(full=True)
    except pa.ArrowException:
        raise SourceError(f"the column {column!r} holds text that is not UTF-8") from None
    texts = pc.utf8_lower(pc.utf8_trim_whitespace(pc.utf8_normalize(texts, "NFC")))
    return _without_empty(texts)


def texts_of(values: pa.ChunkedArray, column: str, option: str) -> pa.Array:
    """The values of a column that groups images, as text without white space around it; null where it is empty.

    Dates and times are cut to the day.

    Args:
        values: the column.
        column: its name.
        option: which option names it.

    Raises:
        UsageError: it is of a type that has no text, or its text is not UTF-8.
    """
    try:
        if pa.types.is_date(values.type) or pa.types.is_timestamp(values.type):
            return pc.strftime(values, "%Y-%m-%d").combine_chunks()
        texts = pc.cast(values, pa.string())
    except pa.ArrowException:
        raise UsageError(
            f"`{option}`: the column {column!r} holds {values.type}; name one of text, numbers or dates"
        ) from None
    try:
        texts.validate(full=True)
    except pa.ArrowException:
        raise UsageError(f"`{option}`: the column {column!r} holds text that is not UTF-8") from None
    return _without_empty(pc.utf8_trim_whitespace(texts))


def _without_empty(texts: pa.Array | pa.ChunkedArray) -> pa.Array:
    texts = pc.if_else(pc.equal(texts, ""), pa.scalar(None, pa.string()), texts)
    return texts.combine_chunks() if isinstance(texts, pa.ChunkedArray) else texts
