import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from batch_emotion import ExplainOptions, PredictOptions, explain, predict
from batch_emotion.cli import main
from batch_emotion.errors import BatchEmotionError, OutputMismatch, SourceError, UsageError
from batch_emotion.visualization.heat_map import heat_over
from tests.support.composites import astronaut, backdrop, photo, write_photo
from tests.support.lean import without_tensorflow


def test_each_image_gets_its_picture_and_a_bad_one_its_reason(faces: Path, tmp_path: Path) -> None:
    sources = [str(path) for path in sorted((faces / "happy").iterdir())[:2]]
    (tmp_path / "broken.jpg").write_bytes(b"x")
    sources.insert(1, str(tmp_path / "broken.jpg"))
    found = explain(ExplainOptions(tuple(sources), tmp_path / "e"))
    assert [each.status for each in found] == ["ok", "unsupported", "ok"]
    assert sorted(path.name for path in (tmp_path / "e").iterdir()) == [
        "0001-happy-0001.png",
        "0003-happy-0002.png",
    ]
    table = predict(PredictOptions(tuple(sources))).table
    assert table is not None
    for each, row in zip(found, table.to_pylist(), strict=True):
        assert each.emotion == row["emotion"]
        if row["status"] != "ok":
            assert each.confidence is each.picture is None
            assert each.error == row["error"]
            continue
        assert each.confidence == pytest.approx(row["confidence"], abs=1e-4)
        assert each.picture is not None
        with Image.open(each.picture) as picture:
            assert picture.size[0] > 900


def test_images_in_memory_are_explained_too(faces: Path, tmp_path: Path) -> None:
    with Image.open(faces / "happy" / "happy-0001.png") as opened:
        pixels = np.array(opened)
    one, bad = explain([pixels, b"x"], out=tmp_path / "e", target="sad")
    (same,) = explain(faces / "happy" / "happy-0001.png", out=tmp_path / "e.png")
    assert (one.path, one.emotion, one.target) == ("images[0]", same.emotion, "sad")
    assert one.confidence == pytest.approx(same.confidence, abs=1e-6)
    assert one.picture is not None
    assert one.picture.is_file()
    assert (bad.path, bad.status) == ("images[1]", "unsupported")


def test_another_class_gives_another_picture(faces: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    face = str(faces / "happy" / "happy-0001.png")
    pictures = []
    for target in ("sad", "Happiness"):
        assert main(["explain", face, "--out", str(tmp_path / f"{target}.png"), "--target", target]) == 0
        pictures.append((tmp_path / f"{target}.png").read_bytes())
    assert pictures[0] != pictures[1]
    assert capsys.readouterr().out.count(face) == 2


def test_what_makes_no_sense_is_refused(faces: Path, tmp_path: Path) -> None:
    face = str(faces / "happy" / "happy-0001.png")
    out = tmp_path / "e.png"
    with pytest.raises(UsageError, match="no class 'bored'"):
        explain(ExplainOptions((face,), out, target="bored"))
    with pytest.raises(UsageError, match="one picture"):
        explain(ExplainOptions((str(faces / "happy"),), out))
    with pytest.raises(UsageError, match="must be a folder"):
        explain(ExplainOptions((face,), tmp_path / "e.jpg"))
    with pytest.raises(UsageError, match=r"`faces.min_score` must be between 0 and 1"):
        explain(face, out=tmp_path / "e", min_face_score=5, faces=True)
    out.write_bytes(b"precious")
    with pytest.raises(OutputMismatch, match="`overwrite`"):
        explain(ExplainOptions((face,), out))
    (tmp_path / "a.jpg").write_bytes(b"")
    with pytest.raises(BatchEmotionError, match=r"a\.jpg is empty"):
        explain(ExplainOptions((str(tmp_path / "a.jpg"),), out, overwrite=True))
    assert out.read_bytes() == b"precious"


def test_without_tensorflow_nothing_is_explained_and_no_folder_made(
    faces: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    without_tensorflow(monkeypatch)
    assert main(["explain", str(faces), "--out", str(tmp_path / "pictures")]) == 2
    assert capsys.readouterr().err == (
        "batch-emotion: error: explain needs tensorflow and keras, which are not installed here: "
        "pip install tensorflow keras\n"
    )
    assert list(tmp_path.iterdir()) == []


def test_heat_is_bright_where_the_map_is_high() -> None:
    heat = np.zeros((4, 4), np.float32)
    heat[0, 0] = 1
    shown = heat_over(np.full((48, 32, 1), 100, np.uint8), heat, 96)
    assert shown.shape == (96, 64, 3)
    assert shown[2, 2].sum() > shown[90, 60].sum() + 100


def test_each_face_of_a_photo_gets_its_picture(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "photos").mkdir()
    write_photo(tmp_path / "photos" / "a.jpg", photo(900, 420, (70, 110))[0])
    write_photo(tmp_path / "photos" / "b.png", astronaut())
    write_photo(tmp_path / "photos" / "c.png", backdrop(300, 200))
    command = ["explain", str(tmp_path / "photos"), "--faces", "--out", str(tmp_path / "e")]
    assert main(command) == 0
    names = ["0001-a-face-0.png", "0001-a-face-1.png", "0002-b.png"]
    assert sorted(path.name for path in (tmp_path / "e").iterdir()) == names
    captured = capsys.readouterr()
    assert [Path(line.rsplit(", ", 1)[1]).name for line in captured.out.splitlines()] == names
    assert "c.png is no_face: no face was found" in captured.err
    assert main(command) == 2
    assert main([*command, "--overwrite"]) == 0


def test_names_of_strange_bytes_are_shown_as_text(
    faces: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    odd = tmp_path / os.fsdecode(b"b\xff\x1b[1m.png")
    shutil.copy(faces / "sad" / "sad-0001.png", odd)
    assert main(["explain", str(odd), "--out", str(tmp_path / "out")]) == 0
    assert capsys.readouterr().out.count(r"b\xff\x1b[1m.png") == 2


def test_a_photo_that_is_explained_as_if_it_were_a_face_is_told(
    faces: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    face = str(faces / "happy" / "happy-0001.png")
    photograph = write_photo(tmp_path / "p.png", photo(900, 420, (70, 110))[0])
    explain(photograph, out=tmp_path / "a.png", faces=True)
    explain(face, out=tmp_path / "b")
    assert caplog.messages == []
    explain(photograph, out=tmp_path / "c.png")
    assert "this is a photo, not crops of faces" in caplog.text
    assert "give `faces`" in caplog.text


def test_long_names_of_many_bytes_are_cut_to_what_a_system_takes(faces: Path, tmp_path: Path) -> None:
    image = tmp_path / f"{'顔' * 80}.png"
    shutil.copy(faces / "happy" / "happy-0001.png", image)
    (explained,) = explain(image, out=tmp_path / "out")
    assert explained.picture is not None
    assert explained.picture.name == f"{'顔' * 33}.png"
    (alone,) = explain(image, out=tmp_path / f"{'感' * 80}.png")
    assert alone.picture is not None
    assert alone.picture.is_file()


def test_an_empty_manifest_has_nothing_to_explain(tmp_path: Path) -> None:
    (tmp_path / "empty.csv").write_text("path\n")
    with pytest.raises(SourceError, match=r"there is no image to explain in .*empty\.csv"):
        explain(tmp_path / "empty.csv", out=tmp_path / "out")
    assert not (tmp_path / "out").exists()
