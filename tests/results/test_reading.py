import numpy as np
import pyarrow as pa
import pytest

from batch_emotion.errors import SourceError
from batch_emotion.results.reading import folder_labels, is_result, result_classes, result_probabilities


def _table(**more: list[object]) -> pa.Table:
    columns = {"status": ["ok", "missing"], "emotion": ["sad", None], "confidence": [0.7, None]}
    return pa.table(columns | {"p_happy": [0.3, None], "p_sad": [0.7, None]} | more)


def test_a_result_is_known_by_its_columns() -> None:
    assert is_result(_table())
    assert not is_result(pa.table({"label": ["sad"], "p_sad": [1.0]}))
    assert not is_result(_table().drop_columns(["p_sad"]))
    with_own = _table().add_column(0, "p_value", pa.array([1.0, 2.0]))
    assert result_classes(with_own) == ("happy", "sad")


def test_probabilities_come_from_numbers_and_from_text() -> None:
    for table in (_table(), _table(p_happy=["0.3", ""], p_sad=["0.7", ""])):
        found = result_probabilities(table, ("happy", "sad"))
        assert found.dtype == np.float32
        assert found[0] == pytest.approx([0.3, 0.7])
        assert np.isnan(found[1]).all()
    with pytest.raises(SourceError, match="p_sad"):
        result_probabilities(_table(p_sad=["much", ""]), ("happy", "sad"))


def test_labels_are_the_folders_of_the_level_that_names_classes() -> None:
    classes = ("happy", "sad")
    assert folder_labels(["d/Happy/1.jpg", "d/neutral/2.jpg", "d/sad/3.jpg"], classes) == ["happy", "neutral", "sad"]
    assert folder_labels(["sad/happy/x/1.jpg", "sad/sad/y/2.jpg", "sad/neutral/x/3.jpg"], classes) == ["sad"] * 3
    assert folder_labels(["a/happy/x/1.jpg", "a/sad/y/2.jpg", "happy.jpg"], classes) == ["happy", "sad", ""]
    assert folder_labels(["a.jpg", "b/c.jpg"], classes) == ["", ""]
