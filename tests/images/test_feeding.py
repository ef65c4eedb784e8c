"""However batches are fed, the rows are the same to the last bit."""

from dataclasses import replace
from pathlib import Path

import cv2
import pyarrow as pa
import pytest

from batch_emotion.images.feeding import Feeder, by_tf_data, by_threads, by_threads_at_first
from batch_emotion.model.bundle import load_bundle
from batch_emotion.model.runtime import open_runtime
from batch_emotion.options.images import FaceOptions, Limits
from batch_emotion.plan import Plan
from batch_emotion.scoring import Scorer
from batch_emotion.sources.planning import make_plan
from tests.images import pictures as made
from tests.support.composites import astronaut, backdrop
from tests.support.lean import without_tensorflow


@pytest.fixture(scope="module")
def scorer() -> Scorer:
    bundle = load_bundle("seed-cnn")
    spec = bundle.card.input
    return Scorer(open_runtime(bundle, "onnx"), bundle.card.class_names, spec, Limits(), with_digests=True)


@pytest.fixture
def plan(faces: Path, bad_files: dict[str, str], tmp_path: Path) -> Plan:
    folder = tmp_path / "formats"
    folder.mkdir()
    photo = astronaut()
    for name, data in {
        "a.png": made.png(photo),
        "nobody.png": made.png(backdrop(300, 200)),
        "sideways.png": made.png(made.stored(photo, 6), before=[made.text_chunk(made.XMP_KEY, made.xmp(6), b"iTXt")]),
        "a.tif": made.tiff(photo),
        "a.webp": made.encoded(photo, "WEBP", lossless=True),
        "a.jp2": made.encoded(photo, "JPEG2000"),
        "a.jpg": cv2.imencode(".jpg", photo)[1].tobytes(),
        "umlaut-\u00fc.jpg": cv2.imencode(".jpg", photo[:, ::-1])[1].tobytes(),
    }.items():
        (folder / name).write_bytes(data)
    found = make_plan([str(faces), str(tmp_path / "bad"), str(folder)])
    assert len(found) > 60
    return found


def _rows(
    scorer: Scorer, plan: Plan, feeder: Feeder | None, isolated: bool, shard_size: int | None
) -> tuple[pa.Table, list[int]]:
    started: list[int] = []
    batches = list(replace(scorer, feeder=feeder).score(plan, isolated, shard_size, started.append))
    return pa.Table.from_batches(batches), sorted(started)


@pytest.mark.parametrize("shard_size", [None, 10])
@pytest.mark.parametrize("batch_size", [1, 7, 256])
def test_rows_by_threads_are_those_by_tf_data(
    scorer: Scorer, plan: Plan, batch_size: int, shard_size: int | None
) -> None:
    scorer = replace(scorer, batch_size=batch_size)
    one, *others = (_rows(scorer, plan, feeder, False, shard_size) for feeder in (by_tf_data, by_threads))
    assert len(set(one[0]["status"].to_pylist())) > 5
    for each in others:
        assert each == one


@pytest.mark.parametrize("feeder", [by_threads_at_first, None])
def test_rows_are_the_same_where_threads_begin_and_where_nobody_chose(
    scorer: Scorer, plan: Plan, feeder: Feeder | None
) -> None:
    scorer = replace(scorer, batch_size=5)
    assert _rows(scorer, plan, feeder, False, 20) == _rows(scorer, plan, by_tf_data, False, 20)


@pytest.mark.parametrize("isolated", [False, True])
def test_rows_are_the_same_where_tensorflow_is_not_installed(
    scorer: Scorer, plan: Plan, isolated: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    scorer = replace(scorer, batch_size=5)
    expected = _rows(scorer, plan, by_tf_data, isolated, 20)
    without_tensorflow(monkeypatch)
    assert _rows(scorer, plan, None, isolated, 20) == expected


def test_rows_in_a_child_process_are_the_same(scorer: Scorer, plan: Plan) -> None:
    assert _rows(scorer, plan, by_threads, True, None) == _rows(scorer, plan, by_tf_data, True, None)


def test_rows_of_faces_are_the_same(scorer: Scorer, plan: Plan) -> None:
    scorer = replace(scorer, faces=FaceOptions(), batch_size=6)
    one, other = (_rows(scorer, plan, feeder, False, None) for feeder in (by_threads, by_tf_data))
    assert one == other
    assert "no_face" in one[0]["status"].to_pylist()
    assert one[0]["face_index"].null_count < len(one[0])
