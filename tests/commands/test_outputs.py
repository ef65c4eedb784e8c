"""What a command writes never takes the place of what it reads, of what else it writes, or of a stranger's files."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from batch_emotion import explain, export, predict, report, review, sample, train
from batch_emotion.cli import main
from batch_emotion.commands.evaluate import evaluate
from batch_emotion.commands.merge import merge
from batch_emotion.errors import OutputBusy, OutputMismatch, UsageError
from batch_emotion.model.bundle import models_folder
from batch_emotion.model.bundle_files import bundle_names
from batch_emotion.options.export import ExportOptions
from batch_emotion.options.merge import MergeOptions
from batch_emotion.storage.locks import lock_file, output_lock
from batch_emotion.storage.targets import check_replaceable
from batch_emotion.training.work_folder import open_work


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory, faces: Path) -> Path:
    return predict(faces, out=tmp_path_factory.mktemp("made") / "r.parquet").out


@pytest.fixture
def place(tmp_path: Path, faces: Path, result: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with images in ``faces``, their result in ``r.parquet``, and a stranger's folder."""
    shutil.copytree(faces, tmp_path / "faces")
    shutil.copy(result, tmp_path)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").touch()
    return tmp_path


def _content(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.suffix != ".lock"}


FEW: dict[str, Any] = {"epochs": 1, "overwrite": True}


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: train("faces", out="faces", **FEW), "`out` faces is itself read"),
        (lambda: train("faces", out="faces/model", **FEW), "`out` faces/model lies in faces"),
        (lambda: train("faces/happy", out="faces", **FEW), "`out` faces holds faces/happy"),
        (lambda: train("faces", out="mine", **FEW), r"holds other things \(thesis.txt, …\)"),
        (lambda: train("faces", out="v", validation="v", **FEW), "no|gone|not exist"),
        (lambda: train("mine", out="faces", validation="faces", **FEW), "`out` faces is itself read"),
        (lambda: train("faces", out="m", tensorboard="m/tb", **FEW), "`tensorboard` m/tb lies in `out` m"),
        (lambda: export(ExportOptions("emotion-7", "savedmodel", Path("mine"), overwrite=True)), "holds other things"),
        (lambda: report("r.parquet", out="mine/a.html", figures="mine"), "holds other things"),
        (lambda: report("r.parquet", out="c/a.html", figures="c"), "`out` c/a.html lies in `figures` c|does not exist"),
        (lambda: report("r.parquet", out="a.html", json="a.html"), "`out` and `json` are both a.html"),
        (lambda: report("r.parquet", out="a.html", figures="a.html"), "`out` and `figures` are both a.html"),
        (lambda: review("r.parquet", out="mine", overwrite=True), "holds other things"),
        (lambda: evaluate("faces", out="mine", overwrite=True), "holds other things"),
        (lambda: explain("faces/happy/happy-0001.png", out="faces/happy", overwrite=True), "is itself to be explained"),
        (lambda: merge(MergeOptions((Path("r.parquet"),), Path("r.parquet"), overwrite=True)), "is itself read"),
        (lambda: predict("faces/**/*.png", out="faces", overwrite=True), "`out` faces is itself read"),
        (lambda: predict("faces", out="m", faces=True, annotate="m"), "`out` and `annotate.folder` are both m"),
        (lambda: predict("faces", out="m", report="m/a.html"), "`report` m/a.html lies in `out` m|does not exist"),
        (lambda: predict("faces", faces=True, annotate="faces"), "holds other things|is itself read"),
        (lambda: sample("mine"), "not empty"),
    ],
)
def test_nothing_is_lost(place: Path, call: Any, message: str) -> None:
    before = _content(place)
    with pytest.raises(UsageError, match=message):
        call()
    assert _content(place) == before


def test_photos_with_names_like_copies_are_no_copies(place: Path) -> None:
    (place / "photos").mkdir()
    shutil.copy("faces/happy/happy-0001.png", "photos/000001-a.jpg")
    (place / "list.csv").write_text("path\nphotos/000001-a.jpg\n")
    for source in ("photos", "list.csv"):
        with pytest.raises(UsageError, match=r"`annotate.folder` photos .*read"):
            predict(source, faces=True, annotate="photos")
    assert [path.name for path in (place / "photos").iterdir()] == ["000001-a.jpg"]


