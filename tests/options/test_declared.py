"""One declaration is all that an option needs: here some are added, and everything that knows options has them."""

import shutil
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from batch_emotion import PredictOptions
from batch_emotion.cli import main
from batch_emotion.cli.jobfile import read_job
from batch_emotion.cli.options import kinds_of, takes
from batch_emotion.errors import JobFileError, UsageError
from batch_emotion.options.checked import options_from
from batch_emotion.options.declared import check_ranges, leaves, option, optional_group
from batch_emotion.options.runs import MessageOptions
from batch_emotion.results.fingerprint import deciding_options
from batch_emotion.runs.checks import check_options
from batch_emotion.runs.needs import CONDITIONS, changed_keys
from tests.support.made_results import CLASSES, result_table, write


@dataclass(frozen=True)
class Sharpening:
    radius: float = option(1.5, "How far.", flag="sharpen-radius", at_least=0, effect="scores")


@dataclass(frozen=True)
class More(PredictOptions):
    gamma: float = option(1.0, "Brighten mid-tones.", at_least=0.1, at_most=10, effect="scores", heading="Light")
    sharpen: Sharpening | None = optional_group(Sharpening, flag="sharpen", help="Sharpen images.")


def _asked_for(*arguments: str) -> Any:
    found: list[More] = []
    app = typer.Typer()

    @app.command()
    @takes(More)
    def ask(options: More) -> None:
        found.append(options)

    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    return found[0] if found else result.output


def test_a_declared_option_reaches_command_line_job_file_checks_and_fingerprint(tmp_path: Path) -> None:
    assert "Brighten mid-tones." in _asked_for("--help")
    asked = _asked_for("photos", "--gamma", "2.2", "--sharpen", "--sharpen-radius", "3")
    assert asked == More(("photos",), gamma=2.2, sharpen=Sharpening(3.0))
    assert _asked_for("photos") == More(("photos",))

    job = tmp_path / "job.toml"
    job.write_text("gamma = 2.2\nsharpen = true\nsharpen-radius = 3.0")
    assert read_job(job, kinds_of(More)) == {"gamma": 2.2, "sharpen": True, "sharpen-radius": 3.0}
    job.write_text("gamma = 'dark'")
    with pytest.raises(JobFileError, match="gamma: must be a number"):
        read_job(job, kinds_of(More))

    with pytest.raises(UsageError, match=r"`gamma` must be between 0\.1 and 10, not 11"):
        check_ranges(More(("photos",), gamma=11))
    with pytest.raises(UsageError, match=r"`sharpen.radius` must be at least 0, not -1"):
        check_ranges(More(("photos",), sharpen=Sharpening(-1)))

    changed = deciding_options(asked).items() - deciding_options(More(("photos",))).items()
    assert changed == {("gamma", 2.2), ("sharpen_radius", 3.0)}


def test_every_option_of_predict_is_declared_with_help_and_its_own_flag() -> None:
    found = [*leaves(PredictOptions), *leaves(MessageOptions)]
    assert len({leaf.flag for leaf in found}) == len(found) > 45
    for leaf in found:
        assert leaf.declaration.help.endswith((".", "default.")), leaf.flag
        assert leaf.heading, leaf.flag


