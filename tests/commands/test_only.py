"""A choice among the model's classes, through the command line."""

import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from batch_emotion import EvaluateOptions, PredictOptions, evaluate, predict
from batch_emotion.cli import main
from batch_emotion.errors import OutputMismatch
from batch_emotion.options.runs import EngineOptions, Task, UpdateOptions
from batch_emotion.results.reader import open_result, read_result
from tests.support.stopping import failing_at

KEPT = ["angry", "happy", "surprise"]
ONLY = ("surprise", "happy", "angry")


def _probabilities(table: pa.Table, names: list[str]) -> np.ndarray:
    return np.column_stack([table[f"p_{name}"].to_numpy() for name in names])


def _options(source: Path, out: Path, **changes: object) -> PredictOptions:
    return PredictOptions((str(source),), out, **{"shard_size": 10, "only": ONLY} | changes)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["r.parquet", "r.csv", "r"])
def test_rows_are_of_the_kept_classes_alone(tmp_path: Path, faces: Path, name: str) -> None:
    whole, out = tmp_path / "whole.parquet", tmp_path / name
    assert main(["predict", str(faces), "--out", str(whole)]) == 0
    assert main(["predict", str(faces), "--out", str(out), "--only", "Surprise, happy,angry"]) == 0
    table = read_result(out)
    assert [each for each in table.column_names if each.startswith("p_")] == [f"p_{each}" for each in KEPT]
    expected = _probabilities(pq.read_table(whole), KEPT)
    expected = expected / expected.sum(axis=1, keepdims=True)
    found = _probabilities(table, KEPT)
    assert found == pytest.approx(expected, abs=1e-6)
    assert table["emotion"].to_pylist() == [KEPT[at] for at in found.argmax(axis=1)]
    assert table["confidence"].to_numpy() == pytest.approx(found.max(axis=1))
    record = json.loads((tmp_path / f"{name}.run.json").read_text())["result"]
    assert record["fingerprint"]["only"] == ",".join(KEPT)
    assert set(record["counts"]["emotions"]) <= set(KEPT)
    if name == "r.parquet":
        assert pq.read_schema(out).metadata[b"batch_emotion.class_names"] == b"angry,happy,surprise"
    assert main(["report", str(out), "--out", str(tmp_path / "r.html"), "--no-explain"]) == 0


def test_the_choice_is_part_of_what_a_result_is(tmp_path: Path, faces: Path) -> None:
    out = tmp_path / "r.parquet"
    with failing_at(2):
        predict(_options(faces, out))
    with pytest.raises(OutputMismatch, match=r"only \(angry,happy,surprise then, none now\)"):
        predict(_options(faces, out, only=None))
    assert predict(_options(faces, out, only=tuple(KEPT))).summary.scored == 28
    predict(_options(faces, tmp_path / "whole.parquet"))
    assert pq.read_table(out).equals(pq.read_table(tmp_path / "whole.parquet"))
    assert predict(_options(faces, out)).outcome == "nothing to do"


def test_an_update_keeps_rows_of_the_same_choice_only(tmp_path: Path, faces: Path) -> None:
    source, out = tmp_path / "faces", tmp_path / "r.parquet"
    shutil.copytree(faces, source)
    predict(_options(source, out))
    next(source.rglob("*.png")).unlink()
    kept = predict(_options(source, out, update=UpdateOptions(prune=True)))
    assert kept.summary.update is not None
    assert kept.summary.update.unchanged == 47
    other = predict(_options(source, out, update=UpdateOptions(max_rescore=1), only=("sad", "fear")))
    assert other.summary.update is not None
    assert (other.summary.update.unchanged, other.summary.update.rescored) == (0, 47)
    predict(_options(source, tmp_path / "fresh.parquet", only=("sad", "fear")))
    assert pq.read_table(out).equals(pq.read_table(tmp_path / "fresh.parquet"))


def test_tasks_and_their_merge_hold_the_kept_classes(tmp_path: Path, faces: Path) -> None:
    parts = [tmp_path / f"{index}.parquet" for index in range(2)]
    for index, part in enumerate(parts):
        predict(_options(faces, part, task=Task(index, 2)))
    assert main(["merge", *map(str, parts), "--out", str(tmp_path / "r.parquet")]) == 0
    assert predict(_options(faces, tmp_path / "r.parquet")).outcome == "nothing to do"


def test_the_engine_changes_nothing(tmp_path: Path, faces: Path) -> None:
    pytest.importorskip("ray")
    predict(_options(faces / "sad", tmp_path / "here.parquet"))
    predict(_options(faces / "sad", tmp_path / "ray.parquet", engine=EngineOptions("ray", num_workers=1)))
    assert pq.read_table(tmp_path / "here.parquet").equals(pq.read_table(tmp_path / "ray.parquet"))


def test_other_words_for_classes_choose_them_and_make_the_same_result(tmp_path: Path, faces: Path) -> None:
    out = tmp_path / "r.parquet"
    asked = {"only": "Anger,Happiness", "class_prior": "joy=0.75,Angry=0.25"}
    assert predict(str(faces / "sad"), out=out, model="seed-cnn", **asked).outcome == "done"
    assert open_result(out).class_names == ("angry", "happy")
    again = predict(str(faces / "sad"), out=out, model="seed-cnn", only="angry,happy", class_prior="angry=1,happy=3")
    assert again.outcome == "nothing to do"


def test_bad_choices_are_one_line(faces: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for names, words in (
        ("happy", "at least two classes"),
        ("happy,joy", "at least two classes"),
        ("happy,grief", "no class 'grief'"),
    ):
        assert main(["predict", str(faces), "--out", str(tmp_path / "r.csv"), "--only", names]) == 2
        message = capsys.readouterr().err
        assert words in message
        assert message.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_an_evaluation_judges_among_the_kept_classes(tmp_path: Path, faces: Path) -> None:
    names = ["happy", "sad"]
    by_images = evaluate(EvaluateOptions(faces, tmp_path / "e", only=tuple(names))).evaluation
    assert list(by_images["all"]["per_class"]) == names
    assert by_images["data"]["judged"] == 16
    assert "angry" in by_images["left_out"]
    predict(_options(faces, tmp_path / "r.parquet", only=tuple(names)))
    by_result = evaluate(EvaluateOptions(tmp_path / "r.parquet", tmp_path / "f")).evaluation
    assert by_result["all"] == by_images["all"]
    assert by_result["in_training"] == {"images": 0}
