"""Keywords or an options class: what a call asks for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from batch_emotion import (
    ExportOptions,
    PredictOptions,
    ReportOptions,
    UsageError,
    WrongType,
    evaluate,
    export,
    merge,
    predict,
    report,
    train,
)
from batch_emotion.labels.class_names import SIX_EMOTIONS
from batch_emotion.options.train import TrainOptions
from batch_emotion.runs.asked import asked
from batch_emotion.storage.remote import RemotePath


def test_keywords_at_their_defaults_ask_for_nothing() -> None:
    options = PredictOptions("photos", min_confidence=0.5)
    assert asked(PredictOptions, "sources", options, {"out": None, "faces": False, "only": None}) is options
    assert asked(PredictOptions, "sources", "photos", {"model": "emotion-6"}) == PredictOptions(
        "photos", model="emotion-6"
    )
    assert asked(TrainOptions, "data", "d", {"out": "m", "class_names": SIX_EMOTIONS, "epochs": 25}).recipe.epochs == 25


def test_a_uri_becomes_a_place() -> None:
    options = asked(PredictOptions, "sources", "photos", {"out": "s3://bucket/r.parquet", "root": "gs://other"})
    assert options.out == RemotePath("s3", "bucket/r.parquet")
    assert options.source.root == RemotePath("gs", "other")
    assert asked(ReportOptions, "result", "s3://bucket/r.csv", {"out": "r.html"}).result == RemotePath(
        "s3", "bucket/r.csv"
    )
    assert asked(PredictOptions, "sources", PredictOptions("a", "s3://bucket/r.csv"), {}).out == RemotePath(
        "s3", "bucket/r.csv"
    )


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: predict(PredictOptions("a"), out="r.csv"), "`out` is given beside PredictOptions"),
        (lambda: predict("a", sources="b"), "`sources` is the first argument, and given by its name too"),
        (lambda: predict("a", "r.csv"), "`on_progress` must be a function, not str 'r.csv'"),
        (lambda: report("r.parquet", "r.html"), "`log` must be a function, not str 'r.html'"),
        (lambda: train("faces", out="m", epoch=3), "there is no option 'epoch'; did you mean 'epochs'?"),
        (lambda: evaluate(3, out="e"), "`data` must be a path or a DataFrame or Arrow table, not int 3"),
        (lambda: report(3, out="r.html"), "`result` must be a path or a DataFrame or Arrow table, not int 3"),
        (lambda: predict("a", model=pa.table({"a": [1]})), "`model` must be a string or a path, not Table"),
    ],
)
def test_what_makes_no_sense_is_refused_by_its_name(call: Callable[[], Any], words: str) -> None:
    with pytest.raises(WrongType) as refused:
        call()
    assert words in str(refused.value)


def test_what_is_needed_is_asked_for() -> None:
    with pytest.raises(UsageError, match=r"`out` is needed: The page: \.html"):
        report("r.parquet")
    with pytest.raises(UsageError, match="`out` is needed: The folder for the bundle"):
        train("faces")


def test_a_result_stands_for_where_it_was_written(faces: Path, tmp_path: Path) -> None:
    written = predict(faces, out=tmp_path / "r.parquet")
    assert report(written, out=tmp_path / "r.html", explain=False)["scored"] == 48
    assert evaluate(written, out=tmp_path / "e").evaluation["data"]["images"] == 48


def test_export_and_merge_take_keywords_too(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="`format` is needed"):
        export("seed-cnn", out=tmp_path / "m.onnx")
    with pytest.raises(WrongType, match=r"`format` must be 'h5' or .*, not str 'exe'"):
        export("seed-cnn", format="exe", out=tmp_path / "m.exe")  # type: ignore[arg-type]
    with pytest.raises(WrongType, match="`out` is given beside ExportOptions"):
        export(ExportOptions("seed-cnn", "onnx", tmp_path / "m.onnx"), out="n.onnx")
    with pytest.raises(UsageError, match="`out` is needed"):
        merge(["r.parquet"])
    with pytest.raises(WrongType, match="there is no option 'csv_boom'; did you mean 'csv_bom'"):
        merge("r.parquet", out="s.csv", csv_boom=True)
