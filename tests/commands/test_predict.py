import json
import os
import shutil
from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from batch_emotion import PredictOptions, load_bundle, predict
from batch_emotion.errors import ExitCode, OutputBusy, OutputMismatch, UsageError
from batch_emotion.images.decode import load_image
from batch_emotion.options.images import Limits, SourceOptions
from batch_emotion.options.runs import MonitoringOptions
from batch_emotion.storage.locks import output_lock
from tests.support.stopping import failing_at


def _options(source: Path, out: Path | None, **changes: object) -> PredictOptions:
    return PredictOptions((str(source),), out, **{"shard_size": 10, "batch_size": 4} | changes)  # type: ignore[arg-type]


def _keras_probabilities(paths: list[str]) -> np.ndarray:
    bundle = load_bundle()
    pixels = [load_image(path, bundle.card.input, Limits()).pixels for path in paths]
    return np.asarray(bundle.keras_model().predict(np.stack(pixels).astype("float32"), verbose=0))


def _p(table: pa.Table) -> np.ndarray:
    return np.stack([table[name].to_numpy() for name in table.column_names if name.startswith("p_")], axis=1)


def test_every_image_has_its_row_and_bad_ones_leave_their_neighbours_alone(
    tmp_path: Path, faces: Path, bad_files: dict[str, str]
) -> None:
    good = sorted(str(path) for path in faces.rglob("*.png"))
    bad = [str(tmp_path / "bad" / name) for name in bad_files]
    order = [path for pair in zip(good, bad * 5, strict=False) for path in pair]
    manifest = tmp_path / "m.csv"
    manifest.write_text("path,id\n" + "".join(f"{path},{row:03d}\n" for row, path in enumerate(order)))
    result = predict(_options(manifest, tmp_path / "r.parquet"))
    table = pq.read_table(tmp_path / "r.parquet")
    assert table["path"].to_pylist() == order
    assert table["id"].to_pylist() == [f"{row:03d}" for row in range(len(order))]
    expected = ["ok", *bad_files.values()]
    statuses = dict(zip(table["path"].to_pylist(), table["status"].to_pylist(), strict=True))
    assert {statuses[path] for path in good} == {expected[0]}
    assert [statuses[path] for path in bad] == expected[1:]
    scored = table.filter(pc.equal(table["status"], "ok"))
    probabilities = _keras_probabilities(scored["path"].to_pylist())
    assert np.abs(_p(scored) - probabilities).max() <= 1e-4
    assert scored["confidence"].to_pylist() == pytest.approx(probabilities.max(axis=1).tolist(), abs=1e-4)
    names = np.array(load_bundle().card.class_names)
    assert scored["emotion"].to_pylist() == names[_p(scored).argmax(axis=1)].tolist()
    failed = table.filter(pc.not_equal(table["status"], "ok"))
    for name in ("emotion", "confidence", "p_angry", "p_surprise"):
        assert failed[name].null_count == len(failed)
    assert failed["error"].null_count == 0
    assert result.summary.failures == len(failed)


@pytest.mark.parametrize("batch_size", [1, 7, 512])
def test_the_batch_size_changes_nothing(tmp_path: Path, faces: Path, batch_size: int) -> None:
    whole = predict(_options(faces, None, batch_size=16)).table
    other = predict(_options(faces, None, batch_size=batch_size)).table
    assert whole is not None
    assert other is not None
    assert other["path"] == whole["path"]
    assert np.abs(_p(other) - _p(whole)).max() <= 1e-5


@pytest.mark.parametrize("runtime", ["onnx", "tensorflow"])
def test_the_runtimes_agree(faces: Path, runtime: str) -> None:
    table = predict(_options(faces, None, runtime=runtime)).table
    assert table is not None
    assert np.abs(_p(table) - _keras_probabilities(table["path"].to_pylist())).max() <= 1e-4


def test_a_stopped_run_carries_on_and_equals_an_uninterrupted_one(tmp_path: Path, faces: Path) -> None:
    predict(_options(faces, tmp_path / "whole.parquet"))
    out = tmp_path / "cut.parquet"
    with failing_at(2):
        predict(_options(faces, out))
    assert json.loads((tmp_path / "cut.parquet.run.json").read_text())["last_run"]["exit_code"] == 1
    assert not out.exists()
    with pytest.raises(OutputMismatch, match=r"min-confidence \(0.0 then, 0.9 now\)"):
        predict(_options(faces, out, min_confidence=0.9))
    assert list((tmp_path / "cut.parquet.work").glob("begun-*")) == []
    result = predict(_options(faces, out))
    assert result.summary.scored == 48 - 20
    assert pq.read_table(out).equals(pq.read_table(tmp_path / "whole.parquet"))
    assert sorted(path.name for path in tmp_path.glob("cut*")) == [
        "cut.parquet",
        "cut.parquet.lock",
        "cut.parquet.run.json",
    ]


