"""The versions of the bundled models: what comes with the tool is the newest, and earlier ones are where it is said."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from batch_emotion import PredictOptions, load_bundle, predict
from batch_emotion.commands.models import verify
from batch_emotion.errors import BundleError
from batch_emotion.model import catalogue
from batch_emotion.model.catalogue import (
    MODEL_PATH,
    Version,
    bundled_models,
    models_folder,
    pinned_version,
    versions,
    versions_of,
)
from tests.support.command_lines import ROOT

EARLIER = [version for version in versions() if version.commit]


def _git(*arguments: str) -> bytes | None:
    """What git says of this tree; None where there is no history, or not enough of it."""
    try:
        return subprocess.run(["git", "-C", str(ROOT), *arguments], capture_output=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return None


def _has(version: Version) -> bool:
    return _git("cat-file", "-e", f"{version.commit}:models/{version.name}/card.json") is not None


@pytest.mark.parametrize("name", bundled_models())
def test_what_comes_with_the_tool_is_the_newest_version(name: str) -> None:
    newest, *earlier = versions_of(name)
    bundle = load_bundle(name)
    assert bundle.sha256 == newest.sha256, "new weights want a line in models/versions.csv, see CONTRIBUTING.md"
    assert bundle.version == bundle.card.version == newest
    assert [version.number for version in (newest, *earlier)] == list(range(len(earlier) + 1, 0, -1))
    assert not newest.commit
    assert all(re.fullmatch(r"[0-9a-f]{12}", version.commit) and version.change for version in earlier)
    assert load_bundle(str(newest)) == bundle


@pytest.mark.parametrize("version", EARLIER, ids=str)
def test_the_command_gets_an_earlier_version_that_can_be_pinned(
    version: Version, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, faces: Path
) -> None:
    if not _has(version):
        pytest.skip("this tree has no git history that holds it")
    archive = _git(*version.how_to_get.partition(" | ")[0].split()[1:])
    assert archive is not None
    subprocess.run(["tar", "-x", "-C", str(tmp_path)], input=archive, check=True)
    assert load_bundle(tmp_path / str(version)).sha256 == version.sha256
    monkeypatch.setenv(MODEL_PATH, f"/nowhere:{tmp_path}")
    bundle = load_bundle(str(version))
    assert bundle.version == version
    assert verify(bundle).passed
    assert predict(PredictOptions((str(faces / "happy"),), model=str(version))).summary.statuses == {"ok": 8}


def test_a_version_that_is_not_here_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(MODEL_PATH, raising=False)
    monkeypatch.chdir(tmp_path)
    version = EARLIER[0]
    with pytest.raises(BundleError, match=rf"{version} does not come .*--prefix={version}/ .*{MODEL_PATH}"):
        load_bundle(str(version))
    with pytest.raises(BundleError, match="there is no emotion-7@99: of this model there are emotion-7@1, "):
        load_bundle("emotion-7@99")
    with pytest.raises(BundleError, match="no model 'other@2': expected one of"):
        load_bundle("other@2")


def test_what_only_bears_the_name_of_a_version_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    version = EARLIER[0]
    shutil.copytree(models_folder() / "seed-cnn", tmp_path / str(version))
    monkeypatch.setenv(MODEL_PATH, str(tmp_path))
    with pytest.raises(BundleError, match=rf"holds seed-cnn@1, not {version}; "):
        load_bundle(str(version))
    assert str(load_bundle(tmp_path / str(version)).version) == "seed-cnn@1", "a path is not a name"


def test_a_bundle_of_ones_own_has_no_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle = load_bundle("seed-cnn")
    assert pinned_version("seed-cnn@1") == bundle.version
    monkeypatch.setattr(catalogue, "versions", lambda: ())
    assert bundle.version is bundle.card.version is None
    assert versions_of("seed-cnn") == ()
