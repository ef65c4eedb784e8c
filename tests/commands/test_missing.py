"""Runs of which not one image is there."""

from __future__ import annotations

import io
import json
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from batch_emotion import PredictOptions, predict
from batch_emotion.cli import main
from batch_emotion.errors import ExitCode
from batch_emotion.labels.training import read_labelled
from batch_emotion.model.architectures import ARCHITECTURES
from batch_emotion.options.images import Limits, ManifestOptions, SourceOptions
from batch_emotion.options.runs import UpdateOptions
from batch_emotion.options.train import LabelOptions
from batch_emotion.plan import Plan
from batch_emotion.results.reader import read_result
from batch_emotion.scoring import Scorer
from batch_emotion.training.decoding import decode_all


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


@pytest.fixture
def many(faces: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(faces / "sad", tmp_path / "many"))


def _vanishing(monkeypatch: pytest.MonkeyPatch, folder: Path, after: int, back: bool) -> None:
    """Have a folder vanish when so many images of a run are read, and come back before it ends."""
    score, gone = Scorer.score, folder.with_name("gone")

    def vanishing(self: Scorer, plan: Plan, *arguments: object) -> Iterator[pa.RecordBatch]:
        before = list(score(self, plan.slice(0, after), *arguments)) if after else []  # type: ignore[arg-type]
        folder.rename(gone)
        rest = list(score(self, plan.slice(after, len(plan)), *arguments))  # type: ignore[arg-type]
        if back:
            gone.rename(folder)
        yield from before + rest

    monkeypatch.setattr(Scorer, "score", vanishing)


@pytest.mark.parametrize("after", [0, 4])
@pytest.mark.parametrize("back", [False, True])
def test_images_that_vanish_after_the_listing_are_scored_the_next_night(
    many: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: int, back: bool
) -> None:
    out = tmp_path / ("r.csv" if back else "r.parquet")
    options = PredictOptions((str(many),), out, update=UpdateOptions(prune=True))
    with monkeypatch.context() as patch:
        _vanishing(patch, many, after, back)
        found = predict(options)
    statuses = {"missing": found.summary.images - after} | ({"ok": after} if after else {})
    assert found.summary.statuses == statuses
    assert found.exit_code == (ExitCode.OK if after and back else ExitCode.FAILED)
    if not back:
        assert found.complaints[0].startswith(f"{many} disappeared during the run, {statuses['missing']} images were")
        (tmp_path / "gone").rename(many)
    mended = predict(options)
    assert (mended.outcome, mended.exit_code, set(mended.summary.statuses)) == ("done", ExitCode.OK, {"ok"})
    assert mended.summary.update is not None
    assert mended.summary.update.changed == statuses["missing"]
    assert predict(options).outcome == "nothing to do"


