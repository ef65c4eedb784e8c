import json
import logging
import shutil
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from PIL import Image

from batch_emotion import DEFAULT_MODEL, AnnotateOptions, FaceOptions, PredictOptions, predict
from batch_emotion.cli import main
from batch_emotion.commands.merge import merge
from batch_emotion.errors import OutputMismatch, SourceError, UsageError
from batch_emotion.options.merge import MergeOptions
from batch_emotion.options.runs import Task, UpdateOptions
from batch_emotion.results.parts import read_whole
from batch_emotion.results.reader import read_result
from batch_emotion.results.schema import with_rolls
from batch_emotion.results.summary import Summary
from batch_emotion.results.update import UpdateCounts
from batch_emotion.results.workspace import Workspace
from tests.support.composites import Box, backdrop, iou, photo, write_photo
from tests.support.stopping import failing_at

ANY = FaceOptions()


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, list[Box]]]:
    """Photos by name, with their faces from large to small; without faces, turned by EXIF, and a bad one among them."""
    folder = tmp_path_factory.mktemp("data") / "photos"
    folder.mkdir()
    truth: dict[str, list[Box]] = {}
    for name, sides in (("a.jpg", (70, 110)), ("c.png", (90,)), ("f.jpg", (64, 100, 150))):
        pixels, boxes = photo(900, 420, sides)
        write_photo(folder / name, pixels)
        truth[name] = boxes[::-1]
    write_photo(folder / "b.jpg", backdrop(800, 600))
    (folder / "d.jpg").write_bytes(b"no image")
    pixels, boxes = photo(500, 300, (100,))
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(pixels).transpose(Image.Transpose.ROTATE_90).save(folder / "e.jpg", exif=exif, quality=95)
    truth["e.jpg"] = boxes
    return folder, truth


def _options(source: Path, out: Path | None = None, **changes: object) -> PredictOptions:
    return PredictOptions((str(source),), out, **{"shard_size": 2, "batch_size": 2, "faces": ANY} | changes)  # type: ignore[arg-type]


def test_there_is_a_row_for_each_face_and_one_for_each_image_without(
    tmp_path: Path, photos: tuple[Path, dict[str, list[Box]]]
) -> None:
    folder, truth = photos
    done = []
    result = predict(_options(folder, tmp_path / "r.parquet"), lambda progress: done.append(progress))
    table = pq.read_table(tmp_path / "r.parquet")
    faces = ["face_index", "box_x", "box_y", "box_w", "box_h", "face_score", "face_roll"]
    assert table.column_names[-12:] == ["width", "height", *faces, "error", "size", "mtime_ns"]
    rows = table.to_pylist()
    names = [Path(row["path"]).name for row in rows]
    assert names == ["a.jpg", "a.jpg", "b.jpg", "c.png", "d.jpg", "e.jpg", "f.jpg", "f.jpg", "f.jpg"]
    for name, boxes in truth.items():
        mine = [row for row in rows if Path(row["path"]).name == name]
        assert [row["face_index"] for row in mine] == list(range(len(boxes)))
        for row, box in zip(mine, boxes, strict=True):
            assert iou((row["box_x"], row["box_y"], row["box_w"], row["box_h"]), box) >= 0.5
            assert row["status"] == "ok"
            assert 0.5 <= row["face_score"] <= 1
            assert abs(row["face_roll"]) < 15
            assert row["p_happy"] > 0.5
            assert row["emotion"] == "happy"
    bare = {Path(row["path"]).name: row for row in rows if row["status"] != "ok"}
    assert {name: row["status"] for name, row in bare.items()} == {"b.jpg": "no_face", "d.jpg": "unsupported"}
    for row in bare.values():
        for column in ("emotion", "confidence", "p_sad", "face_index", "box_x", "box_h", "face_score", "face_roll"):
            assert row[column] is None
    assert (bare["b.jpg"]["width"], bare["b.jpg"]["height"]) == (800, 600)
    summary = result.summary
    assert (summary.images, summary.faces, summary.rows, summary.failures) == (6, 7, 9, 1)
    assert summary.statuses == {"ok": 4, "no_face": 1, "unsupported": 1}
    assert summary.emotions == {"happy": 7}
    assert (done[-1].done, done[-1].total, done[-1].failures) == (6, 6, 1)
    counts = json.loads((tmp_path / "r.parquet.run.json").read_text())["result"]["counts"]
    assert (counts["images"], counts["faces"], counts["statuses"]["ok"]) == (6, 7, 4)
    footer = {key.decode(): value.decode() for key, value in pq.read_schema(tmp_path / "r.parquet").metadata.items()}
    assert footer["batch_emotion.detector"] == "centerface"
    assert footer["batch_emotion.min_face_score"] == "0.5"
    assert footer["batch_emotion.model"] == DEFAULT_MODEL
    assert len(footer["batch_emotion.detector_sha256"]) == 64
    assert footer["batch_emotion.face_margin"] == "0.0"
    assert (footer["batch_emotion.min_face_size"], footer["batch_emotion.max_faces"]) == ("36", "100")


