"""Which packages are at hand, and how a lean installation is made."""

import importlib.metadata
import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from batch_emotion.commands.models import verify
from batch_emotion.errors import UsageError
from batch_emotion.model.bundle import load_bundle
from batch_emotion.packages import distribution, has_tensorflow, require_packages
from tests.support.children import ROOT, environment
from tests.support.lean import LEFT_OUT, without_tensorflow

LEAN_COMMAND = f"""
import json, sys
sys.modules |= dict.fromkeys({LEFT_OUT})
from batch_emotion.cli import main
sys.exit(main(json.loads(sys.argv[1])))
"""


def test_what_is_missing_is_named_with_the_command_that_adds_it() -> None:
    require_packages("this", "numpy", "pyarrow")
    with pytest.raises(UsageError, match=r"^this needs nil, which is not installed here: pip install nil$"):
        require_packages("this", "numpy", "nil")
    with pytest.raises(UsageError, match=r"^this needs a1, b2 and c3, which are not .*: pip install a1 b2 c3$"):
        require_packages("this", "a1", "numpy", "b2", "c3")


def test_tensorflow_is_seen_without_being_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    assert has_tensorflow()
    without_tensorflow(monkeypatch)
    assert not has_tensorflow()


def test_tensorflow_is_loaded_without_its_log_lines_and_nothing_else_is_lost() -> None:
    code = (
        "import os\n"
        "from batch_emotion import packages\n"
        "with packages._without_chatter():\n"
        "    os.write(2, b'I0000 00:00:1795657833.8 1 port.cc:1] on\\nof others\\nE0000 00:00:17 1 x.cc:2] off\\n')\n"
        "packages.load_tensorflow()\n"
    )
    variables = {name: value for name, value in environment().items() if not name.startswith("TF_")}
    loaded = subprocess.run([sys.executable, "-c", code], env=variables, capture_output=True, text=True, check=True)
    assert (loaded.stdout, loaded.stderr) == ("", "of others\n")


@pytest.mark.parametrize(
    ("installed", "name"),
    [
        (["batch-emotion"], "batch-emotion"),
        (["batch-emotion-lite"], "batch-emotion-lite"),
        ([], "batch-emotion"),
    ],
)
def test_advice_names_the_distribution_that_is_installed(
    installed: list[str], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def version(asked: str) -> str:
        if asked not in installed:
            raise importlib.metadata.PackageNotFoundError(asked)
        return "1"

    monkeypatch.setattr("batch_emotion.packages.version", version)
    assert distribution() == name


def test_models_are_verified_in_the_runtimes_that_are_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert verify(load_bundle("seed-cnn")).deviations.keys() == {"onnx", "tensorflow"}
    without_tensorflow(monkeypatch)
    outcome = verify(load_bundle("seed-cnn"))
    assert outcome.passed
    assert outcome.deviations.keys() == {"onnx"}


def test_a_lean_installation_scores_many_images_measures_and_reports(faces: Path, tmp_path: Path) -> None:
    def run(*words: str) -> str:
        done = subprocess.run(
            [sys.executable, "-c", LEAN_COMMAND, json.dumps(words)],
            capture_output=True,
            text=True,
            env=environment(),
            cwd=tmp_path,
        )
        assert done.returncode == 0, done.stderr
        return done.stderr

    run("predict", str(faces), "--out", "r.csv", "--shard-size", "10", "--batch-size", "3", "--report", "r.html")
    assert len((tmp_path / "r.csv").read_text().splitlines()) == 1 + 48
    run("evaluate", str(faces), "--out", "measured")
    assert (tmp_path / "measured").is_dir()


def test_the_lean_distribution_is_the_full_one_without_what_training_needs() -> None:
    full, lean = (tomllib.loads((ROOT / where / "pyproject.toml").read_text()) for where in (".", "jobs/lite"))
    expected = [
        line.replace("opencv-python", "opencv-python-headless")
        for line in full["project"]["dependencies"]
        if not line.startswith(("scikit-learn", *LEFT_OUT))
    ]
    assert lean["project"]["dependencies"] == expected
    for key in ("requires-python", "license", "authors", "scripts", "classifiers"):
        assert lean["project"][key] == full["project"][key]
    assert lean["build-system"] == full["build-system"]
    extras = full["project"]["optional-dependencies"]
    assert lean["project"]["optional-dependencies"] == {name: extras[name] for name in extras if name != "dev"}