def test_what_is_needed_is_an_option_or_a_known_condition() -> None:
    known = {name for conditions in CONDITIONS.values() for name in conditions}
    for kind in CONDITIONS:
        flags = {leaf.flag for leaf in leaves(kind)}
        for leaf in leaves(kind):
            assert set(leaf.declaration.needs) <= flags | known


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--max-prune", "0.5"], "--max-prune goes with --update"),
        (["--update", "--max-prune", "0.5"], "--max-prune goes with --prune"),
        (["--annotate-limit", "3"], "--annotate-limit goes with --annotate"),
        (["--annotate", "copies"], "--annotate goes with --faces"),
        (["--max-faces", "3"], "--max-faces goes with --faces"),
        (["--faces", "--min-face-score", "5"], "--min-face-score must be between 0 and 1, as CenterFace's scores are"),
        (["--path-column", "file"], "--path-column goes with a manifest"),
        (["--root", "."], "--root goes with a manifest (.csv, .tsv, .parquet or .arrow) as the source or a list"),
        (["--null"], "--null goes with a list on standard input"),
        (["--num-workers", "2"], "--num-workers goes with --engine ray"),
        (["--max-drift", "0.2"], "--max-drift goes with --baseline"),
        (["--task-index", "0"], "--task-index goes with --task-count"),
        (["--task-count", "2"], "--task-count goes with --task-index"),
    ],
)
def test_an_option_without_effect_is_refused(
    faces: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    assert main(["predict", str(faces), "--out", str(tmp_path / "r.parquet"), *arguments]) == 2
    assert words in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_the_environment_may_hold_what_has_no_effect_in_this_run(
    faces: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BATCH_EMOTION_MAX_PRUNE", "0.5")
    assert main(["predict", str(faces), "--out", str(tmp_path / "r.parquet"), "--dry-run"]) == 0


def test_a_bad_environment_variable_is_blamed_by_its_name(
    faces: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BATCH_EMOTION_BATCH_SIZE", "many")
    out = str(tmp_path / "r.parquet")
    assert main(["predict", str(faces), "--out", out, "--dry-run"]) == 2
    assert "BATCH_EMOTION_BATCH_SIZE: must be a whole number, not 'many'" in capsys.readouterr().err
    assert main(["predict", str(faces), "--out", out, "--dry-run", "--batch-size", "3"]) == 0


def test_every_boolean_can_be_undone() -> None:
    switches = [leaf for leaf in leaves(PredictOptions) if leaf.is_switch or leaf.annotation == "bool"]
    assert len(switches) > 8
    for leaf in switches:
        _asked_for("photos", f"--{leaf.flag}", f"--no-{leaf.flag}")


def test_options_for_python_are_checked_in_the_same_way(tmp_path: Path, faces: Path) -> None:
    with pytest.raises(UsageError, match="`path_column` goes with a manifest"):
        check_options(PredictOptions((str(faces),), source=type(PredictOptions(()).source)("file")))
    assert {each.name for each in fields(PredictOptions)} >= {"sources", "out", "faces", "update"}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("train faces --out m --teacher-weight 0.3", "--teacher-weight goes with --teacher"),
        ("train faces --out m --label-weight 0.3", "--label-weight goes with a manifest or table as the data"),
        ("train faces --out m --path-column file", "--path-column goes with a manifest or table as the data"),
        ("train faces --out m --warm-up 5", "--warm-up goes with --schedule cosine"),
        ("train faces --out m --validation faces --group-duplicates", "--group-duplicates is about images put aside"),
        (
            "train faces --out m --validation faces --validation-split 0.7",
            "--validation-split is about images put",
        ),
        ("train faces --out m --folds 2 --validation-split 0.7", "leave --validation-split out"),
        (
            "evaluate r.parquet --out e --classes a,b",
            "--classes goes with images to score, not a result of predict or --model",
        ),
        ("evaluate r.parquet --out e --runtime onnx", "--runtime goes with images to score"),
        ("evaluate r.parquet --out e --image-size 64", "--image-size goes with images to score"),
        ("evaluate r.parquet --out e --batch-size 3", "--batch-size goes with images to score"),
        ("evaluate faces --out e --encoding cp1252", "--encoding goes with a manifest as the data or as --labels or "),
        ("evaluate faces --out e --delimiter ;", "--delimiter goes with a manifest"),
        ("evaluate faces --out e --path-column x", "--path-column goes with a manifest"),
        ("evaluate faces --out e --root .", "--root goes with a manifest as the data or as --labels or a result"),
        ("report r.parquet --out r.html --figure-format svg", "--figure-format goes with --figures"),
        (
            "report r.parquet --out r.html --labels none --map-labels a=happy",
            "--map-labels goes with --labels",
        ),
        ("report r.parquet --out r.html --encoding cp1252", "--encoding goes with a manifest as --labels"),
        ("review r.parquet --out v --labels folders --path-column x", "--path-column goes with a manifest as --labels"),
        ("explain a.png --out x --min-face-size 20", "--min-face-size goes with --faces"),
        ("explain a.png --out x --encoding cp1252", "--encoding goes with a manifest"),
        ("explain a.png --out x --faces --min-face-score -5", "--min-face-score must be at least 0, not -5"),
        ("explain a.png --out x --faces --face-margin 50", "--face-margin must be between -0.4 and 2, not 50"),
        ("explain a.png --out x --faces --max-faces 0", "--max-faces must be at least 1, not 0"),
        ("merge r.parquet --out s.parquet --csv-bom", "--csv-bom goes with an output that ends in .csv or .tsv"),
        ("train faces --out m --seed 5000000000", "--seed must be between 0 and 4294967295, not 5000000000"),
        ("train faces --out m --learning-rate nan", "--learning-rate must be a number above 0, not nan"),
        ("train faces --out m --learning-rate -1", "--learning-rate must be a number above 0, not -1"),
        ("train faces --out m --learning-rate 0", "--learning-rate must be a number above 0, not 0"),
        ("train faces --out m --learning-rate inf", "--learning-rate must be a number above 0, not inf"),
        ("train faces --out m --brightness inf", "--brightness must be at least 0, not inf"),
        ("train faces --out m --gamma 0.5", "--gamma must be at least 1, or 0 for none, not 0.5"),
        ("train faces --out m --tensorboard a.png", "--tensorboard a.png cannot be made a folder"),
        ("train faces --out m --tensorboard a.png/b/c", "--tensorboard a.png/b/c cannot be made a folder"),
    ],
)
def test_every_command_refuses_what_has_no_effect_or_no_meaning(
    place: Path, capsys: pytest.CaptureFixture[str], arguments: str, words: str
) -> None:
    before = sorted(place.iterdir())
    assert main(arguments.split(" ")) == 2
    assert words in capsys.readouterr().err
    assert [path for path in sorted(place.iterdir()) if path.suffix not in (".lock", ".work")] == before


@pytest.fixture
def place(tmp_path: Path, faces: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with a folder of images, an image, and a result."""
    (tmp_path / "faces").symlink_to(faces)
    shutil.copy(faces / "happy" / "happy-0001.png", tmp_path / "a.png")
    write(result_table(["a.png"], np.full((1, 3), 1 / 3), class_names=CLASSES), tmp_path / "r.parquet")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_options_at_their_defaults_need_nothing() -> None:
    for kind in CONDITIONS:
        required = {leaf.path[0]: "x" for leaf in leaves(kind) if leaf.default is MISSING and len(leaf.path) == 1}
        made = options_from(kind, {name: value for name, value in required.items() if value})
        assert all(not leaf.declaration.needs for leaf in leaves(kind) if leaf.key in changed_keys(made))


def test_a_number_without_bounds_must_be_finite() -> None:
    @dataclass(frozen=True)
    class Bare:
        shift: float = option(0.0, "How far.")

    check_ranges(Bare(-3.5))
    for value in (float("nan"), float("inf")):
        with pytest.raises(UsageError, match="`shift` must be a finite number, not "):
            check_ranges(Bare(value))
