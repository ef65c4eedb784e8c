import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer

import batch_emotion
from batch_emotion import load_bundle
from batch_emotion.cli import app, main
from batch_emotion.model.bundle import models_folder

HEAVY = ("tensorflow", "keras", "pandas", "cv2", "matplotlib", "onnxruntime", "sklearn", "scipy", "jinja2", "ray")


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"batch-emotion {batch_emotion.__version__}\n"


@pytest.mark.parametrize("name", ["", *typer.main.get_command(app).commands])  # type: ignore[attr-defined]
def test_h_is_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([name, "-h"] if name else ["-h"]) == 0
    short = capsys.readouterr().out
    assert main([name, "--help"] if name else ["--help"]) == 0
    assert capsys.readouterr().out == short
    assert short.startswith(f"Usage: batch-emotion {name}")
    assert "-h, --help" in short


def test_one_image_prints_a_small_table(faces: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["predict", str(faces / "happy" / "happy-0001.png")]) == 0
    out = capsys.readouterr().out
    assert len(out.splitlines()) == 1 + len(load_bundle().card.class_names)
    assert sum(float(number) for number in re.findall(r" ([\d.]+)%$", out, re.M)) == pytest.approx(100, abs=0.5)


def test_one_bad_image_is_exit_code_1_and_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.jpg").write_bytes(b"text")
    assert main(["predict", str(tmp_path / "a.jpg")]) == 1
    assert capsys.readouterr().err.count("\n") == 1


def test_a_run_ends_with_a_summary_and_quiet_says_nothing(
    faces: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["predict", str(faces), "--out", str(tmp_path / "r.csv")]) == 0
    said = capsys.readouterr()
    assert said.out == ""
    assert "48 images: 48 ok" in said.err
    assert f"Written to {tmp_path / 'r.csv'}" in said.err
    assert main(["predict", str(faces), "--out", str(tmp_path / "r.csv")]) == 0
    assert "Nothing to do" in capsys.readouterr().err
    assert main(["predict", str(faces), "--out", str(tmp_path / "q.csv"), "--quiet"]) == 0
    said = capsys.readouterr()
    assert said.out + said.err == ""


def test_a_dry_run_writes_nothing(faces: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["predict", str(faces), "--out", str(tmp_path / "r.csv"), "--shard-size", "40", "--dry-run"]) == 0
    assert capsys.readouterr().out.startswith("48 images, ")
    assert list(tmp_path.iterdir()) == []


def test_one_is_one(faces: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "one"
    folder.mkdir()
    (folder / "a.png").symlink_to(next(faces.rglob("*.png")))
    (folder / "notes.txt").touch()
    words = ["predict", str(folder), "--out", str(tmp_path / "r.csv"), "--threads", "1"]
    assert main([*words, "--dry-run"]) == 0
    assert re.fullmatch(
        r"1 image, [\d.]+ MiB, 1 shard of 4096; 1 file left out for its extension\n", capsys.readouterr().out
    )
    assert main(words) == 0
    said = capsys.readouterr().err
    assert "1 image: 1 ok\n" in said
    assert "1 file was left out for its extension\n" in said
    assert ", 1 thread\n" in said


@pytest.mark.parametrize(
    ("option", "words"),
    [
        (["--min-confidence", "70%"], "'--min-confidence': must be a number, not '70%'"),
        (["--threads", "zwei"], "'--threads': must be a whole number, not 'zwei'"),
        (["--runtime", "x"], "'--runtime': 'x' is not one of"),
    ],
)
def test_a_value_that_cannot_be_read_is_told(option: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["predict", ".", *option]) == 2
    assert words in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        ["predict"],
        ["predict", "."],
        ["predict", "nowhere", "--out", "r.csv"],
        ["predict", ".", "--out", "r.xyz"],
        ["predict", ".", "--out", "."],
        ["predict", "m.csv"],
        ["predict", ".", "--runtime", "abacus"],
        ["models", "typo"],
        ["train", "nowhere", "--out", "m"],
        ["evaluate", "nowhere", "--out", "m"],
        ["report", "nowhere.parquet", "--out", "r.html"],
        ["report", "nowhere.parquet", "--out", "r.pdf"],
        ["explain", "nowhere.jpg", "--out", "e"],
        ["predict", ".", "--out", "r.csv", "--report", "gone/r.html"],
        ["export", "seed-cnn", "--format", "gif", "--out", "m"],
        ["sample", "x", "--count", "0"],
    ],
)
def test_usage_errors_are_exit_code_2(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "m.csv").write_text("path\na.jpg\n")
    assert main(arguments) == 2
    assert "Traceback" not in capsys.readouterr().err


