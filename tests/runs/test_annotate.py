"""Annotated copies: which images are decoded for them."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

import batch_emotion.runs.annotate as annotating
from batch_emotion.images.decode import load
from batch_emotion.options.images import AnnotateOptions, Limits
from batch_emotion.sources.given import given

FACE = ("face_index", "box_x", "box_y", "box_w", "box_h")


def test_a_mark_has_the_number_of_the_face_in_the_result() -> None:
    row = {"face_index": 3, "box_x": 1, "box_y": 2, "box_w": 30, "box_h": 40, "emotion": "happy", "confidence": 0.931}
    face, label, colour = annotating._mark(row, {"happy": "#112233"})
    assert (face.number, label, colour) == (3, "3: happy 93%", "#112233")


def test_only_images_with_a_face_are_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    decoded: list[str] = []

    def noted(location: str, *arguments: object) -> object:
        decoded.append(location)
        return load(location, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(annotating, "load", noted)
    found = given([np.zeros((20, 20), np.uint8)] * 3)
    rows = pa.table(
        {
            "status": ["no_face", "ok", "no_face"],
            "emotion": [None, "happy", None],
            "confidence": [None, 0.9, None],
            **{name: pa.array([None, 0 if name == "face_index" else 5, None], pa.int32()) for name in FACE},
        }
    )
    options = AnnotateOptions(tmp_path / "copies")
    assert annotating.annotate(options, found.plan, [rows], ("happy", "sad"), Limits()) == 1
    assert decoded == found.plan.images["location"].to_pylist()[1:2]
