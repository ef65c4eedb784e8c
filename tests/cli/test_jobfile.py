import errno
import json
import os
from datetime import datetime
from pathlib import Path
from typing import Literal

import pytest

from batch_emotion.cli import main
from batch_emotion.cli.jobfile import read_job
from batch_emotion.errors import JobFileError

KINDS = {
    "sources": list[str],
    "out": Path | None,
    "batch-size": int,
    "max-drift": float | None,
    "quiet": bool,
    "runtime": Literal["auto", "onnx"],
}


def _job(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "job.toml"
    file.write_text(text)
    return file


def test_values_are_taken_with_their_variables_and_dates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PHOTOS", "/srv/photos")
    text = (
        'sources = ["${PHOTOS}/{date:%Y}", "b{x}"]\nout = "{date:%Y}/r.csv"\nbatch-size = 7\nmax-drift = 1\n'
        "quiet = true"
    )
    year = datetime.now().astimezone().strftime("%Y")
    assert read_job(_job(tmp_path, text), KINDS) == {
        "sources": [f"/srv/photos/{year}", "b{x}"],
        "out": f"{year}/r.csv",
        "batch-size": 7,
        "max-drift": 1,
        "quiet": True,
    }


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("batchsize = 7", "batchsize: unknown key; did you mean batch-size"),
        ("batch_size = 7", "did you mean batch-size"),
        ("qwerty = 7", "the keys are sources, out, batch-size"),
        ("[predict]\nout = 'r.csv'", "predict: unknown key"),
        ("batch-size = '7'", "batch-size: must be a whole number, not the string '7'"),
        ("batch-size = 7.5", "batch-size: must be a whole number, not 7.5"),
        ("batch-size = true", "batch-size: must be a whole number, not true"),
        ("max-drift = 'much'", "max-drift: must be a number"),
        ("quiet = 1", "quiet: must be true or false, not 1"),
        ("out = ['r.csv']", "out: must be a string, not a list"),
        ("sources = 'photos'", "sources: must be a list of strings, not the string 'photos'"),
        ("sources = [1]", "sources: must be a string, not 1"),
        ("runtime = 'onx'", "runtime: must be one of auto, onnx, not the string 'onx'; did you mean onnx"),
        ("out = '${NOT_SET_X}/r.csv'", "out: the environment variable NOT_SET_X is not set"),
        ("out = ", "not TOML"),
        *(
            (f"out = '{wrong}/r.csv'", f"out: {wrong} is no date; dates are written such as {{date:%Y-%m-%d}}")
            for wrong in (
                "{Date:%Y}",
                "{datum}",
                "{date:%Q}",
                "{date:}",
                "{date}",
                "{date:%}",
                "{date:Y}",
                "{date:%Y%Q}",
            )
        ),
        ("sources = ['{date:%Q}/a']", "sources: {date:%Q} is no date"),
    ],
)
def test_what_is_wrong_is_named_with_the_nearest_right_one(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(JobFileError) as caught:
        read_job(_job(tmp_path, text), KINDS)
    assert words in str(caught.value)
    assert str(tmp_path / "job.toml") in str(caught.value)


def test_a_near_variable_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BE_PHOTOS", "x")
    with pytest.raises(JobFileError, match=r"BE_PHOTO is not set; did you mean \$\{BE_PHOTOS\}"):
        read_job(_job(tmp_path, 'out = "${BE_PHOTO}"'), KINDS)


@pytest.mark.parametrize("text", ['sources = ["${RESULTS}/a"]', 'out = "${RESULTS}/r.csv"', 'out = "${RESULTS}"'])
@pytest.mark.parametrize("value", ["", " "])
def test_an_empty_variable_is_refused_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, value: str
) -> None:
    monkeypatch.setenv("RESULTS", value)
    with pytest.raises(JobFileError, match=r"job.toml: (sources|out): the environment variable RESULTS is empty"):
        read_job(_job(tmp_path, text), KINDS)


