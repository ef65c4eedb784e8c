from pathlib import Path

import numpy as np
import pytest

from batch_emotion.cli import main
from tests.support.made_results import result_table, write


@pytest.mark.parametrize("command", ["evaluate", "report", "review"])
@pytest.mark.parametrize("quiet", [True, False])
def test_labels_that_are_left_out_are_told_of_once_even_where_quiet_is_asked_for(
    command: str, quiet: bool, faces: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    images = sorted((faces / "sad").glob("*.png"))[:3]
    result = write(result_table([str(image) for image in images], np.eye(3)), tmp_path / "r.parquet")
    cells = zip(images, ["sad", "hapy", "angry"], strict=True)
    (tmp_path / "l.csv").write_text("path,label\n" + "".join(f"{image},{label}\n" for image, label in cells))
    out = tmp_path / ("out.html" if command == "report" else "out")
    arguments = [command, str(result), "--labels", str(tmp_path / "l.csv"), "--out", str(out)]
    assert main([*arguments, *(["-q"] if quiet else [])]) == 0
    told = capsys.readouterr()
    assert (told.out + told.err).count("LEFT OUT: 1 of 3 labelled images") == 1
    if quiet:
        assert told.out == ""
        assert told.err.startswith("batch-emotion: warning: LEFT OUT")
        assert told.err.count("\n") == 1
