"""Updates of real outputs: what stays, what a killed run left, and what a night without news costs."""

import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from batch_emotion import DEFAULT_MODEL, PredictOptions, predict
from batch_emotion.errors import BatchEmotionError, ExitCode, OutputMismatch, SourceError, TimeLimitReached
from batch_emotion.options.images import SourceOptions
from batch_emotion.options.runs import Caller, MonitoringOptions, UpdateOptions
from batch_emotion.plan import Plan
from batch_emotion.results.reader import read_result
from batch_emotion.results.workspace import Workspace
from batch_emotion.runs import recorder
from batch_emotion.scoring import Scorer
from tests.support.stopping import failing_at

UPDATE = UpdateOptions(prune=True, max_prune=0.5, retry_failures=True)


@pytest.fixture
def source(tmp_path: Path, faces: Path) -> Path:
    folder = tmp_path / "faces"
    folder.mkdir()
    for number, face in enumerate(sorted(faces.rglob("*.png"))[::4]):
        shutil.copy(face, folder / f"{number:02d}.png")
    return folder


def _options(source: Path, out: Path, update: UpdateOptions | None = UPDATE, **changes: object) -> PredictOptions:
    options = PredictOptions((str(source),), out, shard_size=4, batch_size=2, update=update)
    return replace(options, **changes)  # type: ignore[arg-type]


def _last_run(out: Path) -> dict[str, object]:
    told: dict[str, object] = json.loads(out.with_name(out.name + ".run.json").read_text())["last_run"]
    return told