def _checked(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[dict[str, list[str]], str]:
    assert main(["run", *map(str, arguments), "--check"]) == 0
    *options, plan = capsys.readouterr().out.splitlines()
    return {line.split()[0]: line.split(maxsplit=1)[1].rsplit("  ", 1) for line in options}, plan


def test_the_command_line_comes_before_the_environment_the_file_and_the_default(
    tmp_path: Path, faces: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    job = _job(
        tmp_path,
        f'sources = ["{faces}"]\nout = "{tmp_path}/r.csv"\nbatch-size = 1\nshard-size = 2\nmax-pixels = 3\n'
        "update = true",
    )
    monkeypatch.setenv("BATCH_EMOTION_BATCH_SIZE", "4")
    monkeypatch.setenv("BATCH_EMOTION_SHARD_SIZE", "5")
    options, plan = _checked(capsys, job, "--shard-size", 6, "--no-update")

    def told(key: str) -> list[str]:
        return [each.strip() for each in options[key]]

    assert told("shard-size") == ["6", "command line"]
    assert told("batch-size") == ["4", "environment"]
    assert told("max-pixels") == ["3", str(job)]
    assert told("max-bytes") == ["268435456", "default"]
    assert told("update") == ["False", "command line"]
    assert told("job") == ["job", str(job)]
    assert plan.startswith("48 images")
    assert [path.name for path in tmp_path.iterdir()] == ["job.toml"]


def test_predict_takes_the_environment_too(
    tmp_path: Path, faces: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BATCH_EMOTION_OUT", str(tmp_path / "r.csv"))
    monkeypatch.setenv("BATCH_EMOTION_DRY_RUN", "1")
    assert main(["predict", str(faces)]) == 0
    assert capsys.readouterr().out.startswith("48 images")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('sources = ["nowhere"]\nout = "r.csv"', "job.toml: sources: no such file or directory: nowhere"),
        ('sources = ["b.jpg"]\nout = "r.csv"', "b.jpg; did you mean a.jpg?"),
        ('sources = ["m.csv"]\nout = "r.csv"\nroot = "no"', "--root: there is no folder no"),
        ('sources = ["."]\nout = "r.csv"\nmodel = "sed-cnn"', "job.toml: model: no model 'sed-cnn'"),
        ('sources = ["."]\nout = "no/r.csv"', "--out: the folder"),
        ('sources = ["."]\nout = "a.jpg/x/r.csv"', "a.jpg is a file, not a folder"),
        ('sources = ["."]\nout = "r.csv"\nlog-file = "no/log"', "--log-file: the folder"),
        ('sources = ["."]\nout = "r.csv"\nmetrics-file = "no/x.prom"', "--metrics-file: the folder"),
        ('sources = ["."]\nout = "r.csv"\nbaseline = "no.json"', "--baseline: there is no no.json"),
        ('sources = ["."]\nout = "r.csv"\ntime-limit = "soon"', "--time-limit must be a time such as 2h"),
        ('sources = ["."]\nout = "r.csv"\ntime-limit = "1.2.3h"', "--time-limit must be a time such as 2h"),
        ('out = "r.csv"', "job.toml: sources is missing; name the images"),
        ('sources = ["."]', "job.toml: out is missing; name the result"),
        ('sources = ["."]\nout = "r.csv"\nbatch-size = 0', "--batch-size must be"),
    ],
)
def test_missing_files_are_usage_errors_that_name_the_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], text: str, words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.jpg").touch()
    (tmp_path / "m.csv").write_text("path\na.jpg\n")
    _job(tmp_path, text)
    assert main(["run", "job.toml", "--check"]) == 2
    said = capsys.readouterr().err
    assert words in said
    assert said.count("\n") == 1