def test_a_result_without_one_image_says_so_again_though_the_folder_is_back(
    many: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = PredictOptions((str(many),), tmp_path / "r.parquet")
    with monkeypatch.context() as patch:
        _vanishing(patch, many, 0, back=True)
        assert predict(options).complaints[0].endswith("and run again with `overwrite`")
    again = predict(options)
    assert (again.outcome, again.exit_code) == ("nothing to do", ExitCode.FAILED)
    assert predict(replace(options, overwrite=True)).exit_code == ExitCode.OK


def test_a_row_of_a_table_without_an_image_is_missing_for_good(faces: Path, tmp_path: Path) -> None:
    cells = pa.array([next(faces.rglob("*.png")).read_bytes(), None], pa.binary())
    pq.write_table(pa.table({"image": cells}), tmp_path / "t.parquet")
    options = PredictOptions((str(tmp_path / "t.parquet"),), tmp_path / "r.csv", update=UpdateOptions())
    assert predict(options).summary.statuses == {"ok": 1, "missing": 1}
    assert predict(options).outcome == "nothing to do"


def _write_labels(manifest: Path, faces: Path, change: Callable[[str], str] = str) -> list[str]:
    """A manifest of eight happy and eight sad images by their paths below ``faces``, changed; and these paths."""
    names = [f"{name}/{path.name}" for name in ("happy", "sad") for path in sorted((faces / name).iterdir())[:8]]
    manifest.write_text("path,label\n" + "".join(f"{change(name)},{name.split('/')[0]}\n" for name in names))
    return names


def _commands(manifest: Path, out: Path, result: Path) -> list[list[str]]:
    return [
        ["predict", str(manifest), "--out", f"{out}.parquet"],
        ["evaluate", str(manifest), "--out", str(out)],
        ["train", str(manifest), "--out", str(out)],
        ["evaluate", str(result), "--out", str(out), "--labels", str(manifest)],
        ["report", str(result), "--out", f"{out}.html"],
        ["review", str(result), "--out", str(out)],
    ]


def test_every_command_refuses_a_root_that_is_no_folder(
    faces: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _write_labels(tmp_path / "m.csv", faces)
    predict(PredictOptions((str(faces),), tmp_path / "r.parquet"))
    for command in _commands(tmp_path / "m.csv", tmp_path / "out", tmp_path / "r.parquet"):
        assert main([*command, "--root", str(tmp_path / "gone"), "--quiet"]) == 2
        assert f"--root: there is no folder {tmp_path}/gone" in capsys.readouterr().err


def test_evaluate_and_train_say_of_a_wrong_root_what_predict_says(
    faces: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _write_labels(tmp_path / "m.csv", faces)
    for command in _commands(tmp_path / "m.csv", tmp_path / "out", tmp_path / "r.parquet")[:3]:
        assert main([*command, "--quiet"]) == 1
        said = capsys.readouterr().err
        assert f"all 16 images are missing, the first at {tmp_path}/happy/" in said
        assert ": correct --root, where relative paths start, or mount what is not mounted, and run again" in said
        assert said.count("\n") == 1


@pytest.mark.parametrize(
    "change",
    [
        lambda name: name.replace("/", "\\"),
        lambda name: f"{name} ",
        lambda name: name.removesuffix(".png"),
        lambda name: name.replace(".png", ".PNG"),
        lambda name: name.replace(".png", ".jpg"),
        lambda name: name.replace("/", "\\").replace(".png", ".PNG"),
    ],
)
def test_a_file_whose_path_is_nearly_the_first_is_named(
    faces: Path, tmp_path: Path, change: Callable[[str], str]
) -> None:
    names = _write_labels(tmp_path / "m.csv", faces, change)
    found = predict(PredictOptions((str(tmp_path / "m.csv"),), source=SourceOptions(root=faces)))
    first = f"{faces}/{change(names[0])}".strip()
    wanted = f"all 16 images are missing, the first at {first}, but there is {faces}/{names[0]}: write the paths as"
    assert found.complaints[0].startswith(wanted)


def test_paths_that_start_in_the_working_directory_are_noticed(
    faces: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = _write_labels(tmp_path / "m.csv", faces)
    monkeypatch.chdir(faces)
    (complaint,) = predict(PredictOptions((str(tmp_path / "m.csv"),))).complaints
    assert f"{tmp_path}/{names[0]}, but there is {names[0]} from here: give `root` ., and run again" in complaint
    assert not predict(PredictOptions((str(tmp_path / "m.csv"),), source=SourceOptions(root=Path()))).complaints


def test_of_many_images_that_cannot_be_used_a_few_are_named_and_all_counted(faces: Path, tmp_path: Path) -> None:
    names = _write_labels(tmp_path / "m.csv", faces)
    (tmp_path / "bad.png").write_bytes(b"bad")
    others = [*(f"gone/{number}.png" for number in range(8)), f"{tmp_path}/bad.png"]
    with (tmp_path / "m.csv").open("a") as manifest:
        manifest.writelines(f"{path},sad\n" for path in others)
    source = ManifestOptions(root=faces)
    plan = read_labelled(tmp_path / "m.csv", None, LabelOptions(source)).plan
    decoded = decode_all([plan], ARCHITECTURES["seed-cnn"].spec, Limits(), tmp_path / "pixels")
    assert len(decoded.rows[0]) == len(names)
    lines = decoded.unusable_lines()
    assert lines[:5] == [f"unusable: gone/{number}.png: missing" for number in range(5)]
    assert lines[5:] == ["unusable: 9 images: 8 missing, 1 unsupported"]
