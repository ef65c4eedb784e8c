from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from batch_emotion.errors import UsageError
from batch_emotion.labels.groups import groups_of_images
from batch_emotion.labels.training import LabelledPlan, read_labelled
from batch_emotion.options.train import SplitOptions


def _data(tmp_path: Path) -> LabelledPlan:
    manifest = tmp_path / "m.csv"
    manifest.write_text("path,label,person\nann-1.jpg,a,1\nann-2.jpg,b, 1\nbob-1.jpg,a,2\nx.jpg,b,\ny.jpg,b,\n")
    return read_labelled(manifest, None)


def test_a_column_names_the_groups_and_an_empty_cell_is_a_group_of_its_own(tmp_path: Path) -> None:
    groups = groups_of_images(_data(tmp_path), SplitOptions(group_column="person"))
    assert groups is not None
    assert groups.names == ["1", "1", "2", None, None]
    assert (groups.count, groups.without) == (4, 2)
    assert len(set(groups.numbers[:2])) == 1


def test_a_column_without_texts_is_refused(tmp_path: Path) -> None:
    manifest = tmp_path / "m.parquet"
    pq.write_table(pa.table({"path": ["a.jpg", "b.jpg"], "label": ["a", "b"], "tags": [[1], [2]]}), manifest)
    with pytest.raises(UsageError, match=r"`group_column`: the column 'tags' holds list<.*>; name one of"):
        groups_of_images(read_labelled(manifest, None), SplitOptions(group_column="tags"))


def test_an_expression_names_them_by_its_first_group_or_by_all_that_it_finds(tmp_path: Path) -> None:
    for expression in (r"^([a-z]+)-", r"ann|bob"):
        groups = groups_of_images(_data(tmp_path), SplitOptions(group_regex=expression))
        assert groups is not None
        assert groups.names == ["ann", "ann", "bob", None, None]


def test_there_are_none_where_none_are_asked_for(tmp_path: Path) -> None:
    assert groups_of_images(_data(tmp_path), SplitOptions()) is None
