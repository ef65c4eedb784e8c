"""The examples in the docstrings of the public API, run as a reader would in a folder with drawn faces."""

from __future__ import annotations

import doctest
from pathlib import Path

import pytest

import batch_emotion

NAMES = (
    *("predict", "report", "review", "evaluate", "explain", "train", "sample", "load_bundle"),
    *("export", "merge"),
    *("PredictResult", "Bundle"),
)


@pytest.mark.parametrize("name", NAMES)
def test_the_examples_give_what_they_say(
    name: str, faces: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "faces").symlink_to(faces)
    monkeypatch.chdir(tmp_path)
    scope = {each: getattr(batch_emotion, each) for each in ("predict", "load_bundle")}
    found = [
        example
        for example in doctest.DocTestFinder(recurse=True).find(getattr(batch_emotion, name), name, globs=scope)
        if example.examples
    ]
    assert found
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS)
    said: list[str] = []
    for example in found:
        runner.run(example, out=said.append)
    assert runner.failures == 0, "".join(said)