def test_a_model_is_not_trained_or_exported_over_itself(place: Path) -> None:
    shutil.copytree(models_folder() / "seed-cnn", "m")
    (place / "m" / "notes.txt").touch()
    with pytest.raises(OutputMismatch, match=r"holds other things \(notes.txt"):
        train("faces", out="m", **FEW)
    (place / "m" / "notes.txt").unlink()
    before = _content(place)
    for call in (
        lambda: train("faces", out="m", initial="m", **FEW),
        lambda: train("faces", out="m/tuned", initial="m", **FEW),
        lambda: export(ExportOptions("m", "keras", Path("m/model.keras"), overwrite=True)),
        lambda: export(ExportOptions("m", "savedmodel", Path("m/saved"), overwrite=True)),
        lambda: evaluate("r.parquet", out="m", model="m", overwrite=True),
    ):
        with pytest.raises(UsageError, match=r"itself read|lies in"):
            call()
    assert _content(place) == before
    assert not (place / "m" / "tuned.lock").exists()
    check_replaceable(place / "m", bundle_names(place / "m").__contains__)


def test_a_savedmodel_is_replaced_by_another(place: Path) -> None:
    options = ExportOptions("seed-cnn", "savedmodel", Path("saved"), overwrite=True)
    export(options)
    export(options)
    assert (place / "saved" / "saved_model.pb").is_file()


@pytest.mark.parametrize("is_file", [False, True])
def test_a_folder_for_unfinished_work_is_not_taken_from_others(place: Path, is_file: bool) -> None:
    for out in ("m", "x.parquet"):
        work = place / f"{out}.work"
        if is_file:
            work.touch()
        else:
            work.mkdir()
            (work / "mine.txt").touch()
    message = r"is a file; move it" if is_file else r"holds other things \(mine.txt, …\); move it"
    for call in (lambda: train("faces", out="m", **FEW), lambda: predict("faces", out="x.parquet", overwrite=True)):
        with pytest.raises(OutputMismatch, match=message):
            call()
    assert not (place / "m").exists()


def test_what_is_left_of_checkpoints_is_known(tmp_path: Path) -> None:
    work = open_work(tmp_path / "m", {"recipe": {}}, resume=False)
    (work / "fingerprint.json").unlink()
    for name in ("checkpoint-3.keras", "checkpoint-3.weights.h5", "answers-12.npy", "pixels", "history.csv"):
        (work / name).touch()
    (work / "fold-1").mkdir()
    (work / ".checkpoint-3.keras.abcd1234.tmp.keras").touch()
    with pytest.raises(UsageError, match="no such file"):
        train(tmp_path / "gone", out=tmp_path / "m", overwrite=True)


def test_another_run_on_the_same_folder_is_waited_for(place: Path) -> None:
    with output_lock(lock_file(place / "v")), pytest.raises(OutputBusy):
        review("r.parquet", out="v")
    with output_lock(lock_file(place / "charts")), pytest.raises(OutputBusy):
        report("r.parquet", out="a.html", figures="charts", explain=False)


@pytest.mark.parametrize(
    "arguments",
    [
        ["train", "../faces", "--out"],
        ["review", "../r.parquet", "--out"],
        ["evaluate", "../faces", "--out"],
        ["export", "emotion-7", "--format", "savedmodel", "--out"],
        ["report", "../r.parquet", "--out", "a.html", "--figures"],
        ["predict", "../faces", "--faces", "--out", "r.csv", "--annotate"],
        ["sample"],
    ],
)
def test_an_output_without_a_name_is_refused(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    (place / "empty").mkdir()
    monkeypatch.chdir(place / "empty")
    assert main([*arguments, "."]) == 2
    assert "must name a new " in capsys.readouterr().err
    assert list((place / "empty").iterdir()) == []


def test_names_that_are_not_utf8_are_escaped_or_refused_before_any_work(place: Path) -> None:
    odd = Path(os.fsdecode(b"f\xff"))
    shutil.copytree("faces/happy", odd / "happy")
    shutil.copytree("faces/sad", odd / "sad")
    made = evaluate(odd, out="e").evaluation
    assert made["data"]["name"] == odd.name
    assert json.loads((place / "e" / "evaluation.json").read_bytes())["data"]["name"] == "f\\xff"
    assert "f\\xff" in (place / "e" / "evaluation.html").read_text("utf-8")
    card = train(odd, out=odd.with_name(f"{odd}-model"), epochs=1).bundle.card
    assert (card.name, card.training["data"]) == ("f\\xff-model", "f\\xff")
    assert predict(odd, out="odd.parquet", job=odd.name).summary.statuses == {"ok": 16}
    message = r"`out` .*f\\xff.* is not UTF-8, and Parquet files cannot be written there"
    for call in (
        lambda: predict("faces", out=f"{odd}.parquet"),
        lambda: evaluate("faces", out=f"{odd}.evaluation"),
        lambda: merge(MergeOptions((Path("r.parquet"),), Path(f"{odd}.csv"))),
    ):
        with pytest.raises(UsageError, match=message):
            call()
