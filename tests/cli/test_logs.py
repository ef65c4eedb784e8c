import errno
import json
import logging
import os
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


@pytest.mark.parametrize(
    ("log", "words"),
    [
        ("r.csv", "--out"),
        ("link.csv", "--out"),
        ("m.prom", "--metrics-file"),
        ("p.html", "--report"),
        ("r.csv.run.json", "the record of --out"),
        ("r.csv.lock", "the lock of --out"),
        ("r.csv.work/log", "the folder for unfinished work of --out"),
        ("faces.txt", "itself read"),
        ("old.csv", "itself read"),
        ("night.toml", "itself read"),
    ],
)
@pytest.mark.parametrize("check", [[], ["--check"]])
def test_the_log_is_nothing_else_of_the_run(
    log: str,
    words: str,
    check: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("r.csv.work").mkdir()
    Path("link.csv").symlink_to("r.csv")
    for name in ("r.csv", "m.prom", "p.html", "r.csv.run.json", "r.csv.lock", "faces.txt", "old.csv"):
        Path(name).write_text("as it was")
    Path("night.toml").write_text(
        'sources = ["faces.txt"]\nout = "r.csv"\nmetrics-file = "m.prom"\nreport = "p.html"\nbaseline = "old.csv"'
    )
    before = {path: path.read_text() for path in tmp_path.rglob("*") if path.is_file()}
    assert main(["run", "night.toml", *check, "--log-file", log]) == 2
    said = capsys.readouterr().err
    assert said.startswith("batch-emotion: error: --")
    assert words in said
    assert said.count("\n") == 1
    assert before == {path: path.read_text() for path in tmp_path.rglob("*") if path.is_file()}


@pytest.mark.parametrize("option", ["--out", "--metrics-file", "--report", "--log-file"])
def test_a_check_says_what_may_not_be_written(
    option: str, faces: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """By the system's own word, as an administrator may write anywhere."""
    name = {"--out": "r.csv", "--metrics-file": "m.prom", "--report": "p.html", "--log-file": "log"}[option]
    closed = tmp_path / "closed"
    closed.mkdir()
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != closed)
    arguments = ["predict", str(faces), "--out", str(tmp_path / "r.csv"), "--dry-run"]
    assert main([*arguments, option, str(tmp_path / name)]) == 0
    capsys.readouterr()
    assert main([*arguments, option, str(closed / name)]) == 2
    said = capsys.readouterr()
    assert said.err == (
        f"batch-emotion: error: {option}: this user may not write to the folder {closed}; make it writable\n"
    )
    assert said.out == ""


@pytest.mark.parametrize("option", ["--out", "--metrics-file", "--report", "--log-file"])
@pytest.mark.parametrize("words", [[], ["--dry-run"]])
def test_a_folder_that_may_not_be_looked_at_is_told(
    option: str,
    words: list[str],
    faces: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    name = {"--metrics-file": "m.prom", "--report": "p.html", "--log-file": "log"}.get(option, "r.csv")
    stat = Path.stat

    def closed(self: Path, **how: bool) -> os.stat_result:
        if self.is_relative_to(tmp_path / "closed"):
            raise PermissionError(errno.EACCES, "Permission denied", str(self))
        return stat(self, **how)

    monkeypatch.setattr(Path, "stat", closed)
    arguments = ["predict", str(faces), "--out", str(tmp_path / "r.csv"), *words]
    assert main([*arguments, option, str(tmp_path / "closed" / name)]) == 2
    said = capsys.readouterr().err
    told = "" if option == "--report" else f"{option}: "
    assert said == f"batch-emotion: error: {told}this user may not look at the folder {tmp_path}/closed; allow that\n"


@pytest.mark.parametrize("name", ["log", "r.csv.lock"])
def test_a_check_says_which_file_may_not_be_written(
    name: str, faces: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / name).touch()
    monkeypatch.setattr(os, "access", lambda path, mode: mode == os.R_OK or Path(path) != tmp_path / name)
    out, log = str(tmp_path / "r.csv"), str(tmp_path / "log")
    assert main(["predict", str(faces), "--out", out, "--log-file", log, "--dry-run"]) == 2
    assert f"this user may not write to {tmp_path / name}; make it writable" in capsys.readouterr().err
