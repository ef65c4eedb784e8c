import json
import logging
import re
from pathlib import Path

import pytest

import batch_emotion.cli.logs
from batch_emotion.cli import main
from batch_emotion.cli.logs import LOG, begin_log


@pytest.fixture(autouse=True)
def _plain_log() -> object:
    yield
    begin_log()


def test_json_lines_all_carry_the_run_id_of_run_json(
    faces: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, log = tmp_path / "r.csv", tmp_path / "run.log"
    arguments = ["predict", str(faces), "--out", str(out), "--log-format", "json", "--log-file", str(log)]
    assert main(arguments) == 0
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [json.loads(line) for line in log.read_text().splitlines()] == lines
    assert lines[0]["message"] == "began"
    assert lines[-1]["message"] == "done"
    assert lines[-1]["statuses"] == {"ok": 48}
    assert {line["run_id"] for line in lines} == {
        json.loads((tmp_path / "r.csv.run.json").read_text())["last_run"]["run_id"]
    }
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+\+00:00", line["time"]) for line in lines)
    assert main([*arguments, "--shard-size", "7"]) == 2
    failed = json.loads(capsys.readouterr().err.splitlines()[-1])
    assert (failed["level"], failed["exit_code"]) == ("error", 2)
    assert main([*arguments, "--quiet"]) == 0
    assert capsys.readouterr().err == ""


def test_quiet_is_silent_when_all_is_well_and_says_what_is_wrong(
    faces: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "m.csv").write_text(f"path\n{next(faces.rglob('*.png'))}\ngone.jpg\n")
    arguments = ["predict", str(tmp_path / "m.csv"), "--out", str(tmp_path / "r.csv"), "--quiet"]
    assert main([*arguments, "--log-file", str(tmp_path / "log")]) == 0
    said = capsys.readouterr()
    assert said.out + said.err == ""
    assert "INFO done" in (tmp_path / "log").read_text()
    assert main([*arguments, "--max-failures", "0"]) == 3
    said = capsys.readouterr()
    assert said.out + said.err == "batch-emotion: warning: 1 failure is more than --max-failures 0\n"
    last_run = json.loads((tmp_path / "r.csv.run.json").read_text())["last_run"]
    assert (last_run["exit_code"], last_run["error"]) == (3, "1 failure is more than --max-failures 0")


def test_the_file_is_rotated_and_a_full_disk_does_not_end_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(batch_emotion.cli.logs, "_FILE_BYTES", 200)
    begin_log(file=tmp_path / "log")
    for number in range(30):
        LOG.info("line %d", number)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["log", *(f"log.{number}" for number in range(1, 6))]
    handler = next(each for each in LOG.handlers if isinstance(each, logging.FileHandler))
    monkeypatch.setattr(handler, "shouldRollover", lambda record: 1 / 0)
    LOG.info("lost")
    assert capsys.readouterr().err == ""