@pytest.fixture
def scored(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The paths that are scored from now on."""
    paths: list[str] = []
    score = Scorer.score

    def noting(self: Scorer, plan: Plan, *arguments: object) -> Iterator[pa.RecordBatch]:
        for rows in score(self, plan, *arguments):  # type: ignore[arg-type]
            paths.extend(Path(path).name for path in rows["path"].to_pylist())
            yield rows

    monkeypatch.setattr(Scorer, "score", noting)
    return paths


def _change(source: Path) -> None:
    shutil.copy(source / "00.png", source / "05.png")
    (source / "03.png").write_bytes(b"not an image any more")
    (source / "11.png").unlink()
    shutil.copy(source / "01.png", source / "06a.png")


@pytest.mark.parametrize("name", ["r.parquet", "r.csv", "r"])
def test_only_news_are_scored_and_the_result_equals_a_fresh_one(
    tmp_path: Path, source: Path, scored: list[str], name: str
) -> None:
    out = tmp_path / name
    assert predict(_options(source, out)).summary.rows == 12
    scored.clear()
    assert predict(_options(source, out)).outcome == "nothing to do"
    assert scored == []
    _change(source)
    result = predict(_options(source, out))
    assert sorted(scored) == ["03.png", "05.png", "06a.png"]
    fresh = tmp_path / f"fresh{out.suffix}"
    predict(_options(source, fresh, None))
    assert read_result(out).equals(read_result(fresh))
    if out.is_dir():
        assert [len(pq.read_table(part)) for part in sorted(out.iterdir())] == [4, 4, 4]
    assert vars(result.summary.update) == _last_run(out)["update"]
    assert result.summary.rows == 12
    assert result.summary.failures == 1
    scored.clear()
    predict(_options(source, out))
    assert scored == ["03.png"], "what failed is tried again"
    assert predict(_options(source, out, UpdateOptions())).outcome == "nothing to do"


def test_vanished_images_stay_last_until_they_are_pruned(tmp_path: Path, source: Path) -> None:
    out = tmp_path / "r.csv"
    predict(_options(source, out))
    (source / "00.png").unlink()
    kept = predict(_options(source, out, UpdateOptions()))
    assert Path(read_result(out)["path"].to_pylist()[-1]).name == "00.png"
    assert kept.summary.update is not None
    assert kept.summary.update.vanished == 1
    again = predict(_options(source, out, UpdateOptions()))
    assert again.outcome == "nothing to do"
    assert again.summary.rows == 12
    pruned = predict(_options(source, out))
    assert pruned.summary.rows == 11
    for image in list(source.iterdir())[:9]:
        image.unlink()
    with pytest.raises(OutputMismatch, match="`max_prune`"):
        predict(_options(source, out))
    assert _last_run(out)["exit_code"] == 2
    assert len(read_result(out)) == 11


def test_an_empty_folder_changes_nothing_and_is_told(tmp_path: Path, source: Path) -> None:
    out = tmp_path / "r.parquet"
    predict(_options(source, out))
    before = out.read_bytes()
    shutil.rmtree(source)
    source.mkdir()
    with pytest.raises(SourceError, match="no images found"):
        predict(_options(source, out))
    assert out.read_bytes() == before
    assert _last_run(out)["exit_code"] == 2
    assert "no images found" in str(_last_run(out)["error"])


def test_parts_of_killed_nights_are_reused_though_the_folder_has_changed(
    tmp_path: Path, source: Path, scored: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "r.csv"
    commit = Workspace.commit

    def dying(self: Workspace, shard: int, rows: pa.Table) -> None:
        commit(self, shard, rows)
        raise KeyboardInterrupt  # what no handler expects leaves all as SIGKILL does

    for night in range(2):
        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(Workspace, "commit", dying)
            predict(_options(source, out))
        assert len(scored) == 4 * (night + 1)
    assert not out.exists()
    _change(source)
    scored.clear()
    result = predict(_options(source, out))
    assert result.summary.update is not None
    assert result.summary.update.reused == 6, "8 were scored, one was changed and one corrupted since"
    assert sorted(scored) == ["03.png", "05.png", "06a.png", "08.png", "09.png", "10.png"]
    predict(_options(source, tmp_path / "fresh.csv", None))
    assert out.read_bytes() == (tmp_path / "fresh.csv").read_bytes()
    assert not Workspace(out).folder.exists()


_DAMAGED = ["part-000000.parquet", "fingerprint.json", "plan.arrow", "announced.json"]


@pytest.mark.parametrize("content", [b"", b'{"cut'])
@pytest.mark.parametrize("name", _DAMAGED)
def test_an_update_does_without_what_is_damaged_of_an_unfinished_run(
    tmp_path: Path, source: Path, scored: list[str], name: str, content: bytes
) -> None:
    out = tmp_path / "r.csv"
    with failing_at(1):
        predict(_options(source, out))
    (Workspace(out).folder / name).write_bytes(content)
    (Workspace(out).folder / "begun-000001").touch()
    scored.clear()
    found = predict(_options(source, out))
    assert (found.exit_code, found.summary.rows) == (ExitCode.OK, 12)
    assert len(scored) == (12 if name in _DAMAGED[:2] else 8)


@pytest.mark.parametrize("name", _DAMAGED)
def test_a_run_that_is_taken_up_does_without_what_is_damaged(
    tmp_path: Path, source: Path, scored: list[str], name: str
) -> None:
    out = tmp_path / "r.csv"
    with failing_at(1):
        predict(_options(source, out, None))
    (Workspace(out).folder / name).write_bytes(b"")
    scored.clear()
    if name == "fingerprint.json":
        with pytest.raises(OutputMismatch, match=r"its fingerprint\.json is damaged; give `overwrite` to start over"):
            predict(_options(source, out, None))
    found = predict(_options(source, out, None, overwrite=name == "fingerprint.json"))
    assert (found.exit_code, found.summary.rows) == (ExitCode.OK, 12)
    assert len(scored) == (12 if name in _DAMAGED[:2] else 8)
    assert not Workspace(out).folder.exists()


def test_parts_of_another_model_are_not_reused(tmp_path: Path, source: Path, scored: list[str]) -> None:
    out = tmp_path / "r.parquet"
    with pytest.raises(TimeLimitReached, match="4 of 12"):
        predict(_options(source, out, time_limit=0.0))
    assert _last_run(out)["exit_code"] == 4
    assert _last_run(out)["scored_in_this_run"] == 4
    scored.clear()
    predict(_options(source, out, runtime="tensorflow"))
    assert len(scored) == 12


def test_a_time_limit_stops_at_a_shards_end_and_the_same_command_ends_it(
    tmp_path: Path, source: Path, scored: list[str]
) -> None:
    out = tmp_path / "r.parquet"
    options = _options(source, out, update=None, time_limit=0.0)
    for _ in range(2):
        with pytest.raises(TimeLimitReached, match="the same command carries on"):
            predict(options)
    assert predict(options).exit_code is ExitCode.OK
    assert len(scored) == 12


def test_a_time_limit_counts_the_rows_that_an_update_keeps(tmp_path: Path, source: Path) -> None:
    out = tmp_path / "r.parquet"
    predict(_options(source, out))
    for number in range(6):
        shutil.copy(source / "00.png", source / f"new-{number}.png")
    with pytest.raises(TimeLimitReached, match="16 of 18 images are scored"):
        predict(_options(source, out, time_limit=0.0))
    assert predict(_options(source, out)).summary.scored == 2


@pytest.mark.parametrize("name", ["r.csv", "r"])
def test_a_kill_between_the_output_and_its_run_json_loses_nothing(
    tmp_path: Path, source: Path, scored: list[str], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    out = tmp_path / name
    predict(_options(source, out))
    (source / "00.png").unlink()
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):

        def dying(*anything: object) -> None:
            raise KeyboardInterrupt

        patch.setattr("batch_emotion.runs.recorder.write_run", dying)
        predict(_options(source, out, UpdateOptions()))
    assert len(read_result(out)) == 12
    scored.clear()
    result = predict(_options(source, out, UpdateOptions()))
    assert scored == []
    assert result.summary.rows == 12
    assert not Workspace(out).folder.exists()
    assert predict(_options(source, out, UpdateOptions())).outcome == "nothing to do"


def test_an_output_that_was_changed_by_hand_is_not_built_upon(tmp_path: Path, source: Path) -> None:
    out = tmp_path / "r.csv"
    predict(_options(source, out))
    out.write_bytes(out.read_bytes().replace(b"ok", b"OK", 1))
    with pytest.raises(OutputMismatch, match="changed after it was written"):
        predict(_options(source, out))
    assert predict(_options(source, out, overwrite=True)).summary.statuses == {"ok": 12}


def test_with_checksums_a_touched_file_is_the_same_and_a_forged_one_is_not(
    tmp_path: Path, source: Path, scored: list[str]
) -> None:
    out = tmp_path / "r.csv"
    checksum = replace(UPDATE, checksum=True)
    predict(_options(source, out, checksum))
    assert read_result(out).column_names[-1] == "sha256"
    os.utime(source / "01.png", ns=(1, 1))
    forged, stat = source / "02.png", (source / "02.png").stat()
    forged.write_bytes(forged.read_bytes()[::-1])
    os.utime(forged, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    scored.clear()
    predict(_options(source, out, checksum))
    assert scored == ["02.png"]
    predict(_options(source, tmp_path / "fresh.csv", checksum))
    assert out.read_bytes() == (tmp_path / "fresh.csv").read_bytes()
    assert predict(_options(source, out)).summary.scored == 1
    assert "sha256" not in read_result(out).column_names


def test_drift_and_failures_are_complaints_and_exit_code_3(tmp_path: Path, source: Path) -> None:
    out = tmp_path / "r.parquet"
    predict(_options(source, out))
    for image in sorted(source.iterdir())[:3]:
        image.write_bytes(b"")
    drifting = MonitoringOptions(baseline=out.with_name("r.parquet.run.json"), max_drift=0.2)
    result = predict(_options(source, out, monitoring=replace(drifting, max_failures=2)))
    assert result.exit_code is ExitCode.OVER_THRESHOLD
    assert len(result.complaints) == 2
    assert _last_run(out)["drift"]["failure_rate"] == 0.25  # type: ignore[index]
    assert predict(_options(source, out, monitoring=replace(drifting, max_drift=0.5))).exit_code is ExitCode.OK


def test_a_failed_night_is_told_and_keeps_what_the_last_good_one_told(tmp_path: Path, source: Path) -> None:
    out, metrics = tmp_path / "r.parquet", tmp_path / "x.prom"
    report = MonitoringOptions("nightly", metrics)
    predict(_options(source, out, monitoring=report))
    good = json.loads((tmp_path / "r.parquet.run.json").read_text())
    success = next(line for line in metrics.read_text().splitlines() if line.startswith("batch_emotion_last_success"))
    _change(source)

    def failing(*anything: object, **more: object) -> None:
        raise OSError(28, "No space left on device")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("batch_emotion.results.workspace.pq.write_table", failing)
        with pytest.raises(BatchEmotionError, match=r"No space left.*free some space.*same command again"):
            predict(_options(source, out, monitoring=report))
    told = json.loads((tmp_path / "r.parquet.run.json").read_text())
    assert told["result"] == good["result"]
    assert told["last_run"]["exit_code"] == 1
    assert "No space left" in told["last_run"]["error"]
    assert success in metrics.read_text()
    assert 'batch_emotion_last_run_exit_code{job="nightly"} 1.0' in metrics.read_text()
    assert list(Workspace(out).folder.glob("begun-*")) == []
    assert predict(_options(source, out, monitoring=report)).exit_code is ExitCode.OK


def test_the_record_of_a_run_says_how_it_went(tmp_path: Path, source: Path) -> None:
    out = tmp_path / "r.parquet"
    predict(_options(source, out, caller=Caller(("batch-emotion", "predict"), "abc")))
    told = _last_run(out)
    assert told["run_id"] == "abc"
    assert told["arguments"] == ["batch-emotion", "predict"]
    assert told["statuses"] == {"ok": 12}
    assert sum(told["emotions"].values()) == 12  # type: ignore[attr-defined]
    assert told["images_per_second"] > 0  # type: ignore[operator]
    assert told["peak_memory_bytes"] > 10_000_000  # type: ignore[operator]
    assert told["profile_seconds"].keys() >= {"start", "list", "read", "decode", "infer", "write"}  # type: ignore[attr-defined]
    assert told["profile_seconds"]["infer"] > 0  # type: ignore[index]
    assert {"batch-emotion", "python", "onnxruntime"} <= told["versions"].keys()  # type: ignore[attr-defined]
    assert told["model"]["name"] == DEFAULT_MODEL  # type: ignore[index]
    assert told["exit_code"] == 0


def test_nothing_to_do_loads_neither_tensorflow_nor_a_runtime(tmp_path: Path, source: Path) -> None:
    out = tmp_path / "r.parquet"
    predict(_options(source, out))
    code = (
        "import sys; from batch_emotion.cli import main; "
        f"code = main(['predict', {str(source)!r}, '--out', {str(out)!r}, '--shard-size', '4', '--update']); "
        "print(code, [name for name in ('tensorflow', 'keras', 'onnxruntime') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "0 []\n"
    assert _last_run(out)["outcome"] == "nothing to do"


def test_leftovers_of_killed_writes_are_swept_and_other_files_are_not(tmp_path: Path, source: Path) -> None:
    swept = [tmp_path / ".r.parquet.abcd1234.tmp", tmp_path / ".r.parquet.run.json.abcd_234.tmp"]
    stay = [tmp_path / ".r.parquet.other.abcd1234.tmp", tmp_path / ".q.parquet.abcd1234.tmp"]
    for file in (*swept, *stay):
        file.touch()
    predict(_options(source, tmp_path / "r.parquet"))
    assert [file.exists() for file in (*swept, *stay)] == [False, False, True, True]


@pytest.mark.parametrize("as_list", [False, True])
def test_images_that_another_run_scored_while_this_one_waited_are_listed_too(
    tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch, as_list: bool
) -> None:
    out = tmp_path / "r.csv"
    predict(_options(source, out))
    hold = recorder.hold_output

    def hold_late(*arguments: Any) -> AbstractContextManager[None]:
        monkeypatch.setattr(recorder, "hold_output", hold)
        shutil.copy(source / "01.png", source / "12.png")
        predict(_options(source, out))
        return hold(*arguments)

    monkeypatch.setattr(recorder, "hold_output", hold_late)
    listed = SourceOptions(stdin=io.BytesIO("".join(f"{path}\n" for path in sorted(source.iterdir())).encode()))
    options = _options(source, out, wait=1.0)
    result = predict(replace(options, sources=("-",), source=listed) if as_list else options)
    assert result.summary.images == (12 if as_list else 13), "a list on standard input cannot be read again"