def test_rows_do_not_depend_on_batches_shards_memory_or_a_stop(
    tmp_path: Path, photos: tuple[Path, dict[str, list[Box]]]
) -> None:
    folder, _ = photos
    whole = predict(_options(folder, batch_size=256, shard_size=4096)).table
    assert whole is not None
    out = tmp_path / "cut.parquet"
    with failing_at(1):
        predict(_options(folder, out))
    Workspace(out).begin(2)  # as if a process had died there
    result = predict(_options(folder, out))
    assert result.summary.scored == 4
    again = pq.read_table(out)
    places = [name for name in whole.column_names if not name.startswith(("p_", "conf"))]
    assert again.select(places).equals(whole.select(places))
    for name in set(whole.column_names) - set(places):
        gaps = pc.max(pc.abs(pc.subtract(again[name], whole[name]))).as_py()
        assert gaps <= 1e-5
    finished = predict(_options(folder, out))
    assert finished.outcome == "nothing to do"
    assert (finished.summary.images, finished.summary.faces) == (6, 7)
    with pytest.raises(OutputMismatch, match=r"min-face-size \(36 then, 60 now\)"):
        predict(_options(folder, out, faces=FaceOptions(min_size=60)))
    with pytest.raises(OutputMismatch, match=r"face-margin \(0.0 then, 0.2 now\)"):
        predict(_options(folder, out, faces=FaceOptions(margin=0.2)))
    with pytest.raises(OutputMismatch, match="detector"):
        predict(_options(folder, out, faces=None))


@pytest.mark.parametrize("name", ["r.csv", "r.parquet"])
def test_an_update_keeps_all_rows_of_unchanged_photos(
    tmp_path: Path, photos: tuple[Path, dict[str, list[Box]]], name: str
) -> None:
    source, out = tmp_path / "photos", tmp_path / name
    shutil.copytree(photos[0], source)
    update = UpdateOptions(prune=True, max_prune=0.5, retry_failures=True)
    assert predict(_options(source, out, update=update)).summary.scored == 6
    (source / "a.jpg").unlink()
    write_photo(source / "c.png", photo(900, 420, (80, 120))[0])
    write_photo(source / "g.jpg", photo(900, 420, (70,))[0])
    summary = predict(_options(source, out, update=update)).summary
    assert summary.update == UpdateCounts(unchanged=3, new=1, changed=1, retried=1, pruned=1)
    assert (summary.scored, summary.images, summary.faces, summary.failures) == (3, 6, 7, 1)
    predict(_options(source, tmp_path / f"fresh-{name}"))
    updated, fresh = read_result(out), read_result(tmp_path / f"fresh-{name}")
    places = [name for name in fresh.column_names if not name.startswith(("p_", "conf"))]
    assert updated.select(places).equals(fresh.select(places))
    for column in set(fresh.column_names) - set(places):
        assert pc.max(pc.abs(pc.subtract(updated[column], fresh[column]))).as_py() <= 1e-5
    again = predict(_options(source, out, update=UpdateOptions()))
    assert (again.outcome, again.summary.images, again.summary.faces) == ("nothing to do", 6, 7)
    update = replace(update, max_rescore=1.0)
    other = predict(_options(source, out, update=update, faces=FaceOptions(max_faces=1)))
    assert (other.summary.scored, other.summary.faces) == (6, 4)


