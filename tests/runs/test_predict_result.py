"""What a call gives back: the rows however they are asked for, and what a notebook shows."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from batch_emotion import PredictOptions, predict
from batch_emotion.model import runtime as runtimes
from tests.support.composites import photo, write_photo


def test_rows_are_the_same_in_memory_and_from_an_output(faces: Path, tmp_path: Path) -> None:
    kept, written = predict(faces / "happy"), predict(faces / "happy", out=tmp_path / "r.parquet")
    assert written.out == tmp_path / "r.parquet"
    assert kept.out is None
    rows = list(written)
    assert rows == list(kept) == written.table.to_pylist()
    assert len(written) == len(rows) == 8
    assert [row["emotion"] for row in rows] == list(written.to_pandas()["emotion"])
    assert "8 images, 8 ok; " in repr(written)


def test_a_notebook_shows_the_mix_and_the_first_faces(faces: Path, tmp_path: Path) -> None:
    html = predict(faces, out=tmp_path / "r.csv")._repr_html_()
    assert "<b>48 images</b> · 48 ok" in html
    assert html.count("data:image/jpeg;base64,") == 8
    assert "8 of 48 rows" in html
    assert "<script" not in html
    mix = dict(re.findall(r"<td>(\w+)</td><td style.*?\n<td class=\"number\">([\d,]+)<", html))
    assert {name: int(count) for name, count in mix.items()} == dict(predict(faces).summary.emotions)


def test_a_notebook_shows_faces_cut_out_and_what_failed(tmp_path: Path) -> None:
    write_photo(tmp_path / "a.jpg", photo(480, 320, [90, 60])[0])
    (tmp_path / "b.jpg").write_bytes(b"<script>alert(1)</script>")
    write_photo(tmp_path / "c.jpg", photo(480, 320, [80])[0])
    result = predict(tmp_path, faces=True)
    html = result._repr_html_()
    assert "3 faces" in html
    assert html.count("data:image/jpeg;base64,") == 3
    assert "unsupported: not an image" in html
    shown = predict([np.zeros((4, 4), np.uint8), b"<script>"])._repr_html_()
    assert "1 unsupported" in shown
    assert shown.count("data:image/jpeg") == 1


def test_nothing_to_show_is_shown_too(tmp_path: Path) -> None:
    (tmp_path / "none.csv").write_text("path\n")
    assert "<b>0 images</b>" in predict(tmp_path / "none.csv")._repr_html_()


def test_a_second_call_loads_nothing(faces: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    predict(PredictOptions(str(faces / "sad")))

    def refuse(*_: object) -> None:
        raise AssertionError("it is loaded again")

    monkeypatch.setattr(runtimes, "_load_runtime", refuse)
    monkeypatch.setattr("batch_emotion.model.bundle.file_sha256", refuse)
    monkeypatch.setattr("batch_emotion.model.bundle.Card.from_json", refuse)
    assert predict(faces / "sad").summary.images == 8
