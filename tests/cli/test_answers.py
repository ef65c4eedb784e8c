import io
from pathlib import Path
from typing import Any

import pytest

from batch_emotion.cli import main
from batch_emotion.cli.answers import answer_lines
from batch_emotion.cli.console import show_rows
from batch_emotion.cli.logs import LOG, begin_log
from batch_emotion.images.synthetic import write_samples
from tests.support.composites import astronaut, photo, write_photo


def _row(path: str, status: str = "ok", confidence: float | None = 0.5, **others: Any) -> dict[str, Any]:
    emotion = None if status != "ok" else "happy"
    return {"path": path, "status": status, "emotion": emotion, "confidence": confidence, "error": None} | others


def _stream(encoding: str) -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(), encoding=encoding)


def test_the_surest_comes_first_and_failures_last(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    rows = [
        _row("bad.jpg", "corrupt", None, error="cut short"),
        _row("a.jpg", confidence=0.25),
        _row("b.jpg", confidence=1.0),
    ]
    assert answer_lines(rows, _stream("utf-8")) == [
        "file          emotion  confidence",
        "b.jpg         happy    100.0%      ██████████",
        "a.jpg         happy    25.0%       ██▌",
        "bad.jpg       corrupt: cut short",
    ]
    assert answer_lines(rows, _stream("ascii"))[1].endswith("  ##########")


def test_faces_have_their_box_and_a_long_path_its_end(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    box = {"face_index": 0, "box_x": 1, "box_y": 2, "box_w": 30, "box_h": 40}
    none = dict.fromkeys(box)
    rows = [_row("folder/" * 20 + "a.jpg", **box), _row("b.jpg", "no_face", None, **none)]
    show_rows(rows[:1])
    assert capsys.readouterr().out.endswith("a.jpg: face 0 30x40+1+2: happy (50.0%)\n")
    heading, face, bare = answer_lines(rows, _stream("ascii"))
    assert heading.split() == ["file", "face", "emotion", "confidence"]
    assert face.split() == [face.split()[0], "0", "30x40+1+2", "happy", "50.0%", "#####"]
    assert face.startswith("...")
    assert face.split()[0].endswith("older/a.jpg")
    assert bare.split("  ")[0] == "b.jpg"
    assert bare.endswith("no face was found")
    assert max(map(len, (heading, face, bare))) <= 60


def test_the_faces_of_a_photo_stay_together_in_the_order_of_the_source(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    box = {"box_x": 1, "box_y": 2, "box_w": 30, "box_h": 40}
    rows = [
        _row("b.jpg", confidence=0.25, face_index=0, **box),
        _row("b.jpg", confidence=0.75, face_index=1, **box),
        _row("none.jpg", "no_face", None, face_index=None, **dict.fromkeys(box)),
        _row("a.jpg", confidence=1.0, face_index=0, **box),
    ]
    lines = [line.split()[:2] for line in answer_lines(rows, _stream("utf-8"))[1:]]
    assert lines == [["b.jpg", "0"], ["b.jpg", "1"], ["none.jpg", "no"], ["a.jpg", "0"]]


def test_the_copies_that_were_marked_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, copies = tmp_path / "a.jpg", tmp_path / "marked"
    write_photo(source, photo(900, 420, (70, 110))[0])
    asked = ["predict", str(source), "--faces", "--annotate", str(copies)]
    for more in ([], ["--out", str(tmp_path / "r.csv")], ["--out", str(tmp_path / "r.csv")]):
        assert main([*asked, *more]) == 0
        assert f"Marked: {copies} (1 photo)\n" in capsys.readouterr().err
    assert main([*asked, "--quiet"]) == 0
    assert "Marked" not in capsys.readouterr().err


def test_names_that_would_write_to_the_terminal_are_shown_as_text(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    name, shown = "a\x1b[31m\nb.jpg 99%\x9b", r"a\x1b[31m\x0ab.jpg 99%\x9b"
    rows = [_row(name), _row(name, "corrupt", None, error="cut\rshort")]
    heading, good, bad = answer_lines(rows, _stream("utf-8"))
    assert heading.startswith("file " + " " * (len(shown) - 5))
    assert good.startswith(f"{shown}  happy")
    assert bad == rf"{shown}  corrupt: cut\x0dshort"
    show_rows([_row(name, p_happy=0.5)])
    assert capsys.readouterr().out == f"{shown}: happy (50.0%)\n  happy       50.0%\n"
    begin_log()
    LOG.error(f"{name} is gone")
    assert capsys.readouterr().err == f"batch-emotion: error: {shown} is gone\n"


def test_a_folder_of_photos_is_answered_with_its_faces(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "photos").mkdir()
    write_photo(tmp_path / "photos" / "a.jpg", photo(900, 420, (70, 110))[0])
    write_photo(tmp_path / "photos" / "b.jpg", astronaut())
    assert main(["predict", str(tmp_path / "photos")]) == 0
    captured = capsys.readouterr()
    assert len(captured.out.splitlines()) == 1 + 3
    assert captured.out.split()[:4] == ["file", "face", "emotion", "confidence"]
    assert main(["predict", str(tmp_path / "photos"), "--faces", "--out", str(tmp_path / "r.csv")]) == 0
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("happy    ") >= 3
    assert sorted(path.name for path in tmp_path.iterdir())[:2] == ["photos", "r.csv"]


def test_crops_are_answered_whole_and_many_ask_for_an_output(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_samples(tmp_path / "faces", 1)
    assert main(["predict", str(tmp_path / "faces")]) == 0
    assert capsys.readouterr().out.split()[:3] == ["file", "emotion", "confidence"]
    write_samples(tmp_path / "many", 9)
    assert main(["predict", str(tmp_path / "many")]) == 2
    assert "--out is needed for more than 50 images, and there are 54" in capsys.readouterr().err
    assert main(["predict", str(tmp_path / "gone")]) == 2
    assert f"no such file or directory: {tmp_path / 'gone'}" in capsys.readouterr().err
    for name in ("r.parquet", "r.csv"):
        assert main(["predict", str(tmp_path / "faces"), str(tmp_path / name)]) == 2
        wanted = f"no such file or directory: {tmp_path / name}; for the result give --out {tmp_path / name}\n"
        assert capsys.readouterr().err.endswith(wanted)
    assert main(["predict", "-"]) == 2
    assert "--out is needed for a list or manifest of images" in capsys.readouterr().err
