from datetime import datetime

import pyarrow as pa
import pytest

from batch_emotion.errors import SourceError, UsageError
from batch_emotion.labels.text import clean_labels, texts_of

NOT_UTF8 = pa.array([b"M\xfcller"]).view(pa.string())


def test_labels_are_stripped_and_lower_case_and_an_empty_one_is_none() -> None:
    cleaned = clean_labels(pa.array([" Happy\t", "SAD", "", "  ", None, "glÜcklich", "none", "null"]))
    assert cleaned.to_pylist() == ["happy", "sad", None, None, None, "glücklich", "none", "null"]


@pytest.mark.parametrize(
    ("labels", "texts"),
    [
        (pa.array([3, None], pa.int64()), ["3", None]),
        (pa.array([None, None]), [None, None]),
        (pa.array(["A", None, "A "]).dictionary_encode(), ["a", None, "a"]),
        (pa.chunked_array([["A"], [None, "b"]]), ["a", None, "b"]),
        (pa.chunked_array([], pa.string()), []),
    ],
)
def test_labels_of_any_type_become_texts(labels: pa.Array | pa.ChunkedArray, texts: list[str | None]) -> None:
    cleaned = clean_labels(labels)
    assert isinstance(cleaned, pa.Array)
    assert cleaned.to_pylist() == texts


def test_labels_that_have_no_text_are_refused() -> None:
    with pytest.raises(SourceError, match="'label' holds list<item: int64>; labels must be text or numbers"):
        clean_labels(pa.array([[1]]))
    with pytest.raises(SourceError, match="'label' holds text that is not UTF-8"):
        clean_labels(NOT_UTF8)


def test_what_groups_images_becomes_text_and_a_date_its_day() -> None:
    days = pa.chunked_array([[datetime(2026, 1, 2, 3, 4)], [None]])
    assert texts_of(days, "when", "group_by").to_pylist() == ["2026-01-02", None]
    assert texts_of(pa.chunked_array([[" a ", " ", ""]]), "who", "group_by").to_pylist() == ["a", None, None]
    lists, bytes_ = pa.chunked_array([[[1]]]), pa.chunked_array([NOT_UTF8])
    with pytest.raises(UsageError, match=r"`cluster`: the column 'who' holds list<.*>; name one of text"):
        texts_of(lists, "who", "cluster")
    with pytest.raises(UsageError, match="`cluster`: the column 'who' holds text that is not UTF-8"):
        texts_of(bytes_, "who", "cluster")
