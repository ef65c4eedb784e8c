"""What is no file on this machine has the same status on its own, as an archive and as a table."""

import os
from pathlib import Path

import pytest

from batch_emotion.options.images import SourceOptions
from batch_emotion.sources.planning import make_plan
from batch_emotion.storage.reading import read_file


@pytest.mark.parametrize("name", ["a.png", "a.tar", "a.tgz", "a.zip", "a.parquet"])
def test_what_is_no_file_is_told_by_its_kind_and_a_name_that_can_be_none_by_its_reason(
    tmp_path: Path, name: str
) -> None:
    os.mkfifo(tmp_path / name)
    options = SourceOptions(image_column="image")
    (location,) = make_plan([str(tmp_path / name)], options).images["location"].to_pylist()
    assert read_file(location, 100)[1:3] == ("not_a_file", "it is a FIFO")
    member = "" if name == "a.png" else "!/a.png"
    (tmp_path / "m.csv").write_text(f"path\n\\x00{name}{member}\n")
    (location,) = make_plan([str(tmp_path / "m.csv")], options).images["location"].to_pylist()
    assert read_file(location, 100)[1:3] == ("missing", "the path holds a NUL character")
