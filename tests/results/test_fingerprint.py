import json
import re
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from batch_emotion import FaceOptions, PredictOptions, predict
from batch_emotion.options.runs import Task
from batch_emotion.results.fingerprint import Fingerprint, deciding_options

FINGERPRINT = Fingerprint("p1", 3, "m1", "seed-cnn", "onnx", "opencv")
KEYS = [
    "plan",
    "images",
    "model",
    "model_name",
    "runtime",
    "decoder",
    "min_confidence",
    "max_pixels",
    "max_bytes",
    "shard_size",
    "precision",
    "full_decode",
    "task_index",
    "task_count",
    "detector",
    "detector_sha256",
    "min_face_size",
    "max_faces",
    "face_margin",
]
"""What runs and results of every version so far hold."""


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"plan": "p2", "images": 4}, r"the images \(4 images then, 3 now\)"),
        ({"plan": "p2"}, "their files, or cells of the manifest, were changed"),
        ({"model": "m2", "model_name": "emotion"}, r"the model \(emotion then, seed-cnn now\)"),
        ({"min_confidence": 0.5}, r"min-confidence \(0.5 then, 0.0 now\)"),
    ],
)
def test_what_differs_is_named(change: dict[str, object], words: str) -> None:
    differing = FINGERPRINT.differences(FINGERPRINT.as_dict() | change)
    assert len(differing) == 1
    assert re.search(words, differing[0])
    assert FINGERPRINT.differences(FINGERPRINT.as_dict()) == []


def test_the_keys_of_earlier_versions_are_there(tmp_path: Path, faces: Path) -> None:
    predict(PredictOptions((str(faces / "sad"),), tmp_path / "r.parquet", faces=FaceOptions(min_size=30)))
    record = json.loads((tmp_path / "r.parquet.run.json").read_text())["result"]["fingerprint"]
    assert set(KEYS) <= record.keys()
    assert (record["task_index"], record["task_count"]) == (0, 1)
    assert record["min_face_size"] == 30
    assert isinstance(record["face_margin"], float)
    footer = pq.read_schema(tmp_path / "r.parquet").metadata
    assert json.loads(footer[b"batch_emotion.fingerprint"]) == record


def test_a_key_that_an_older_version_did_not_know_stands_for_its_default() -> None:
    old = {key: value for key, value in FINGERPRINT.as_dict().items() if key not in ("full_decode", "task_count")}
    assert FINGERPRINT.differences(old) == []
    assert Fingerprint.from_dict(old) == FINGERPRINT
    strict = FINGERPRINT.with_options(full_decode=True)
    assert len(strict.differences(old)) == 1
    assert not strict.scores_like(old)


def test_why_scores_differ_is_told_in_few_words() -> None:
    before = FINGERPRINT.as_dict() | {"model": "m0", "model_version": 1, "plan": "p0", "min_confidence": 0.5}
    now = replace(FINGERPRINT, model_version=2, detector="haar", detector_sha256="d").with_options(min_face_size=36)
    assert now.why_scores_differ(before) == [
        "the model (seed-cnn@1 then, seed-cnn@2 now)",
        "detector (none then, haar now)",
    ]
    with_faces = now.as_dict() | {"min_face_size": 48, "detector_sha256": "e"}
    assert now.why_scores_differ(with_faces) == [
        "detector-sha256 (e then, d now)",
        "min-face-size (48 then, 36 now)",
    ]


def test_a_version_is_told_and_compared_with_nothing() -> None:
    old = FINGERPRINT.as_dict()
    del old["model_version"]
    now = replace(FINGERPRINT, model_version=2)
    assert now.differences(old) == FINGERPRINT.differences(now.as_dict()) == []
    assert Fingerprint.from_dict(now.as_dict()) == now
    assert now.differences(old | {"model": "m0"}) == ["the model (seed-cnn then, seed-cnn@2 now)"]


def test_only_what_changes_scores_makes_rows_unlike() -> None:
    document = FINGERPRINT.as_dict()
    alike = {"plan": "p2", "min_confidence": 0.9, "shard_size": 7, "task_index": 1, "task_count": 2}
    assert FINGERPRINT.scores_like(document | alike)
    for change in ({"model": "m2"}, {"runtime": "x"}, {"decoder": "x"}, {"max_pixels": 9}, {"min_face_size": 9}):
        assert not FINGERPRINT.scores_like(document | change)


def test_a_run_without_tasks_is_the_only_one_of_one() -> None:
    alone = deciding_options(PredictOptions(("photos",)))
    assert alone == deciding_options(PredictOptions(("photos",), task=Task(0, 1)))
