"""Options from Python: what is taken for what, and what is refused by its name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from batch_emotion import (
    EvaluateOptions,
    FaceOptions,
    MergeOptions,
    PredictOptions,
    ReportOptions,
    Task,
    TrainOptions,
    UpdateOptions,
)
from batch_emotion.errors import UsageError, WrongType
from batch_emotion.options.checked import options_from, shown
from batch_emotion.storage.places import output_place


def test_a_bare_string_is_one_source_and_one_path() -> None:
    assert PredictOptions("photos") == PredictOptions(("photos",))
    assert PredictOptions(Path("/data/x.jpg")).sources == ("/data/x.jpg",)
    assert PredictOptions(["a", Path("b")]).sources == ("a", "b")
    assert PredictOptions("photos", "r.parquet").out == Path("r.parquet")
    assert EvaluateOptions("faces", "made").data == Path("faces")
    assert MergeOptions(["a.parquet", "b.parquet"], "c.parquet").parts == (Path("a.parquet"), Path("b.parquet"))


def test_what_can_only_mean_one_thing_is_taken_for_it() -> None:
    options = PredictOptions("photos", faces=True, update=False, only="Happy, sad", min_confidence=np.float32(0.5))
    assert (options.faces, options.update, options.only) == (FaceOptions(), None, ("happy", "sad"))
    assert type(options.min_confidence) is float
    store = output_place("s3://bucket/r.parquet")
    assert PredictOptions("photos", store).out is store


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"sources": 42}, "`sources` must be a list of strings, not int 42"),
        ({"sources": ["a", 1]}, r"`sources` must be a list of strings, not list \['a', 1\]"),
        ({"min_confidence": "high"}, "`min_confidence` must be a number, not str 'high'"),
        ({"min_confidence": True}, "`min_confidence` must be a number, not bool True"),
        ({"threads": 1.5}, "`threads` must be a whole number or None, not float 1.5"),
        ({"out": 3}, "`out` must be a path or None, not int 3"),
        ({"out": b"r.csv"}, "`out` must be a path or None, not bytes"),
        ({"faces": "yes"}, "`faces` must be True or FaceOptions or None, not str 'yes'"),
        ({"faces": UpdateOptions()}, "`faces` must be True or FaceOptions or None, not UpdateOptions"),
        ({"task": True}, "`task` must be Task or None, not bool True"),
        ({"runtime": "cuda"}, "`runtime` must be 'auto' or 'onnx' or 'tensorflow', not str 'cuda'"),
        ({"overwrite": 1}, "`overwrite` must be True or False, not int 1"),
    ],
)
def test_another_type_is_refused_by_its_name_at_once(given: dict[str, Any], words: str) -> None:
    with pytest.raises(WrongType, match=words):
        PredictOptions(**{"sources": "photos", **given})
    with pytest.raises(TypeError):  # and as what it is to a Python program
        PredictOptions(**{"sources": "photos", **given})


def test_a_dict_of_labels_is_a_dict() -> None:
    assert ReportOptions("r.csv", "r.html", map_labels={3: "happy"}).map_labels == {3: "happy"}
    with pytest.raises(WrongType, match="`map_labels` must be a dict or None, not str"):
        ReportOptions("r.csv", "r.html", map_labels="3=happy")


def test_a_dict_of_shares_is_the_text_of_the_command_line() -> None:
    prior = {"angry": np.float32(0.25), "happy": 3}
    assert PredictOptions("a", class_prior=prior).class_prior == "angry=0.25,happy=3.0"
    assert EvaluateOptions("a", "e", class_prior={"sad": 1}).class_prior == "sad=1.0"
    with pytest.raises(WrongType, match=r"`class_prior` must give each class a number, not str '0\.1'"):
        PredictOptions("a", class_prior={"angry": "0.1"})


@pytest.mark.parametrize(
    ("value", "line"),
    [
        (np.arange(3), "ndarray array([0, 1, 2])"),
        (np.zeros((40, 40)), "ndarray"),
        (pa.table({"path": ["a"]}), "Table"),
        (pd.DataFrame({"path": ["a", "b"]}), "DataFrame"),
        ("a\nb", r"str 'a\nb'"),
        (list(range(99)), "list [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16..."),
    ],
)
def test_a_value_is_shown_on_one_short_line(value: object, line: str) -> None:
    assert shown(value) == line


def test_keywords_name_options_as_the_command_line_does() -> None:
    made = options_from(
        PredictOptions,
        {
            "sources": "photos",
            "faces": True,
            "min_face_size": 64,
            "annotate": "m",
            "task_index": 0,
            "task_count": 2,
        },
    )
    assert made.faces == FaceOptions(min_size=64)
    assert (made.annotate.folder, made.task) == (Path("m"), Task(0, 2))
    trained = options_from(TrainOptions, {"data": "faces", "out": "m", "epochs": 3, "flip": False, "classes": "a,b"})
    assert (trained.recipe.epochs, trained.recipe.augmentation.flip) == (3, False)
    assert trained.class_names == ("a", "b")
    whole = options_from(PredictOptions, {"sources": "a", "faces": FaceOptions(margin=0.1), "min_face_size": 64})
    assert whole.faces == FaceOptions(margin=0.1, min_size=64)


@pytest.mark.parametrize(
    ("keywords", "error", "words"),
    [
        ({"modle": "x"}, WrongType, "there is no option 'modle'; did you mean 'model'?"),
        ({"min_face_size": 3}, UsageError, "`min_face_size` goes with `faces`; give that too"),
        ({"task_index": 3}, UsageError, "`count` is needed: How many parts"),
    ],
)
def test_keywords_that_make_no_sense_are_refused(keywords: dict[str, Any], error: type[Exception], words: str) -> None:
    with pytest.raises(error) as refused:
        options_from(PredictOptions, {"sources": "photos", **keywords})
    assert words in str(refused.value)