def test_the_job_file_comes_first(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--out", "r.csv", "job.toml"]) == 2
    assert "the first argument of run is a job file" in capsys.readouterr().err


def test_a_job_file_that_may_not_be_read_is_one_line(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    _job(here, "")
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    monkeypatch.setattr(Path, "read_text", refuse)
    assert main(["run", "job.toml"]) == 2
    said = capsys.readouterr().err
    assert said == "batch-emotion: error: job.toml: Permission denied; this user must be allowed to read the job file\n"


def test_a_byte_order_mark_is_no_mistake(tmp_path: Path) -> None:
    job = _job(tmp_path, "")
    job.write_bytes(b'\xef\xbb\xbfout = "r.csv"\r\nquiet = true\r\n')
    assert read_job(job, KINDS) == {"out": "r.csv", "quiet": True}


def _dated(folder: Path, faces: Path, out: str) -> Path:
    lines = [f'sources = ["{faces}/happy"]', f'out = "{out}"', 'log-file = "night.log"', "quiet = true"]
    (folder / "night.toml").write_text("\n".join(lines))
    return folder / "night.toml"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RESULTS", str(tmp_path / "results"))
    return tmp_path


TODAY = "{date:%Y}/{date:%m-%d}"


@pytest.mark.parametrize("start", ["${RESULTS}/", "results/night-", "", "./"])
def test_the_folders_of_a_dated_output_are_made(here: Path, faces: Path, start: str) -> None:
    (here / "results").mkdir()
    job = _dated(here, faces, f"{start}{TODAY}/r.csv")
    text = job.read_text().replace("night.log", f"{start}{TODAY}/night.log")
    job.write_text(f'{text}\nmetrics-file = "{start}{{date:%Y}}/m.prom"\nreport = "{start}{TODAY}/p.html"')
    assert main(["run", str(job), "--check"]) == 0
    assert list(here.rglob("night.log")) == [], "a check makes nothing"
    assert main(["run", str(job)]) == 0
    day = here / datetime.now().astimezone().strftime(f"{start.replace('${RESULTS}', 'results')}%Y/%m-%d")
    assert {path.name for path in day.iterdir()} == {"r.csv", "r.csv.lock", "r.csv.run.json", "night.log", "p.html"}
    assert (day.parent / "m.prom").is_file()
    for missing in ("metrics-file = 'gone/m.prom'", "report = 'gone/p.html'"):
        job.write_text(f"{text}\n{missing}")
        assert main(["run", str(job), "--check"]) == main(["run", str(job)]) == 2


@pytest.mark.parametrize("out", [f"results/{TODAY}/r.csv", "results/{date:%Y}.csv", "results/x/r.csv"])
@pytest.mark.parametrize("words", [[], ["--check"], ["--dry-run"]])
def test_a_folder_that_is_not_dated_is_not(
    here: Path, faces: Path, out: str, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    job = _dated(here, faces, out)
    assert main(["run", str(job), *words]) == 2
    said = capsys.readouterr().err
    folder, results = (
        (here / datetime.now().astimezone().strftime(out.replace("{date:", "").replace("}", ""))).parent,
        here / "results",
    )
    above = "; make it first" if folder == results else f", nor does {results}; make or mount that first"
    assert said == f"batch-emotion: error: --out: the folder {folder} does not exist{above}\n"
    assert not results.exists()


def test_an_output_of_the_command_line_has_no_dated_folder(here: Path, faces: Path) -> None:
    (here / "results").mkdir()
    job = _dated(here, faces, f"results/{TODAY}/r.csv")
    assert main(["run", str(job), "--out", "results/2026/r.csv"]) == 2
    assert list((here / "results").iterdir()) == []


def test_a_dated_folder_that_cannot_be_made_is_one_line(
    here: Path, faces: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "results").mkdir()
    year = here / "results" / datetime.now().astimezone().strftime("%Y")
    year.touch()
    assert main(["run", str(_dated(here, faces, f"results/{TODAY}/r.csv"))]) == 2
    told = capsys.readouterr().err
    assert "night.toml: out: the folder " in told
    assert told.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "no such file or directory: photos; did you mean photo?"),
        (["--max-prune", "5"], "--max-prune must be between 0 and 1, not 5"),
        (["--report", "page.txt"], "page.txt"),
    ],
)
def test_a_refused_night_is_in_the_log_the_metrics_and_the_record(
    here: Path, faces: Path, words: list[str], told: str
) -> None:
    (here / "photos").symlink_to(faces / "happy")
    job = _job(
        here,
        'sources = ["photos"]\nout = "r.csv"\nupdate = true\nprune = true\nquiet = true\nlog-file = "l"\n'
        'metrics-file = "m.prom"',
    )
    assert main(["run", str(job)]) == 0
    if not words:
        (here / "photos").rename(here / "photo")
    assert main(["run", str(job), *words]) == 2
    last_run = json.loads((here / "r.csv.run.json").read_text())["last_run"]
    assert last_run["exit_code"] == 2
    assert told in last_run["error"]
    assert told in (here / "l").read_text().splitlines()[-1]
    assert 'last_run_exit_code{job="job"} 2.0' in (here / "m.prom").read_text()


def test_only_what_the_file_says_is_blamed_on_it(here: Path, faces: Path, capsys: pytest.CaptureFixture[str]) -> None:
    job = _job(here, f'sources = ["{faces}"]\nout = "r.csv"')
    assert main(["run", str(job), "gone"]) == 2
    assert capsys.readouterr().err == "batch-emotion: error: no such file or directory: gone\n"
    assert main(["run", str(job), "--model", "gone"]) == 2
    assert capsys.readouterr().err.startswith("batch-emotion: error: no model 'gone'")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--chekc"], "no such option: --chekc; did you mean --check?"),
        (["--overwite"], "no such option: --overwite; did you mean --overwrite?"),
        (["--overwite=1"], "no such option: --overwite; did you mean --overwrite?"),
        (["--zzz"], "no such option: --zzz; predict --help shows those that may follow a job file"),
        (["--batch-size", "x"], "Invalid value for '--batch-size': must be a whole number, not 'x'\n"),
        (["--batch-size"], "Option '--batch-size' requires an argument."),
    ],
)
def test_a_mistake_on_the_command_line_is_one_line_that_does_not_blame_the_file(
    here: Path, faces: Path, words: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", str(_job(here, f'sources = ["{faces}"]\nout = "r.csv"')), *words]) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"batch-emotion: error: {told}")
    assert said.count("\n") == 1


@pytest.mark.parametrize("pattern", ["%Y-%m-%d", "%F", "%-d", "%s", "week %V", "100%%-%j", "%Ex", "%p"])
def test_every_date_that_the_system_can_write_is_taken(tmp_path: Path, pattern: str) -> None:
    out = read_job(_job(tmp_path, f'out = "r-{{date:{pattern}}}.csv"'), KINDS)["out"]
    assert "{" not in out
