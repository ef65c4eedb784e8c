"""Runs of which not one image is there."""

from __future__ import annotations

import io
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from batch_emotion import PredictOptions, predict
from batch_emotion.cli import main
from batch_emotion.errors import ExitCode
from batch_emotion.options.images import SourceOptions
from batch_emotion.options.runs import UpdateOptions
from batch_emotion.results.reader import read_result


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    (tmp_path / "m.csv").write_text("path\nhappy/1.png\nsad/2.png\n")
    return tmp_path / "m.csv"


@pytest.mark.parametrize("name", ["r.parquet", "r.csv", "r"])
def test_a_run_without_one_image_fails_with_a_line_about_the_root_and_its_result(
    manifest: Path, tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / name
    for _ in range(2):  # the second has nothing to do
        assert main(["predict", str(manifest), "--out", str(out), "--quiet"]) == 1
        line = f"all 2 images are missing, the first at {tmp_path}/happy/1.png: correct --root, .* --overwrite$"
        assert re.fullmatch(f"batch-emotion: error: {line[:-1]}\n", capsys.readouterr().err)
        last_run = json.loads((tmp_path / f"{name}.run.json").read_text())["last_run"]
        assert last_run["exit_code"] == 1
        assert re.search(line, last_run["error"])
    assert read_result(out)["status"].to_pylist() == ["missing", "missing"]
    assert not (tmp_path / f"{name}.work").exists()


def test_the_right_root_mends_it(manifest: Path, faces: Path, tmp_path: Path) -> None:
    names = [path.relative_to(faces) for path in sorted(faces.rglob("*.png"))[:2]]
    manifest.write_text("path\n" + "".join(f"{name}\n" for name in names))
    options = PredictOptions((str(manifest),), tmp_path / "r.csv")
    assert predict(options).exit_code == ExitCode.FAILED
    mended = predict(replace(options, source=SourceOptions(root=faces), overwrite=True))
    assert (mended.exit_code, mended.complaints) == (ExitCode.OK, ())


def test_one_image_is_enough(manifest: Path, faces: Path, tmp_path: Path) -> None:
    manifest.write_text(f"path\nmissing.png\n{next(faces.rglob('*.png'))}\n")
    assert predict(PredictOptions((str(manifest),), tmp_path / "r.csv")).exit_code == ExitCode.OK
    (tmp_path / "bad.png").write_bytes(b"bad")
    manifest.write_text("path\nmissing.png\nbad.png\n")
    assert predict(PredictOptions((str(manifest),), tmp_path / "s.csv")).exit_code == ExitCode.OK


def test_no_rows_are_no_failure(manifest: Path, tmp_path: Path) -> None:
    manifest.write_text("path\n")
    assert predict(PredictOptions((str(manifest),), tmp_path / "r.csv")).exit_code == ExitCode.OK


def test_an_update_of_an_unmounted_disk_fails_until_it_is_mounted(faces: Path, tmp_path: Path) -> None:
    tonight = [str(path) for path in sorted(faces.rglob("*.png"))[:3]]
    manifest, out = tmp_path / "m.csv", tmp_path / "r.parquet"
    options = PredictOptions((str(manifest),), out)
    options = replace(options, update=UpdateOptions())
    manifest.write_text("path\n" + "\n".join(tonight))
    assert predict(options).exit_code == ExitCode.OK
    unmounted = [f"/nowhere{path}" for path in tonight]
    for paths in (unmounted, unmounted, [*reversed(unmounted)], unmounted[:2]):
        manifest.write_text("path\n" + "\n".join(paths))
        found = predict(options)
        assert found.exit_code == ExitCode.FAILED
        assert found.complaints[0].endswith("and run again")
    manifest.write_text("path\n" + "\n".join(tonight))
    assert predict(options).exit_code == ExitCode.OK


def test_a_list_and_rows_in_memory_are_held_to_it_too() -> None:
    listed = SourceOptions(stdin=io.BytesIO(b"nowhere.png\n"))
    found = predict(PredictOptions(("-",), source=listed))
    assert found.exit_code == ExitCode.FAILED
    assert "`root`" in found.complaints[0]
    assert found.table is not None
    assert found.table["status"].to_pylist() == ["missing"]
