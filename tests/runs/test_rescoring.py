"""An update over a result that another model or other options made: refused, told, and done when asked for."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from batch_emotion import FaceOptions, PredictOptions, RescoreRefused, UpdateOptions, load_bundle, predict
from batch_emotion.errors import OutputMismatch, TimeLimitReached
from batch_emotion.results.update import UpdateCounts
from batch_emotion.results.workspace import Workspace


@pytest.fixture
def before(faces: Path, tmp_path: Path) -> PredictOptions:
    """A run that has made a result with another model than the default."""
    source = shutil.copytree(faces / "happy", tmp_path / "source")
    options = PredictOptions((str(source),), tmp_path / "r.parquet", model="seed-cnn", shard_size=4)
    predict(options)
    return options


def _counts(options: PredictOptions) -> UpdateCounts | None:
    return predict(options).summary.update


def test_another_model_is_refused_with_what_changed_and_how_to_go_on(before: PredictOptions, tmp_path: Path) -> None:
    now = replace(before, model="emotion-7", update=UpdateOptions())
    rows, recorded = (tmp_path / "r.parquet").read_bytes(), json.loads((tmp_path / "r.parquet.run.json").read_text())
    words = rf"8 of 8 images .* the model \(seed-cnn@1 then, {load_bundle('emotion-7').version} now\); "
    with pytest.raises(RescoreRefused, match=rf"{words}give `max_rescore` 1 to go on, or .*`model` seed-cnn@1, "):
        predict(now)
    assert (tmp_path / "r.parquet").read_bytes() == rows
    told = json.loads((tmp_path / "r.parquet.run.json").read_text())
    assert told["result"] == recorded["result"]
    assert told["last_run"]["exit_code"] == 2
    assert not Workspace(tmp_path / "r.parquet").folder.exists()

    assert _counts(replace(now, update=UpdateOptions(max_rescore=1.0))) == UpdateCounts(rescored=8)
    assert _counts(now) == UpdateCounts(unchanged=8)
    fresh = replace(before, model="emotion-7", out=tmp_path / "fresh.parquet")
    predict(fresh)
    assert pq.read_table(tmp_path / "r.parquet").equals(pq.read_table(tmp_path / "fresh.parquet"))


def test_the_model_that_was_pinned_goes_on(before: PredictOptions, tmp_path: Path) -> None:
    (tmp_path / "source" / "happy-0001.png").unlink()
    counts = _counts(replace(before, model="seed-cnn@1", update=UpdateOptions(prune=True)))
    assert counts == UpdateCounts(unchanged=7, pruned=1)
    footer = pq.read_schema(tmp_path / "r.parquet").metadata
    assert (footer[b"batch_emotion.model"], footer[b"batch_emotion.model_version"]) == (b"seed-cnn", b"1")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"only": ("happy", "sad")}, r"only \(none then, happy,sad now\)"),
        ({"full_decode": True}, r"full-decode \(False then, True now\)"),
        ({"faces": FaceOptions()}, r"of detector \(none then, centerface now\); give"),
        ({"update": UpdateOptions(checksum=True)}, r"checksum \(the result has none\)"),
    ],
)
def test_so_is_another_option(before: PredictOptions, change: dict[str, object], words: str) -> None:
    with pytest.raises(RescoreRefused, match=words):
        predict(replace(before, **({"update": UpdateOptions()} | change)))  # type: ignore[arg-type]


def test_what_only_changes_labels_or_the_cut_is_not(before: PredictOptions) -> None:
    now = replace(before, min_confidence=0.9, shard_size=3, update=UpdateOptions(max_rescore=0.0))
    assert _counts(now) == UpdateCounts(unchanged=8)


def test_images_that_are_new_or_changed_do_not_count(before: PredictOptions, faces: Path, tmp_path: Path) -> None:
    for number in range(1, 6):
        shutil.copy(faces / "sad" / f"sad-000{number}.png", tmp_path / "source" / f"happy-000{number}.png")
    now = replace(before, model="emotion-7", update=UpdateOptions(max_rescore=0.374))
    with pytest.raises(RescoreRefused, match="3 of 8 images"):
        predict(now)
    assert _counts(replace(now, update=UpdateOptions(max_rescore=0.375))) == UpdateCounts(changed=5, rescored=3)


def test_what_was_allowed_once_is_carried_on_by_the_nights_that_follow(before: PredictOptions) -> None:
    now = replace(before, model="emotion-7", update=UpdateOptions(max_rescore=1.0))
    with pytest.raises(TimeLimitReached):
        predict(replace(now, time_limit=0.0))
    assert _counts(replace(now, update=UpdateOptions())) == UpdateCounts(rescored=8, reused=4)


def test_a_refusal_leaves_the_parts_of_an_unfinished_run(before: PredictOptions, faces: Path, tmp_path: Path) -> None:
    for face in (faces / "sad").iterdir():
        shutil.copy(face, tmp_path / "source")
    nightly = replace(before, update=UpdateOptions())
    with pytest.raises(TimeLimitReached):
        predict(replace(nightly, time_limit=0.0))
    with pytest.raises(RescoreRefused):
        predict(replace(nightly, model="emotion-7"))
    assert _counts(nightly) == UpdateCounts(unchanged=8, new=8, reused=4)


def test_a_result_that_does_not_name_its_version_is_known_by_its_sha256(before: PredictOptions, tmp_path: Path) -> None:
    file = tmp_path / "r.parquet.run.json"
    document = json.loads(file.read_text())
    del document["result"]["fingerprint"]["model_version"]
    file.write_text(json.dumps(document))
    for update, kind in ((None, OutputMismatch), (UpdateOptions(), RescoreRefused)):
        with pytest.raises(kind, match="seed-cnn@1 then"):
            predict(replace(before, model="emotion-7", update=update))
