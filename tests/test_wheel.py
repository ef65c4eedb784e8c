"""The wheel, installed into a fresh environment: what it carries is found from there, far from the source tree."""

import importlib.metadata
import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize(("tree", "name"), [("", "batch-emotion"), ("jobs/lite", "batch-emotion-lite")])
def test_the_installed_wheel_has_its_models_and_predicts(tree: str, name: str, tmp_path: Path) -> None:
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", tmp_path, ROOT / tree]
    subprocess.run(build, check=True, capture_output=True)
    wheel = next(tmp_path.glob("*.whl"))
    venv.create(tmp_path / "env")
    installed = tmp_path / "env"
    python = installed / "bin" / "python"
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    install = [sys.executable, "-m", "pip", "--python", python, "install", "-q", "--no-deps", "--no-index", wheel]
    subprocess.run(install, check=True, env=environment)
    # The dependencies are those of this environment; a path in a .pth file brings its packages but not its .pth files,
    # so an editable install of the source tree stays out.
    site = next((installed / "lib").glob("python*/site-packages"))
    (site / "dependencies.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")

    def run(*command: str) -> str:
        done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment)
        assert done.returncode == 0, done.stderr
        return done.stdout

    where = "import batch_emotion.model.bundle as b; print(b.__file__); print(b.models_folder())"
    module, models = run(str(python), "-c", where).splitlines()
    assert Path(module).is_relative_to(site)
    assert Path(models) == site / "batch_emotion" / "_models"
    program = str(installed / "bin" / "batch-emotion")
    assert run(program, "--version").split()[1] == importlib.metadata.version("batch-emotion")
    metadata = next(site.glob(f"{name.replace('-', '_')}-*.dist-info"))
    assert list(metadata.rglob("LICENSE")), "the licence travels with it"
    assert not list((site / "batch_emotion").rglob(".*"))
    run(program, "sample", "faces", "--count", "1")
    run(program, "predict", "faces", "--out", "r.csv", "--quiet")
    assert (tmp_path / "r.csv").read_text().count('"ok"') == 6
