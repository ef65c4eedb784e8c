"""Results on an object store are what they are on a disk, whatever comes between."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from pyarrow import dataset

from batch_emotion import PredictOptions, predict
from batch_emotion.cli import main as command_line
from batch_emotion.commands.merge import merge
from batch_emotion.errors import BatchEmotionError, ExitCode, OutputMismatch
from batch_emotion.options.merge import MergeOptions
from batch_emotion.options.runs import MonitoringOptions, Task, UpdateOptions
from batch_emotion.results.reader import read_result
from batch_emotion.results.run_document import read_run
from batch_emotion.results.workspace import Workspace
from batch_emotion.storage.places import Place, output_place
from tests.support.stopping import failing_at
from tests.support.store import FORBIDDEN, Bucket, Request, writable

pytestmark = writable

SHARD = 10


@pytest.fixture(autouse=True)
def _state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


def _options(source: Path, out: Place, **changes: object) -> PredictOptions:
    return PredictOptions((str(source),), out, **{"model": "seed-cnn", "shard_size": SHARD, "threads": 1} | changes)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["r.parquet", "r.csv", "r"])
def test_a_result_on_a_store_equals_the_local_one_and_behaves_like_it(
    tmp_path: Path, faces: Path, bucket: Bucket, name: str
) -> None:
    source = tmp_path / "faces"
    shutil.copytree(faces, source)
    here, there = tmp_path / name, output_place(bucket.uri(f"a b/50%#ü {name}"))
    predict(_options(source, here))
    assert predict(_options(source, there)).outcome == "done"
    assert read_result(there).equals(read_result(here))
    if name == "r.csv":
        assert bucket.get(f"a b/50%#ü {name}") == here.read_bytes()
    told = json.loads(bucket.get(f"a b/50%#ü {name}.run.json"))
    assert told["result"]["counts"]["images"] == 48
    left = [key for key in bucket.objects() if "part-" not in key]
    assert left == sorted(
        [f"a b/50%#ü {name}.run.json", f"a b/50%#ü {name}" + ("/_manifest.json" if name == "r" else "")]
    )
    assert predict(_options(source, there)).outcome == "nothing to do"
    with pytest.raises(OutputMismatch, match=r"shard-size .*`overwrite`"):
        predict(_options(source, there, shard_size=11))
    (source / "happy" / "happy-0001.png").unlink()
    with pytest.raises(OutputMismatch, match="48 images then, 47 now"):
        predict(_options(source, there))
    updated = predict(_options(source, there, update=UpdateOptions(prune=True)))
    assert (updated.summary.images, updated.summary.scored) == (47, 0)
    predict(_options(source, here, overwrite=True))
    assert read_result(there)["path"].equals(read_result(here)["path"])
    assert predict(_options(source, there, overwrite=True)).summary.scored == 47
    assert read_result(there).equals(read_result(here))
    if name == "r":
        assert isinstance(there.key, str)
        rows = dataset.dataset(there.key, filesystem=there.filesystem, format="parquet").to_table()
        assert rows.num_rows == 47
    changed = next(key for key in bucket.objects() if "part-" in key or key.endswith(name))
    bucket.put(changed, b"someone else's")
    with pytest.raises(OutputMismatch, match="was changed after it was written"):
        predict(_options(source, there))


@pytest.mark.parametrize("name", ["r.parquet", "r"])
def test_a_stopped_run_carries_on_in_another_process(tmp_path: Path, faces: Path, bucket: Bucket, name: str) -> None:
    predict(_options(faces, tmp_path / name))
    out = output_place(bucket.uri(name))
    with failing_at(2):
        predict(_options(faces, out))
    assert read_run(out)["last_run"]["exit_code"] == 1
    assert not out.exists()
    assert Workspace(out).committed == {0, 1}
    assert Workspace(out).begun == set()
    with pytest.raises(OutputMismatch, match=r"min-confidence \(0.0 then, 0.9 now\)"):
        predict(_options(faces, out, min_confidence=0.9))
    assert predict(_options(faces, out)).summary.scored == 48 - 2 * SHARD
    assert read_result(out).equals(read_result(tmp_path / name))
    assert not Workspace(out).folder.exists()


def test_an_update_takes_over_what_a_stopped_run_left(faces: Path, bucket: Bucket) -> None:
    out = output_place(bucket.uri("r"))
    with failing_at(3):
        predict(_options(faces, out))
    bucket.put("r/part-000000-0123abcd.parquet", b"half a folder, without its manifest")
    Workspace(out).begin(4)  # as if a process had died there
    result = predict(_options(faces, out, update=UpdateOptions()))
    assert (result.summary.update and result.summary.update.reused) == 3 * SHARD
    assert result.summary.scored == 48 - 3 * SHARD
    assert read_result(out)["status"].to_pylist() == ["ok"] * 48
    assert len(bucket.objects("r/part-")) == len(bucket.objects("r/")) - 1


def test_a_killed_process_loses_nothing_committed(tmp_path: Path, faces: Path, bucket: Bucket) -> None:
    out = output_place(bucket.uri("r.parquet"))
    arguments = ["predict", str(faces), "--out", str(out), "--model", "seed-cnn", "--shard-size", "4"]
    holding = True

    def third_part_waits(request: Request) -> tuple[str, bytes] | None:
        while holding and request.key.endswith("part-000002.parquet"):
            time.sleep(0.05)
        return None

    bucket.server.answer = third_part_waits
    process = subprocess.Popen(
        [sys.executable, "-m", "batch_emotion", *arguments], stderr=subprocess.PIPE, cwd=tmp_path, env=dict(os.environ)
    )
    try:
        while process.poll() is None and 1 not in Workspace(out).committed:
            time.sleep(0.2)
        busy = command_line([*arguments, "--quiet"])
    finally:
        process.send_signal(signal.SIGKILL)
        said = process.communicate()[1]
        holding = False
    assert busy == ExitCode.BUSY, said
    assert {0, 1} <= Workspace(out).committed
    assert not out.exists()
    assert command_line([*arguments, "--quiet"]) == ExitCode.OK
    assert read_run(out)["last_run"]["scored_in_this_run"] <= 48 - 2 * 4
    predict(_options(faces, tmp_path / "r.parquet", shard_size=4))
    assert read_result(out)["path"].equals(read_result(tmp_path / "r.parquet")["path"])


@pytest.mark.parametrize("name", ["r.parquet", "r"])
def test_an_output_that_cannot_be_put_leaves_the_old_one(
    tmp_path: Path, faces: Path, bucket: Bucket, name: str
) -> None:
    few = tmp_path / "few"
    shutil.copytree(faces / "happy", few)
    out = output_place(bucket.uri(f"x/{name}"))
    predict(_options(few, out))
    old = read_result(out)

    def final_is_refused(request: Request) -> tuple[str, bytes] | None:
        final = request.key.endswith((f"x/{name}", "_manifest.json"))
        return FORBIDDEN if final and request.does == "write" else None

    bucket.server.answer = final_is_refused
    with pytest.raises(BatchEmotionError, match=r"(ACCESS|PERMISSION)_DENIED.*what is committed is kept"):
        predict(_options(few, out, overwrite=True, min_confidence=0.5))
    bucket.server.answer = lambda request: None
    assert read_result(out).equals(old)
    again = predict(_options(few, out, overwrite=True, min_confidence=0.5))
    assert (again.outcome, again.summary.scored) == ("done", 0)
    assert len(bucket.objects(f"x/{name}")) == 2 + (name == "r")


def test_a_store_that_refuses_is_one_line_before_any_work(
    tmp_path: Path, faces: Path, bucket: Bucket, capsys: pytest.CaptureFixture[str]
) -> None:
    def said(out: str, *more: str) -> tuple[int, str]:
        code = command_line(["predict", str(faces), "--model", "seed-cnn", "--out", out, *more])
        return code, capsys.readouterr().err

    none = bucket.elsewhere("no-such-bucket")
    for out, code, told in (
        (f"{none}/r.parquet", ExitCode.USAGE, f"there is no bucket {none}"),
        (f"{bucket.scheme}://", ExitCode.USAGE, "names no bucket"),
        (bucket.root, ExitCode.USAGE, "--out must name a new file or directory"),
        (bucket.uri("r.xlsx"), ExitCode.USAGE, "cannot write .xlsx files"),
        ("ftp://host/r.parquet", ExitCode.USAGE, "cannot open ftp://"),
    ):
        found = said(out)
        assert found[0] == code
        assert told in found[1]
        assert len(found[1].splitlines()) == 1
    bucket.server.answer = lambda request: FORBIDDEN if request.does == "write" else None
    code, told = said(bucket.uri("r.parquet"))
    assert code == ExitCode.FAILED
    assert "check the credentials" in told
    assert "Traceback" not in told
    bucket.server.answer = lambda request: FORBIDDEN
    code, told = said(bucket.uri("r.parquet"))
    assert code == ExitCode.USAGE
    assert "check the credentials" in told
    assert len(told.splitlines()) == 1
    code, told = said(bucket.uri("r.parquet"), "--metrics-file", "s3://b/m.prom")
    assert code == ExitCode.USAGE
    assert "--metrics-file must be a path on this machine" in told
    bucket.server.answer = lambda request: None
    for arguments in (
        ["train", "data", "--out", f"{bucket.scheme}://b/model"],
        ["evaluate", "s3://b/r.parquet", "--out", "judged"],
        ["explain", "face.png", "--out", f"{bucket.scheme}://b/looks"],
    ):
        assert command_line(arguments) == ExitCode.USAGE
        assert "must be a path on this machine, without a scheme" in capsys.readouterr().err
    assert bucket.objects() == []


def test_a_job_file_may_name_a_store(
    tmp_path: Path, faces: Path, bucket: Bucket, capsys: pytest.CaptureFixture[str]
) -> None:
    job = tmp_path / "job.toml"
    job.write_text(f'sources = ["{faces}"]\nout = "{bucket.uri("x/r.parquet")}"\nmodel = "seed-cnn"\n')
    assert command_line(["run", str(job), "--check"]) == ExitCode.OK
    assert bucket.uri("x/r.parquet") in capsys.readouterr().out
    assert command_line(["run", str(job), "--quiet"]) == ExitCode.OK
    assert bucket.objects() == ["x/r.parquet", "x/r.parquet.run.json"]


def test_a_run_asks_the_store_for_lists_and_not_for_each_shard(faces: Path, bucket: Bucket) -> None:
    bucket.server.requests.clear()
    predict(_options(faces, output_place(bucket.uri("x/r.parquet")), shard_size=4))
    parts = [request.does for request in bucket.server.requests if "part-" in request.key]
    assert parts.count("write") == 12 * (2 if bucket.scheme == "gs" else 1)
    assert parts.count("look") + parts.count("read") <= 12 * 3  # once to put them together


def test_tasks_are_merged_and_reported_on_a_store(
    tmp_path: Path, faces: Path, bucket: Bucket, capsys: pytest.CaptureFixture[str]
) -> None:
    parts = [output_place(bucket.uri(f"t{index}.parquet")) for index in range(2)]
    for index, part in enumerate(parts):
        predict(_options(faces, part, task=Task(index, 2)))
    out = output_place(bucket.uri("all"))
    assert merge(MergeOptions(tuple(parts), out)).images == 48
    predict(_options(faces, tmp_path / "whole.parquet"))
    assert read_result(out).equals(pq.read_table(tmp_path / "whole.parquet").replace_schema_metadata(None))
    with pytest.raises(OutputMismatch, match="is there already"):
        merge(MergeOptions(tuple(parts), out))
    page = tmp_path / "page.html"
    assert command_line(["report", str(out), "--out", str(page), "--no-explain", "--quiet"]) == ExitCode.OK
    assert "happy" in page.read_text()
    assert command_line(["report", str(out), "--out", bucket.uri("page.html")]) == ExitCode.USAGE
    assert "--out must be a path on this machine" in capsys.readouterr().err
    compared = _options(
        faces, output_place(bucket.uri("b.csv")), monitoring=MonitoringOptions(baseline=out, max_drift=0.1)
    )
    assert predict(compared).exit_code is ExitCode.OK