def test_another_detector_is_another_result_and_one_of_haar_is_carried_on(
    tmp_path: Path, photos: tuple[Path, dict[str, list[Box]]]
) -> None:
    folder, out = photos[0], tmp_path / "r.parquet"
    haar = FaceOptions("haar")
    predict(_options(folder, out, faces=haar))
    table = pq.read_table(out)
    assert table["face_roll"].null_count == len(table)
    assert pc.min(table["face_score"]).as_py() >= 2
    with pytest.raises(
        OutputMismatch, match=r"detector \(haarcascade_frontalface_alt2, opencv .* then, centerface now"
    ):
        predict(_options(folder, out))
    run = json.loads((tmp_path / "r.parquet.run.json").read_text())
    del run["result"]["fingerprint"]["min_face_score"]  # as versions that knew Haar alone wrote it
    (tmp_path / "r.parquet.run.json").write_text(json.dumps(run))
    assert predict(_options(folder, out, faces=haar)).outcome == "nothing to do"
    assert predict(_options(folder, out, faces=haar, update=UpdateOptions())).summary.scored == 0
    other = predict(_options(folder, out, update=UpdateOptions(max_rescore=1)))
    assert other.summary.scored == 6
    assert pq.read_table(out)["face_roll"].null_count == 2


def test_rows_that_say_nothing_of_rolls_can_be_carried_on(tmp_path: Path) -> None:
    rows = pa.table({"face_index": pa.array([0, None], pa.int32()), "path": ["a.jpg", "b.jpg"]})
    pq.write_table(rows, tmp_path / "part-000000.parquet")
    part = read_whole(tmp_path / "part-000000.parquet")
    assert part is not None
    assert part["face_roll"].to_pylist() == [None, None]
    assert part["face_roll"].type == pa.float32()
    assert with_rolls(part) is part


def test_tasks_of_photos_are_merged_to_the_whole(tmp_path: Path, photos: tuple[Path, dict[str, list[Box]]]) -> None:
    parts = tuple(tmp_path / f"part-{index}.parquet" for index in range(2))
    for index, part in enumerate(parts):
        predict(_options(photos[0], part, task=Task(index, 2)))
    summary = merge(MergeOptions(parts, tmp_path / "all.parquet"))
    assert (summary.images, summary.faces, summary.rows) == (6, 7, 9)
    whole = predict(_options(photos[0])).table
    assert whole is not None
    assert (
        read_result(tmp_path / "all.parquet")
        .select(["path", "face_index"])
        .equals(whole.select(["path", "face_index"]))
    )


def test_a_manifest_keeps_its_columns_and_copies_are_annotated(
    tmp_path: Path, photos: tuple[Path, dict[str, list[Box]]], caplog: pytest.LogCaptureFixture
) -> None:
    folder, truth = photos
    manifest = tmp_path / "m.csv"
    names = ["f.jpg", "b.jpg", "c.png", "a.jpg"]
    manifest.write_text("id,path\n" + "".join(f"00{row},{folder / name}\n" for row, name in enumerate(names)))
    copies = tmp_path / "copies"
    options = _options(manifest, tmp_path / "r.csv", annotate=AnnotateOptions(copies, 2))
    predict(options)
    text = pyarrow.csv.ConvertOptions(column_types={"id": pa.string()})
    assert pyarrow.csv.read_csv(tmp_path / "r.csv", convert_options=text)["id"].to_pylist() == [
        *("000", "000", "000", "001", "002", "003", "003")
    ]
    assert sorted(file.name for file in copies.iterdir()) == ["000000-f.jpg", "000002-c.jpg"]
    copy, original = cv2.imread(str(copies / "000000-f.jpg")), cv2.imread(str(folder / "f.jpg"))
    assert copy.shape == original.shape
    changed = np.abs(copy.astype(int) - original).max(axis=2) > 60
    for x, y, width, _ in truth["f.jpg"]:
        assert changed[y - 30 : y + 20, x : x + width].any()
    limit = "only the first 2 images with a face were annotated; raise `annotate.limit` for more"
    assert caplog.messages.count(limit) == 1
    (copies / "000002-c.jpg").unlink()
    for out in (tmp_path / "r.csv", None):
        predict(_options(manifest, out, annotate=AnnotateOptions(copies, 9)))
        assert [file.name[6:] for file in sorted(copies.iterdir())] == ["-f.jpg", "-c.jpg", "-a.jpg"]
    assert caplog.messages.count(limit) == 1
    (copies / "mine.txt").touch()
    with pytest.raises(OutputMismatch, match=r"holds other things \(mine.txt"):
        predict(options)


