from pathlib import Path

import numpy as np
import pytest

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