def test_a_surprise_is_one_line(
    faces: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import batch_emotion.commands.predict as command

    def surprise(*anything: object) -> None:
        raise ZeroDivisionError("by\nzero")

    monkeypatch.setattr(command, "predict", surprise)
    assert main(["predict", str(faces), "--out", str(tmp_path / "r.csv")]) == 1
    assert capsys.readouterr().err.count("\n") == 1


def test_models_are_listed_shown_and_verified(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models"]) == 0
    listed = capsys.readouterr().out
    assert listed.startswith(f"{load_bundle().version} (the default): ")
    assert "seed-cnn@1: The baseline" in listed
    assert main(["models", "seed-cnn"]) == 0
    card = capsys.readouterr().out
    assert card.startswith((models_folder() / "seed-cnn" / "README.md").read_text().rstrip())
    layers, versions = card.split("\n\n## Versions\n\n")
    assert layers.splitlines()[-1].split() == ["dense_2", "Dense", "None,", "6", "774"]
    assert versions == "seed-cnn@1 (this one): the first\n"
    assert main(["models", "emotion-7"]) == 0
    versions = capsys.readouterr().out.split("\n\n## Versions\n\n")[1]
    assert re.search(
        r"^emotion-7@2: .*\n  in a clone .*: git archive --prefix=emotion-7@2/ \w+:models/emotion-7 ", versions, re.M
    )
    assert main(["models", "--verify"]) == 0
    assert "seed-cnn: ok" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "allowed"),
    [
        ("['--help']", set()),
        ("['predict', '--help']", set()),
        ("['evaluate', '--help']", set()),
        ("['report', '--help']", set()),
        ("['explain', '--help']", set()),
        ("['models']", {"cv2"}),
        ("['predict', 'nowhere', '--out', 'r.csv']", {"cv2"}),
        ("['predict', '.', '--out', 'r.csv', '--dry-run']", {"cv2"}),
    ],
)
def test_light_commands_load_nothing_heavy(arguments: str, allowed: set[str], tmp_path: Path) -> None:
    loaded = f"[name for name in {HEAVY} if name in sys.modules]"
    code = f"import sys; from batch_emotion.cli import main; main({arguments}); print({loaded})"
    (tmp_path / "a.jpg").write_bytes(b"x")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=True)
    assert set(re.findall(r"'(\w+)'", done.stdout.splitlines()[-1])) <= allowed


@pytest.mark.parametrize("arguments", [["predict", ".", "--out", "r.csv"], ["report", "old.csv", "--out", "r.html"]])
def test_without_opencv_one_line_says_what_to_install(arguments: list[str], tmp_path: Path) -> None:
    code = "import sys; sys.modules['cv2'] = None; from batch_emotion.cli import main; sys.exit(main(sys.argv[1:]))"
    (tmp_path / "old.csv").write_text("path,status,emotion,confidence,p_happy,p_sad\na.jpg,ok,happy,0.9,0.9,0.1\n")
    command = [sys.executable, "-c", code, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "apt-get install libgl1" in done.stderr


def test_the_functions_are_listed_first() -> None:
    names = dir(batch_emotion)
    functions = sorted(name for name in names if name[0].islower())
    assert names[: len(functions)] == functions
    assert {"predict", "report", "evaluate", "explain", "train", "load_bundle", "sample"} < set(functions)
    assert set(names) == set(batch_emotion.__all__)


def test_the_public_names_can_be_imported() -> None:
    for name in batch_emotion.__all__:
        assert getattr(batch_emotion, name) is not None
    with pytest.raises(AttributeError):
        _ = batch_emotion.nothing


def test_help_says_what_to_type_and_cuts_nothing_short(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["-h"]) == 0
    commands = " ".join(capsys.readouterr().out.split("Commands:")[1].split())
    assert "..." not in commands
    assert "report Make a page about a result: class mix, confidence, faces, failures, and scores where" in commands
    for words, usage, argument in (
        ("predict", "[OPTIONS] SOURCE...\n", "  SOURCE...  Directories"),
        ("sample", "[OPTIONS] FOLDER\n", "  FOLDER  The folder"),
        ("models", "[OPTIONS] [NAME]\n", "  NAME  Show"),
    ):
        assert main([words, "-h"]) == 0
        text = capsys.readouterr().out
        assert usage in text
        assert argument in text
    assert main(["report", "-h"]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "--explain / --no-explain Show where the model looks (Grad-CAM). [default: yes]" in text
    assert main(["predict", "x", "--runtime", "gpu"]) == 2
    assert "'--runtime': 'gpu' is not one of" in capsys.readouterr().err


def test_a_mistyped_model_leads_to_the_right_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "emotion7"]) == 2
    assert "no model 'emotion7'; did you mean emotion-7? There are emotion-6," in capsys.readouterr().err


@pytest.mark.parametrize("words", [["models"], ["predict", "FACES", "--out", "r.csv"]])
def test_lines_fit_the_terminal(
    words: list[str], faces: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.chdir(tmp_path)
    assert main([str(faces) if word == "FACES" else word for word in words]) == 0
    said = capsys.readouterr()
    assert max(map(len, (said.out + said.err).splitlines())) <= 80