def test_a_name_becomes_one_that_any_system_takes(tmp_path: Path, photos: tuple[Path, dict[str, list[Box]]]) -> None:
    name = 'née: "快乐"?*' + "é" * 100 + ".png"
    (tmp_path / name).symlink_to(photos[0] / "c.png")
    predict(_options(tmp_path / name, annotate=AnnotateOptions(tmp_path / "copies")))
    (copy,) = (tmp_path / "copies").iterdir()
    assert copy.name.startswith("000000-née_ _快乐___é")
    assert len(copy.name.encode()) <= 7 + 120 + 4


def test_usage_errors_leave_nothing(tmp_path: Path, photos: tuple[Path, dict[str, list[Box]]]) -> None:
    folder, out = photos[0], tmp_path / "r.parquet"
    (tmp_path / "text.onnx").write_text("text")
    (tmp_path / "m.csv").write_text("path,box_x\na.jpg,1\n")
    before = sorted(tmp_path.iterdir())
    for options in (
        _options(folder, out, faces=FaceOptions(min_size=0)),
        _options(folder, out, faces=FaceOptions(max_faces=0)),
        _options(folder, out, faces=FaceOptions(margin=-0.5)),
        _options(folder, out, faces=FaceOptions(min_score=-0.5)),
        _options(folder, out, faces=FaceOptions("yunet")),
        _options(folder, out, faces=FaceOptions(detector_model=tmp_path / "text.onnx")),
        _options(folder, out, faces=FaceOptions(detector_model=tmp_path / "gone.onnx")),
        _options(folder, out, faces=None, annotate=AnnotateOptions(tmp_path / "copies")),
        _options(folder, out, annotate=AnnotateOptions(tmp_path / "copies", 0)),
        _options(folder, out, annotate=AnnotateOptions(tmp_path / "no" / "copies")),
        _options(folder, out, annotate=AnnotateOptions(tmp_path / "m.csv")),
        _options(folder, out, annotate=AnnotateOptions(tmp_path)),
    ):
        with pytest.raises(UsageError):
            predict(options)
    with pytest.raises(SourceError, match="box_x"):
        predict(_options(tmp_path / "m.csv", out))
    assert main(["predict", str(folder), "--out", str(out), "--max-faces", "3"]) == 2
    assert sorted(tmp_path.iterdir()) == before


def test_photos_without_the_option_are_warned_of_once_and_faces_are_not(
    faces: Path, photos: tuple[Path, dict[str, list[Box]]], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "batch_emotion")
    predict(_options(faces, faces=None))
    predict(_options(photos[0]))
    assert caplog.messages == []
    table = predict(_options(photos[0], faces=None)).table
    assert table is not None
    assert "face_index" not in table.column_names
    (message,) = caplog.messages
    assert "`faces`" in message


def test_the_command_line_shows_faces(
    photos: tuple[Path, dict[str, list[Box]]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, _ = photos
    assert main(["predict", "--faces", str(folder / "a.jpg"), "--annotate", str(tmp_path / "copies")]) == 0
    said = capsys.readouterr().out.splitlines()
    assert [": happy (" in line for line in said].count(True) == 2
    assert (tmp_path / "copies" / "000000-a.jpg").is_file()
    assert main(["predict", "--faces", str(folder / "b.jpg")]) == 0
    assert capsys.readouterr().out == f"{folder / 'b.jpg'}: no face was found\n"
    options = ["--faces", "--max-faces", "1", "--min-face-size", "40", "--face-margin", "0.1", "--max-failures", "1"]
    assert main(["predict", str(folder), "--out", str(tmp_path / "r.csv"), *options]) == 0
    assert "6 images: 4 ok, 1 no_face, 1 unsupported; 4 faces" in capsys.readouterr().err


def test_counts_of_faces_and_images_are_apart() -> None:
    rows = pa.table(
        {
            "status": ["ok", "ok", "no_face", "ok", "corrupt"],
            "emotion": ["happy", "sad", None, "sad", None],
            "confidence": [0.9, 0.8, None, 0.7, None],
            "face_index": pa.array([0, 1, None, 0, None], pa.int32()),
        }
    )
    summary = Summary()
    for _ in summary.counting([rows, rows]):
        pass
    assert (summary.images, summary.faces, summary.rows, summary.failures) == (8, 6, 10, 2)
    assert summary.emotions == {"sad": 4, "happy": 2}
