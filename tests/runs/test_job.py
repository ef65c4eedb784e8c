"""Options become a job once, before the output is locked; what changes in between is the next run's."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from batch_emotion import FaceOptions, PredictOptions, UpdateOptions, predict
from batch_emotion.errors import OutputMismatch
from batch_emotion.results.reader import read_result
from batch_emotion.runs import job
from batch_emotion.runs.recorder import Recorder


@pytest.fixture
def source(tmp_path: Path, faces: Path) -> Path:
    return Path(shutil.copytree(faces / "happy", tmp_path / "source"))


@pytest.fixture
def while_waiting(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """What is called once, when a run has its job and is about to lock its output."""
    waiting: list[object] = []
    holding = Recorder.holding_output

    @contextmanager
    def wait_first(self: Recorder, wait_s: float = 0.0) -> Iterator[None]:
        while waiting:
            waiting.pop()()  # type: ignore[operator]
        with holding(self, wait_s):
            yield

    monkeypatch.setattr(Recorder, "holding_output", wait_first)
    return waiting


def test_sources_model_and_detector_are_looked_at_once(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []

    def counted(name: str) -> None:
        real = getattr(job, name)
        monkeypatch.setattr(job, name, lambda *given: (calls.append(name), real(*given))[1])

    for name in ("make_plan", "load_bundle", "open_detector"):
        counted(name)
    predict(PredictOptions((str(source),), tmp_path / "r.parquet", faces=FaceOptions()))
    assert sorted(calls) == ["load_bundle", "make_plan", "open_detector"]


def test_what_another_run_finishes_meanwhile_is_nothing_to_do(
    source: Path, tmp_path: Path, while_waiting: list[object]
) -> None:
    options = PredictOptions((str(source),), tmp_path / "r.parquet")
    while_waiting.append(lambda: predict(options))
    assert predict(options).outcome == "nothing to do"


def test_what_another_run_makes_of_other_options_meanwhile_is_refused(
    source: Path, tmp_path: Path, while_waiting: list[object]
) -> None:
    options = PredictOptions((str(source),), tmp_path / "r.parquet")
    while_waiting.append(lambda: predict(replace(options, min_confidence=0.9)))
    with pytest.raises(OutputMismatch, match="min-confidence"):
        predict(options)
    assert read_result(tmp_path / "r.parquet").num_rows == 8


def test_an_image_that_comes_meanwhile_is_left_to_the_next_run(
    source: Path, tmp_path: Path, faces: Path, while_waiting: list[object]
) -> None:
    options = PredictOptions((str(source),), tmp_path / "r.parquet")
    while_waiting.append(lambda: shutil.copy(faces / "sad" / "sad-0001.png", source))
    assert predict(options).summary.images == 8
    with pytest.raises(OutputMismatch, match="8 images then, 9 now"):
        predict(options)
    updated = predict(replace(options, update=UpdateOptions()))
    assert updated.summary.update is not None
    assert (updated.summary.update.unchanged, updated.summary.update.new) == (8, 1)


def test_an_image_that_goes_meanwhile_is_a_missing_row(
    source: Path, tmp_path: Path, while_waiting: list[object]
) -> None:
    while_waiting.append((source / "happy-0001.png").unlink)
    predict(PredictOptions((str(source),), tmp_path / "r.parquet"))
    assert read_result(tmp_path / "r.parquet")["status"].to_pylist() == ["missing"] + ["ok"] * 7
