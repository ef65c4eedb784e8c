from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from batch_emotion.errors import SourceError
from batch_emotion.labels.results import FOLDERS, find_labels
from batch_emotion.results.reader import open_result
from tests.support.made_results import result_table, write


@pytest.mark.parametrize(
    ("paths", "labels"),
    [
        (["d/Happy/1.jpg", "d/neutral/2.jpg", "d/sad/3.jpg"], ["happy", "neutral", "sad"]),
        (["d/SAD/1.jpg", "d/Happy /2.jpg", "d/ANGRY/3.jpg"], ["sad", "happy", "angry"]),
        (["sad/happy/x/1.jpg", "sad/sad/y/2.jpg", "sad/neutral/x/3.jpg"], ["sad"] * 3),
        (["a/happy/x/1.jpg", "a/sad/y/2.jpg", "happy.jpg"], ["happy", "sad", None]),
    ],
)
def test_folders_are_read_at_the_level_that_names_most_classes(
    paths: list[str], labels: list[str | None], tmp_path: Path
) -> None:
    result = open_result(write(result_table(paths, np.eye(3)), tmp_path / "r.parquet"))
    found = find_labels(result, FOLDERS, tmp_path)
    assert found is not None
    assert [label for batch in result.batches(["path"]) for label in found.of(batch).to_pylist()] == labels


def test_a_manifest_of_labels_may_be_of_any_encoding_and_separator(tmp_path: Path) -> None:
    result = open_result(write(result_table(["ä.jpg", "b.jpg"], np.eye(3)[:2]), tmp_path / "r.parquet"))
    (tmp_path / "labels.csv").write_bytes("path|label\nä.jpg|Happy\nb.jpg|\n".encode("cp1252"))
    manifest = str(tmp_path / "labels.csv")
    found = find_labels(result, manifest, tmp_path, encoding="cp1252", delimiter="|")
    assert found is not None
    assert [label for batch in result.batches(["path"]) for label in found.of(batch).to_pylist()] == ["happy", None]
    with pytest.raises(SourceError, match="`encoding` cp1252"):
        find_labels(result, manifest, tmp_path)


def test_labels_that_are_none_are_refused(tmp_path: Path) -> None:
    result = open_result(write(result_table(["a.jpg"], np.eye(3)[:1]), tmp_path / "r.parquet"))
    pq.write_table(pa.table({"path": ["a.jpg"], "label": [["happy"]]}), tmp_path / "labels.parquet")
    with pytest.raises(SourceError, match="column 'label' holds list<"):
        find_labels(result, str(tmp_path / "labels.parquet"), tmp_path)
