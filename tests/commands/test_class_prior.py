"""The mix of classes that probabilities assume, through whole runs."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from batch_emotion import PredictOptions, predict
from batch_emotion.cli import main
from batch_emotion.errors import OutputMismatch, UsageError
from batch_emotion.metrics.class_mix import estimate_mix, with_mix
from batch_emotion.model.bundle import load_bundle
from batch_emotion.options.runs import EngineOptions, Task, UpdateOptions
from batch_emotion.results.reader import read_result
from tests.support.stopping import failing_at

CARD = load_bundle("seed-cnn").card
TRAINED = np.array([CARD.class_prior[name] for name in CARD.class_names])
EVEN = np.full(len(TRAINED), 1 / len(TRAINED))


def _options(source: Path, out: Path | None, prior: str, **changes: object) -> PredictOptions:
    options = PredictOptions((str(source),), out, model="seed-cnn", shard_size=10, class_prior=prior)
    return replace(options, **changes)  # type: ignore[arg-type]


def _probabilities(table: pa.Table) -> np.ndarray:
    return np.column_stack([table[f"p_{name}"].to_numpy() for name in CARD.class_names])


def _record(out: Path) -> dict[str, object]:
    record: dict[str, object] = json.loads(out.with_name(out.name + ".run.json").read_text())["result"]["counts"]
    return record["class_prior"]  # type: ignore[return-value]


@pytest.fixture(scope="module")
def plain(faces: Path) -> np.ndarray:
    table = predict(_options(faces, None, "training")).table
    assert table is not None
    return _probabilities(table)


@pytest.mark.parametrize("name", ["r.parquet", "r.csv", "r"])
@pytest.mark.parametrize("prior", ["uniform", "auto", ",".join(f"{name}=1" for name in CARD.class_names)])
def test_rows_hold_for_the_mix_that_was_asked_for(
    tmp_path: Path, faces: Path, plain: np.ndarray, name: str, prior: str, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / name
    arguments = [str(faces), "--model", "seed-cnn", "--shard-size", "10", "--class-prior", prior, "--out", str(out)]
    assert main(["predict", *arguments, "--min-confidence", "0.4"]) == 0
    mix = estimate_mix([plain], TRAINED) if prior == "auto" else EVEN
    expected = with_mix(plain, TRAINED, mix)
    table = read_result(out)
    assert _probabilities(table) == pytest.approx(expected, abs=1e-6)
    assert table["confidence"].to_numpy() == pytest.approx(expected.max(axis=1), abs=1e-6)
    names = np.array([*CARD.class_names, "uncertain"])
    best = np.where(expected.max(axis=1) < 0.4, len(TRAINED), expected.argmax(axis=1))
    assert table["emotion"].to_pylist() == names[best].tolist()
    reason = {"uniform": "every class as frequent as the others", "auto": "estimated from the images of this result"}
    assert f"({reason.get(prior, 'as stated')})" in capsys.readouterr().err
    record = _record(out)
    assert list(record["applied"].values()) == pytest.approx(mix.tolist(), abs=1e-6)  # type: ignore[attr-defined]
    if name != "r.csv":
        file = out / "part-000000.parquet" if out.is_dir() else out
        assert json.loads(pq.read_schema(file).metadata[b"batch_emotion.class_prior"]) == record
    page = tmp_path / "page.html"
    assert main(["report", str(out), "--out", str(page), "--no-explain"]) == 0
    assert "assumed class mix" in page.read_text()
    kept = predict(_options(faces, None, prior, min_confidence=0.4)).table
    assert kept is not None
    assert _probabilities(kept) == pytest.approx(expected, abs=1e-6)


def test_a_stopped_run_and_another_engine_make_the_same_result(tmp_path: Path, faces: Path) -> None:
    whole, cut = tmp_path / "whole.parquet", tmp_path / "cut.parquet"
    predict(_options(faces, whole, "auto"))
    with failing_at(2):
        predict(_options(faces, cut, "auto"))
    with pytest.raises(OutputMismatch, match=r"class-prior \(auto then, uniform now\)"):
        predict(_options(faces, cut, "uniform"))
    pytest.importorskip("ray")
    predict(_options(faces, cut, "auto", engine=EngineOptions("ray", num_workers=1)))
    assert pq.read_table(cut).equals(pq.read_table(whole))
    assert _record(cut) == _record(whole)
    assert predict(_options(faces, cut, "auto")).outcome == "nothing to do"


@pytest.mark.parametrize("name", ["r.parquet", "r.csv", "r"])
def test_an_update_takes_carried_rows_back_first(tmp_path: Path, faces: Path, name: str) -> None:
    source, out = tmp_path / "faces", tmp_path / name
    shutil.copytree(faces, source)
    predict(_options(source, out, "auto"))
    shutil.rmtree(source / "happy")
    for prior in ("auto", "uniform", "training", "auto"):
        updated = predict(_options(source, out, prior, update=UpdateOptions(prune=True)))
        assert updated.summary.scored == 0
        fresh = tmp_path / f"fresh{out.suffix}"
        predict(_options(source, fresh, prior, overwrite=True))
        one, other = read_result(out), read_result(fresh)
        assert _probabilities(one) == pytest.approx(_probabilities(other), abs=1e-5)
        assert one["emotion"].equals(other["emotion"])
        assert _record(out)["assumed"] == prior
    predict(_options(source, out, "uniform", update=UpdateOptions()))
    next(source.rglob("*.png")).unlink()
    kept = predict(_options(source, out, "training", update=UpdateOptions()))
    assert kept.summary.update is not None
    assert kept.summary.update.vanished == 1
    rows = dict(zip(read_result(out)["path"].to_pylist(), _probabilities(read_result(out)), strict=True))
    before = dict(zip(other["path"].to_pylist(), _probabilities(other), strict=True))
    predict(_options(source, out, "auto", update=UpdateOptions()))
    assert rows.keys() == before.keys(), "the row of the vanished image is there too"


def test_merged_tasks_are_what_a_single_run_would_make(tmp_path: Path, faces: Path) -> None:
    for prior in ("auto", "uniform"):
        parts = [tmp_path / f"{prior}-{index}.parquet" for index in range(3)]
        for index, part in enumerate(parts):
            predict(_options(faces, part, prior, task=Task(index, 3)))
        out, whole = tmp_path / f"{prior}.parquet", tmp_path / f"whole-{prior}.parquet"
        assert main(["merge", *map(str, parts), "--out", str(out)]) == 0
        predict(_options(faces, whole, prior))
        assert _probabilities(pq.read_table(out)) == pytest.approx(_probabilities(pq.read_table(whole)), abs=1e-5)
        assert pq.read_table(out)["emotion"].equals(pq.read_table(whole)["emotion"])
        applied, expected = _record(out)["applied"], _record(whole)["applied"]
        assert list(applied.values()) == pytest.approx(list(expected.values()), abs=1e-5)  # type: ignore[attr-defined]
        assert predict(_options(faces, out, prior)).outcome == "nothing to do"


def test_the_default_is_the_mix_of_the_training_and_is_said(
    tmp_path: Path, faces: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "r.parquet"
    assert main(["predict", str(faces), "--model", "seed-cnn", "--out", str(out)]) == 0
    assert "Assumed class mix: angry 16.8%, disgust 1.8%" in capsys.readouterr().err
    record = _record(out)
    assert (record["assumed"], record["applied"]) == ("training", record["training"])
    assert record["training"] == pytest.approx(CARD.class_prior, abs=1e-5)
    with pytest.raises(UsageError, match="`class_prior` must be training, uniform, auto"):
        predict(_options(faces, tmp_path / "other.parquet", "even"))
    assert not (tmp_path / "other.parquet.run.json").exists()
