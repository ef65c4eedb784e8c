"""DataFrames and Arrow tables in the place of manifests, labels and results: what comes out is as of the files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from batch_emotion import SourceError, UsageError, evaluate, predict, report, review, train
from batch_emotion.frames import given_table

OF_ITS_MAKING = ("name", "made", "data", "model", "class_prior")


@pytest.fixture
def labelled(faces: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pd.DataFrame:
    (tmp_path / "faces").symlink_to(faces)
    monkeypatch.chdir(tmp_path)
    paths = sorted(Path("faces").rglob("*-000[1-4].png"))
    frame = pd.DataFrame({"path": paths, "label": [path.parent.name for path in paths], "who": ["a", "b"] * 12})
    frame.to_csv("labels.csv", index=False)
    return frame


def _scores(evaluation: Any) -> dict[str, Any]:
    return {key: value for key, value in evaluation.items() if key not in OF_ITS_MAKING}


def test_a_table_is_evaluated_like_its_manifest(labelled: pd.DataFrame) -> None:
    of_file = evaluate("labels.csv", out="of-file", group_by="who").evaluation
    for at, frame in enumerate([labelled, labelled.astype({"label": "category"})]):
        of_frame = evaluate(frame, out=f"of-frame-{at}", group_by="who").evaluation
        assert _scores(of_frame) == _scores(of_file)
        assert (of_frame["data"]["kind"], of_frame["data"]["name"]) == ("manifest", "the DataFrame")


def test_tables_of_arrow_are_taken_too() -> None:
    table = pa.table({"path": ["a.png"], "label": ["sad"]})
    for each in (table, table.to_batches()[0]):
        given = given_table(each)
        assert given is not None
        assert (given.table, given.name) == (table, "the table")


def test_the_paths_of_a_table_start_in_the_root(labelled: pd.DataFrame, tmp_path: Path) -> None:
    inner = labelled.assign(path=[path.relative_to("faces") for path in labelled["path"]])
    made = evaluate(inner, root=tmp_path / "faces", out="inner").evaluation
    assert (made["data"]["judged"], made["data"]["not_scored"]) == (24, {})


def test_a_result_in_memory_is_measured_and_shown_like_the_one_that_was_written(labelled: pd.DataFrame) -> None:
    written, held = predict("faces", out="r.parquet"), predict("faces")
    of_file = evaluate(written, labels="labels.csv", group_by="who", out="of-file").evaluation
    of_memory = evaluate(held, labels=labelled, group_by="who", out="of-memory").evaluation
    assert _scores(of_memory) == _scores(of_file)
    assert of_memory["model"] == of_file["model"]
    assert of_memory["data"]["name"] == "the result"
    of_rows = evaluate(held.to_pandas(), labels=labelled, out="of-rows", model="emotion-7").evaluation
    assert of_rows["all"] == of_file["all"]
    documents = [report(each, compare=held, out="r.html", explain=False) for each in (written, held)]
    assert documents[0]["labels"]["origin"] == documents[1]["labels"]["origin"]
    assert documents[0]["made_by"] == documents[1]["made_by"]
    assert documents[1]["comparison"]["agreement"] == 1
    assert sum(review(held, out="review", images=12).sample.weights) == 48


def test_rows_of_faces_come_back_from_pandas_as_they_were(labelled: pd.DataFrame) -> None:
    frame = predict(pd.DataFrame({"path": ["faces/sad/sad-0001.png", "gone.png"]}), faces=True).to_pandas()
    assert report(frame, out="r.html", explain=False)["statuses"] == frame["status"].value_counts().to_dict()


def test_a_table_is_trained_on_like_its_manifest(labelled: pd.DataFrame) -> None:
    losses = [
        train(data, out=f"m{at}", epochs=1, architecture="seed-cnn").history[0]["loss"]
        for at, data in enumerate(["labels.csv", labelled])
    ]
    assert losses[0] == losses[1]
    card = train(labelled, validation=labelled, out="m3", epochs=1, group_column="who").bundle.card
    assert (card.training["data"], card.training["validation"]) == ("the DataFrame", "the DataFrame")


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda t: evaluate(t.drop(columns="label"), out="e"), "the DataFrame has neither a column 'label' nor one"),
        (lambda t: evaluate(t.drop(columns="path"), out="e"), "the DataFrame has no column 'path', only: label, who"),
        (lambda t: evaluate(t, group_by="camera", out="e"), "the DataFrame has no column 'camera'; it has: label, who"),
        (
            lambda t: evaluate(t, labels=t, out="e"),
            "goes with a result of predict, which the DataFrame is not",
        ),
        (lambda t: report(t, out="r.html"), "the DataFrame has no column status, emotion, confidence"),
        (lambda t: evaluate(predict("faces"), labels=t.iloc[:0], out="e"), "for none of the paths of the result"),
    ],
)
def test_a_table_that_makes_no_sense_is_refused_by_what_it_is(
    call: Callable[[pd.DataFrame], Any], words: str, labelled: pd.DataFrame
) -> None:
    with pytest.raises(UsageError) as refused:
        call(labelled)
    assert words in str(refused.value)


def test_a_column_that_arrow_cannot_hold_is_named() -> None:
    with pytest.raises(SourceError, match=r"the table has a column that a result cannot hold: .*odd"):
        given_table(pd.DataFrame({"path": ["a"], "odd": [object()]}))
    assert given_table("labels.csv") is given_table(["a"]) is given_table(None) is None