@pytest.mark.parametrize("name", ["r.parquet", "r.csv", "r"])
def test_a_finished_output_is_nothing_to_do_and_others_are_refused(tmp_path: Path, faces: Path, name: str) -> None:
    source = tmp_path / "faces"
    shutil.copytree(faces, source)
    out = tmp_path / name
    assert predict(_options(source, out)).outcome == "done"
    again = predict(_options(source, out))
    assert again.outcome == "nothing to do"
    assert again.summary.rows == 48
    with pytest.raises(OutputMismatch, match=r"shard-size .*`overwrite`"):
        predict(_options(source, out, shard_size=11))
    (source / "happy" / "happy-0001.png").unlink()
    with pytest.raises(OutputMismatch, match="48 images then, 47 now"):
        predict(_options(source, out))
    assert predict(_options(source, out, overwrite=True)).summary.rows == 47
    changed = out / "part-000000.parquet" if out.is_dir() else out
    changed.write_bytes(b"someone else's")
    with pytest.raises(OutputMismatch, match="was changed after it was written"):
        predict(_options(source, out))


def test_a_foreign_file_is_not_replaced_unasked(tmp_path: Path, faces: Path) -> None:
    (tmp_path / "r.csv").write_text("precious")
    with pytest.raises(OutputMismatch, match="`overwrite`"):
        predict(_options(faces, tmp_path / "r.csv"))
    assert (tmp_path / "r.csv").read_text() == "precious"


def test_nothing_is_left_beside_a_folder_that_no_run_can_replace(tmp_path: Path, faces: Path) -> None:
    photos = tmp_path / "photos"
    shutil.copytree(faces / "sad", photos)
    with pytest.raises(OutputMismatch, match="holds other things") as refused:
        predict(_options(faces, photos))
    assert "overwrite" not in str(refused.value)
    assert [path.name for path in tmp_path.iterdir()] == ["photos"]


def test_overwriting_is_advised_only_where_it_is_allowed(tmp_path: Path, faces: Path) -> None:
    options = _options(faces / "sad", tmp_path / "r")
    predict(options)
    (tmp_path / "r.run.json").unlink()
    (tmp_path / "r" / "note.txt").touch()
    with pytest.raises(OutputMismatch, match="holds other things"):
        predict(options)
    (tmp_path / "r" / "note.txt").unlink()
    with pytest.raises(OutputMismatch, match=r"no r\.run\.json says that a run made it; give `overwrite`"):
        predict(options)


def test_a_held_output_is_busy(tmp_path: Path, faces: Path) -> None:
    with output_lock(tmp_path / "r.parquet.lock"), pytest.raises(OutputBusy, match="another run"):
        predict(_options(faces, tmp_path / "r.parquet"))


def test_low_confidence_is_uncertain_and_keeps_its_probabilities(faces: Path) -> None:
    table = predict(_options(faces, None, min_confidence=1.0)).table
    assert table is not None
    assert set(table["emotion"].to_pylist()) == {"uncertain"}
    assert table["p_happy"].null_count == 0


def test_too_many_failures_are_exit_code_3(tmp_path: Path, faces: Path) -> None:
    manifest = tmp_path / "m.csv"
    face = next(faces.rglob("*.png"))
    manifest.write_text(f"path\n{face}\ngone.jpg\n")
    assert (
        predict(_options(manifest, tmp_path / "a.csv", monitoring=MonitoringOptions(max_failures=1))).exit_code
        is ExitCode.OK
    )
    result = predict(_options(manifest, tmp_path / "b.csv", monitoring=MonitoringOptions(max_failures=0)))
    assert result.exit_code is ExitCode.OVER_THRESHOLD
    assert (tmp_path / "b.csv").exists()
    assert result.complaints == ("1 failure is more than `max_failures` 0",)
    in_memory = predict(_options(manifest, None, monitoring=MonitoringOptions(max_failures=0)))
    assert (in_memory.exit_code, in_memory.complaints) == (ExitCode.OVER_THRESHOLD, result.complaints)


