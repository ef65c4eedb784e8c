import pyarrow as pa
import pytest

from batch_emotion.errors import SourceError
from batch_emotion.labels.text import clean_labels


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
