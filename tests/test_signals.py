"""Signals that come while the program loads: each leaves a record, whenever it comes."""

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from batch_emotion import PredictOptions, predict
from batch_emotion.__main__ import what_is_left
from batch_emotion.errors import ExitCode
from batch_emotion.runs.output import Progress
from tests.support.children import command, environment, path_with, start, wait_for

SLOW_IMPORT = """
import os, time
from importlib.machinery import SourceFileLoader
real = SourceFileLoader.exec_module
def slow(self, module):
    if module.__name__ == os.environ["SLOW_IMPORT"]:
        open(os.environ["REACHED"], "w").close()
        time.sleep(float(os.environ["SECONDS"]))
    real(self, module)
SourceFileLoader.exec_module = slow
"""


@pytest.fixture(autouse=True, scope="module")
def heard() -> Iterator[None]:
    """Children hear SIGHUP even where the tests run below nohup, which they would inherit."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize(
    ("module", "seconds", "signum", "runtime"),
    [
        ("typer", 0.5, signal.SIGTERM, "auto"),  # the arguments are not known yet
        ("pyarrow", 0.5, signal.SIGINT, "auto"),
        ("cv2", 0.5, signal.SIGHUP, "auto"),
        ("tensorflow", 0.5, signal.SIGTERM, "tensorflow"),
        ("tensorflow", 60, signal.SIGTERM, "tensorflow"),  # the process is ended by force
        ("onnxruntime", 0.5, signal.SIGINT, "auto"),  # the model is being opened
    ],
)
def test_a_signal_while_libraries_load_leaves_a_record_and_the_run_carries_on(
    module: str, seconds: float, signum: signal.Signals, runtime: str, faces: Path, tmp_path: Path
) -> None:
    out, metrics, reached = tmp_path / "r.parquet", tmp_path / "job.prom", tmp_path / "reached"
    variables = {"SLOW_IMPORT": module, "SECONDS": str(seconds), "REACHED": str(reached)}
    process = start(
        command("predict", faces, "--out", out, "--metrics-file", metrics, "--runtime", runtime),
        environment(path_with(tmp_path / "site", SLOW_IMPORT), **variables),
    )
    wait_for(reached, process)
    process.send_signal(signum)
    _, lines = process.communicate(timeout=60)
    assert process.returncode == 128 + signum, lines
    assert lines.count("\n") == 2
    assert f"stopped by {signum.name}" in lines
    run = json.loads((tmp_path / "r.parquet.run.json").read_text())["last_run"]
    assert (run["exit_code"], run["error"], run["outcome"]) == (128 + signum, signum.name, "failed")
    assert f'last_run_exit_code{{job="r"}} {128 + signum}.0\n' in metrics.read_text()
    assert not out.exists()
    assert predict(PredictOptions((str(faces),), out, runtime=runtime)).exit_code == ExitCode.OK


@pytest.mark.parametrize(
    ("line", "left"),
    [
        ("predict faces --out r.csv", "what is committed is kept, the same command carries on"),
        ("run nightly.toml", "what is committed is kept, the same command carries on"),
        ("predict faces", "the same command begins anew"),
        ("train faces --out m", "the epochs that are done are kept, the same command with --resume carries on"),
        ("train faces --out m --find-batch-size", "the same command begins anew"),
        ("evaluate faces --out e", "the same command begins anew"),
    ],
)
def test_every_command_that_is_stopped_says_what_it_leaves(line: str, left: str) -> None:
    assert what_is_left(line.split()) == left


SLOW_DECODE = """
import batch_emotion.images.decode as decode
decode_fast = decode.decode
def decode_slowly(data, *how):
    time.sleep(0.2)
    return decode_fast(data, *how)
decode.decode = decode_slowly
"""


def test_work_goes_on_while_tensorflow_loads_and_a_signal_meanwhile_loses_nothing(faces: Path, tmp_path: Path) -> None:
    out, reached = tmp_path / "r.parquet", tmp_path / "reached"
    variables = {"SLOW_IMPORT": "tensorflow", "SECONDS": "60", "REACHED": str(reached)}
    process = start(
        command("predict", faces, "--out", out, "--shard-size", 1, "--batch-size", 1),
        environment(path_with(tmp_path / "site", SLOW_IMPORT + SLOW_DECODE), **variables),
    )
    wait_for(reached, process)
    wait_for(tmp_path / "r.parquet.work" / "part-000011.parquet", process)
    process.send_signal(signal.SIGTERM)
    _, lines = process.communicate(timeout=20)
    assert process.returncode == 143, lines
    assert lines.count("\n") == 2
    done = predict(PredictOptions((str(faces),), out, shard_size=1, batch_size=1))
    assert 12 <= done.summary.images - done.summary.scored < 48
    assert pq.read_table(out).equals(predict(PredictOptions((str(faces),))).table.cast(pq.read_schema(out)))


def test_a_run_that_ends_before_tensorflow_is_loaded_does_not_wait_for_it(faces: Path, tmp_path: Path) -> None:
    out, reached = tmp_path / "r.parquet", tmp_path / "reached"
    variables = {"SLOW_IMPORT": "tensorflow", "SECONDS": "60", "REACHED": str(reached)}
    process = start(
        command("predict", faces, "--out", out, "--shard-size", 1, "--batch-size", 1, "--quiet"),
        environment(path_with(tmp_path / "site", SLOW_IMPORT), **variables),
    )
    _, lines = process.communicate(timeout=40)
    assert (process.returncode, lines) == (0, "")
    assert reached.exists()
    assert len(pq.read_table(out)) == 48


def test_ctrl_c_in_a_python_program_leaves_a_record(faces: Path, tmp_path: Path) -> None:
    def stop(progress: Progress) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        predict(PredictOptions((str(faces),), tmp_path / "r.csv"), stop)
    run = json.loads((tmp_path / "r.csv.run.json").read_text())["last_run"]
    assert (run["exit_code"], run["error"]) == (130, "SIGINT")