@pytest.mark.parametrize("name", ["r.parquet", "r.csv", "r"])
def test_an_empty_manifest_gives_no_rows_and_every_column(tmp_path: Path, name: str) -> None:
    (tmp_path / "m.csv").write_text("path,id\n")
    assert predict(_options(tmp_path / "m.csv", tmp_path / name)).exit_code is ExitCode.OK
    if name != "r.csv":
        table = pq.read_table(tmp_path / name)
        assert table.num_rows == 0
        assert table.column_names[:3] == ["id", "path", "status"]


def test_usage_errors_come_before_any_work_and_leave_nothing(tmp_path: Path, faces: Path) -> None:
    for options in (
        _options(faces, tmp_path / "r.xlsx"),
        _options(faces, tmp_path / "no" / "r.csv"),
        _options(faces, tmp_path / "r.csv", min_confidence=2),
        _options(faces, tmp_path / "r.csv", batch_size=0),
        _options(faces, tmp_path / "r.csv", limits=Limits(max_pixels=0)),
        _options(faces, tmp_path / "r.csv", monitoring=MonitoringOptions(max_failures=-1)),
        _options(faces, Path()),
        _options(faces, Path("..")),
        _options(faces, tmp_path / "r.csv", model="typo"),
        _options(tmp_path / "gone", tmp_path / "r.csv"),
    ):
        with pytest.raises(UsageError):
            predict(options)
    assert list(tmp_path.iterdir()) == []


def test_the_paths_are_as_typed(faces: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(faces.parent)
    table = predict(PredictOptions(("faces/happy",))).table
    assert table is not None
    assert table["path"].to_pylist()[0] == os.path.join("faces/happy", "happy-0001.png")
    assert (table["width"].to_pylist()[0], table["height"].to_pylist()[0]) == (128, 128)


def test_a_missing_path_column_is_a_usage_error(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("file\na.jpg\n")
    options = PredictOptions((str(tmp_path / "m.csv"),), tmp_path / "r.csv", source=SourceOptions("path"))
    with pytest.raises(UsageError, match="no column 'path'"):
        predict(options)


def test_the_run_says_where_its_time_went_and_with_what(tmp_path: Path, faces: Path) -> None:
    predict(_options(faces, tmp_path / "r.parquet", threads=1))
    told = json.loads((tmp_path / "r.parquet.run.json").read_text())["last_run"]
    assert told["threads"] == 1
    assert told["runtime"].startswith("onnxruntime ")
    assert list(told["profile_seconds"]) == ["start", "list", "compare", "read", "decode", "detect", "infer", "write"]
    assert all(seconds >= 0 for seconds in told["profile_seconds"].values())
    assert told["profile_seconds"]["decode"] > 0


def test_full_decoding_agrees_and_is_another_run(tmp_path: Path, faces: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    for path in faces.rglob("*.png"):
        photo = cv2.resize(cv2.imread(str(path)), (1203, 1601), interpolation=cv2.INTER_CUBIC)
        cv2.imwrite(str(photos / f"{path.stem}.jpg"), photo)
    predict(_options(photos, tmp_path / "scaled.parquet", model="emotion-6"))
    predict(_options(photos, tmp_path / "full.parquet", model="emotion-6", full_decode=True))
    scaled, full = (pq.read_table(tmp_path / f"{name}.parquet") for name in ("scaled", "full"))
    assert scaled.schema.metadata[b"batch_emotion.jpeg_decoding"] == b"scaled"
    assert full.schema.metadata[b"batch_emotion.jpeg_decoding"] == b"full"
    for table in (scaled, full):
        assert set(table["width"].to_pylist()) == {1203}
        assert set(table["height"].to_pylist()) == {1601}
    gap = np.abs(_p(scaled) - _p(full))
    assert 0 < gap.max() < 0.1
    assert gap.mean() < 0.01
    clear = np.sort(_p(full), axis=1)[:, -1] - np.sort(_p(full), axis=1)[:, -2] > 0.1
    assert (_p(scaled).argmax(axis=1) == _p(full).argmax(axis=1))[clear].all()
    with pytest.raises(OutputMismatch, match=r"full-decode \(False then, True now\)"):
        predict(_options(photos, tmp_path / "scaled.parquet", full_decode=True))
