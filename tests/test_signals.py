"""Signals that come while the program loads: each leaves a record, whenever it comes."""

import json
import signal
from pathlib import Path

import pytest

from batch_emotion import PredictOptions, predict
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


@pytest.mark.parametrize(
    ("module", "seconds", "signum"),
    [
        ("typer", 0.5, signal.SIGTERM),  # the arguments are not known yet
        ("pyarrow", 0.5, signal.SIGINT),
        ("cv2", 0.5, signal.SIGHUP),
        ("tensorflow", 0.5, signal.SIGTERM),
        ("tensorflow", 60, signal.SIGTERM),  # the process is ended by force
        ("onnxruntime", 0.5, signal.SIGINT),  # the model is being opened
    ],
)
def test_a_signal_while_libraries_load_leaves_a_record_and_metrics_and_the_same_command_carries_on(
    module: str, seconds: float, signum: signal.Signals, faces: Path, tmp_path: Path
) -> None:
    out, metrics, reached = tmp_path / "r.parquet", tmp_path / "job.prom", tmp_path / "reached"
    variables = {"SLOW_IMPORT": module, "SECONDS": str(seconds), "REACHED": str(reached)}
    process = start(
        command("predict", faces, "--out", out, "--metrics-file", metrics),
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
    assert predict(PredictOptions((str(faces),), out)).exit_code == ExitCode.OK


def test_ctrl_c_in_a_python_program_leaves_a_record(faces: Path, tmp_path: Path) -> None:
    def stop(progress: Progress) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        predict(PredictOptions((str(faces),), tmp_path / "r.csv"), stop)
    run = json.loads((tmp_path / "r.csv.run.json").read_text())["last_run"]
    assert (run["exit_code"], run["error"]) == (130, "SIGINT")
