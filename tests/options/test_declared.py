"""One declaration is all that an option needs: here some are added, and everything that knows options has them."""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from batch_emotion import PredictOptions
from batch_emotion.cli import main
from batch_emotion.cli.jobfile import read_job
from batch_emotion.cli.options import kinds_of, takes
from batch_emotion.errors import JobFileError, UsageError
from batch_emotion.options.declared import check_ranges, leaves, option, optional_group
from batch_emotion.options.runs import MessageOptions
from batch_emotion.results.fingerprint import deciding_options
from batch_emotion.runs.checks import check_options


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
    from batch_emotion.runs.checks import CONDITIONS

    flags = {leaf.flag for leaf in leaves(PredictOptions)}
    for leaf in leaves(PredictOptions):
        assert set(leaf.declaration.needs) <= flags | CONDITIONS.keys()


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
