"""Updates on whole columns, without a model: a row is made up from what the file is, so that it can be told apart."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batch_emotion.errors import OutputMismatch, PruneRefused
from batch_emotion.options.runs import UpdateOptions
from batch_emotion.plan import PLAN_SCHEMA, Plan
from batch_emotion.records import CHECKSUM
from batch_emotion.results.fingerprint import Fingerprint
from batch_emotion.results.image_rows import ImageRows
from batch_emotion.results.keys import KEYS
from batch_emotion.results.merging import merged
from batch_emotion.results.schema import name_emotions, part_schema, result_schema
from batch_emotion.results.update import compare
from batch_emotion.results.workspace import Workspace
from batch_emotion.sources.plan_table import part_of

CLASSES = ("a", "b")
FACE = pa.field("face_index", pa.int32())
NOBODY = pa.nulls(0, pa.string())
Files = list[tuple[str, int]]


def _plan(files: Files, checksums: list[str | None] | None = None, **attributes: list[object]) -> Plan:
    count = len(files)
    paths = pa.array([path for path, _ in files], pa.string())
    times = pa.array([time for _, time in files], pa.int64())
    images = pa.table([pa.array(range(count), pa.int64()), paths, paths, times, times], schema=PLAN_SCHEMA)
    if checksums is not None:
        images = images.append_column(CHECKSUM, pa.array(checksums, pa.string()))
    return Plan(images, pa.table(attributes) if attributes else pa.table({"": pa.nulls(count)}).drop_columns([""]))


def _schema(plan: Plan, faces: bool = False) -> pa.Schema:
    schema = result_schema(CLASSES, plan.attributes.schema, CHECKSUM in plan.images.column_names)
    return schema.append(FACE) if faces else schema


def _scored(plan: Plan, faces: bool = False, min_confidence: float = 0.0, marker: int = 0) -> pa.Table:
    """What a run would make of a plan: file times that are divisible by 7 fail, faces are as many as time % 3."""
    index, face = [], []
    for row, time in enumerate(plan.images["size"].to_pylist()):
        count = max(1, time % 3) if faces else 1
        index += [row] * count
        face += range(count)
    rows = plan.images.take(pa.array(index, pa.int64()))
    time = rows["size"].to_numpy()
    bad = time % 7 == 0
    chance = ((time * 31 + np.array(face, np.int64) * 17) % 97 / 97).astype("float32")
    probabilities = np.stack([chance, 1 - chance], axis=1)
    emotion, confidence = name_emotions(probabilities, CLASSES, min_confidence, bad)
    columns = {
        name: plan.attributes[name].take(pa.array(index, pa.int64())) for name in plan.attributes.column_names
    } | {
        "index": pa.array(index, pa.int64()),
        "path": rows["path"],
        "status": pa.array(np.where(bad, "corrupt", "ok"), pa.string()),
        "emotion": emotion,
        "confidence": confidence,
        "p_a": pa.array(probabilities[:, 0], mask=bad),
        "p_b": pa.array(probabilities[:, 1], mask=bad),
        "width": pa.array(np.full(len(index), marker), pa.int32()),
        "height": pa.array(time, pa.int32()),
        "error": pa.array(np.where(bad, "bad", None), pa.string()),
        "size": rows["size"],
        "mtime_ns": rows["mtime_ns"],
        "face_index": pa.array(face, pa.int32()),
    }
    if CHECKSUM in plan.images.column_names:
        columns[CHECKSUM] = rows[CHECKSUM]
    schema = part_schema(_schema(plan, faces))
    return pa.table([columns[name] for name in schema.names], schema=schema)


def _result(plan: Plan, faces: bool = False, **how: object) -> pa.Table:
    return _scored(plan, faces, **how).drop_columns(["index"])  # type: ignore[arg-type]


def _update(
    plan: Plan,
    earlier: pa.Table,
    options: UpdateOptions | None = None,
    leftovers: tuple[pa.Table, ...] = (),
    faces: bool = False,
    min_confidence: float = 0.0,
    same_model: bool = True,
) -> tuple[pa.Table, object]:
    schema = _schema(plan, faces)
    comparison = compare(plan, schema, [earlier], leftovers, NOBODY, options or UpdateOptions(), same_model)
    todo = part_of(plan, comparison.todo)
    shards = merged(
        plan, comparison, lambda image: [_scored(todo, faces)], schema, CLASSES, min_confidence, shard_size=3
    )
    return pa.concat_tables([schema.empty_table(), *shards]), comparison.counts


FILES = st.lists(st.tuples(st.sampled_from("abcdefgh"), st.integers(0, 30)), max_size=10)
UNIQUE = st.lists(
    st.tuples(st.sampled_from("abcdefgh"), st.integers(0, 30)), max_size=8, unique_by=lambda file: file[0]
)


@settings(deadline=None)  # the first call loads kernels
@given(UNIQUE, FILES, UNIQUE, st.booleans(), st.booleans())
def test_an_update_equals_a_fresh_run_with_what_vanished_last(
    before: Files, now: Files, between: Files, faces: bool, retry: bool
) -> None:
    plan, earlier = _plan(now), _result(_plan(before), faces)
    leftovers = (_scored(_plan(between), faces),)
    found, counts = _update(plan, earlier, UpdateOptions(retry_failures=retry), leftovers, faces)
    gone = earlier.filter(pc.invert(pc.is_in(earlier["path"], value_set=pa.array([p for p, _ in now], pa.string()))))
    assert found.to_pylist() == pa.concat_tables([_result(plan, faces), gone]).to_pylist()
    assert counts.unchanged + counts.new + counts.changed + counts.retried == len(now)  # type: ignore[attr-defined]
    assert counts.rescored == 0  # type: ignore[attr-defined]


def test_each_image_is_counted_for_what_it_is_and_only_what_must_be_is_scored() -> None:
    earlier = _result(_plan([("same", 1), ("other", 2), ("bad", 7), ("gone", 4)]), marker=5)
    plan = _plan([("new", 9), ("bad", 7), ("other", 3), ("same", 1), ("between", 8)])
    leftovers = (_scored(_plan([("between", 8), ("other", 2), ("same", 1)]), marker=6),)
    found, counts = _update(plan, earlier, UpdateOptions(retry_failures=True), leftovers)
    assert vars(counts) == {
        **{"unchanged": 1, "new": 2, "changed": 1, "rescored": 0, "retried": 1, "reused": 1, "vanished": 1},
        "pruned": 0,
    }
    assert found["width"].to_pylist() == [0, 0, 0, 5, 6, 5]
    found, counts = _update(plan, earlier)
    assert found["width"].to_pylist() == [0, 5, 0, 5, 0, 5]


def test_manifest_columns_come_from_the_new_manifest_and_vanished_rows_keep_theirs() -> None:
    earlier = _result(_plan([("x", 1), ("y", 2)], id=["1", "2"], old=["o", "o"]))
    found, _ = _update(_plan([("x", 1), ("z", 3)], id=["one", "three"], added=[1, 3]), earlier)
    assert found["id"].to_pylist() == ["one", "three", "2"]
    assert found["added"].to_pylist() == [1, 3, None]
    with pytest.raises(OutputMismatch, match=r"column id is now int64.*`prune`"):
        _update(_plan([("x", 1)], id=[7]), earlier.set_column(0, "id", pa.array(["a", "b"])))


def test_the_lowest_confidence_is_applied_anew_to_rows_that_stay() -> None:
    plan = _plan([("x", 1), ("y", 2), ("z", 7)])
    strict, _ = _update(plan, _result(plan), min_confidence=1.0)
    assert strict["emotion"].to_pylist() == ["uncertain", "uncertain", None]
    assert _update(plan, strict)[0]["emotion"].to_pylist() == _result(plan)["emotion"].to_pylist()


def test_pruning_drops_a_few_and_refuses_many_or_all() -> None:
    earlier = _result(_plan([(str(number), number + 1) for number in range(10)]))
    prune = UpdateOptions(prune=True)

    def left(count: int) -> Plan:
        return _plan([(str(number), number + 1) for number in range(count)])

    found, counts = _update(left(8), earlier, prune)
    assert len(found) == 8
    assert counts.pruned == 2  # type: ignore[attr-defined]
    with pytest.raises(PruneRefused, match=r"3 of 10 .*`max_prune`"):
        _update(left(7), earlier, prune)
    assert len(_update(left(1), earlier, UpdateOptions(prune=True, max_prune=0.9))[0]) == 1
    with pytest.raises(PruneRefused, match=r"10 of 10 .*`overwrite`"):
        _update(_plan([("elsewhere", 1)]), earlier, UpdateOptions(prune=True, max_prune=1.0))


def test_what_lies_where_nothing_can_be_listed_is_neither_vanished_nor_pruned() -> None:
    earlier = _result(_plan([("p/a", 1), ("p/c/b", 2), ("p/c/d/e", 3), ("p/cc/f", 4), ("p/g", 5), ("p/h", 6)]))
    plan = _plan([("p/a", 1), ("p/c", 7), ("p/g", 5), ("p/h", 6)])
    found, counts = _update(plan, earlier, UpdateOptions(prune=True))
    assert found["path"].to_pylist() == ["p/a", "p/c", "p/g", "p/h", "p/c/b", "p/c/d/e"]
    assert (counts.unchanged, counts.new, counts.pruned) == (3, 1, 1)  # type: ignore[attr-defined]
    found, counts = _update(plan, earlier)
    assert sorted(found["path"].to_pylist()[4:]) == ["p/c/b", "p/c/d/e", "p/cc/f"]
    assert counts.vanished == 1  # type: ignore[attr-defined]
    with pytest.raises(OutputMismatch, match="2 images lie where nothing can be listed, with rows of another model"):
        _update(plan, earlier, UpdateOptions(prune=True), same_model=False)


def test_another_model_scores_all_anew_and_cannot_keep_what_vanished() -> None:
    plan = _plan([("x", 1), ("y", 2)])
    found, counts = _update(_plan([("x", 1), ("y", 3), ("new", 4)]), _result(plan, marker=5), same_model=False)
    assert found["width"].to_pylist() == [0, 0, 0]
    assert (counts.rescored, counts.changed, counts.new) == (1, 1, 1)  # type: ignore[attr-defined]
    bad = _plan([("x", 1), ("bad", 7)])
    _, counts = _update(bad, _result(bad), UpdateOptions(retry_failures=True), same_model=False)
    assert (counts.rescored, counts.retried) == (1, 1)  # type: ignore[attr-defined]
    earlier = _result(_plan([("x", 1), ("gone", 2)] + [(str(number), 1) for number in range(9)]))
    with pytest.raises(OutputMismatch, match="another model"):
        _update(plan, earlier, same_model=False)


def test_checksums_see_a_change_that_size_and_time_hide_and_forgive_a_touch() -> None:
    earlier = _result(_plan([("touched", 1), ("forged", 2), ("unread", 3)], ["aa", "bb", None]), marker=5)
    plan = _plan([("touched", 9), ("forged", 2), ("unread", 3)], ["aa", "cc", None])
    found, _ = _update(plan, earlier, UpdateOptions(checksum=True))
    assert found["width"].to_pylist() == [5, 0, 5]
    assert found["mtime_ns"].to_pylist() == [9, 2, 3]
    without = earlier.drop_columns([CHECKSUM])
    counts = _update(plan, without, UpdateOptions(checksum=True))[1]
    assert (counts.unchanged, counts.changed, counts.rescored) == (1, 1, 1)  # type: ignore[attr-defined]


def test_images_that_killed_the_process_come_last_and_are_suspects() -> None:
    rows = _result(_plan([("killer", 7), ("x", 1)]))
    rows = rows.set_column(1, "status", pa.array(["decoder_crash", "ok"]))
    plan = _plan([("killer", 7), ("dying", 4), ("y", 2)])
    schema = _schema(plan)
    comparison = compare(plan, schema, [rows], (), pa.array(["dying"]), UpdateOptions(retry_failures=True), True)
    assert comparison.todo.tolist() == [2, 0, 1]
    assert comparison.suspects.to_pylist() == ["killer", "dying"]


def _keys(*rows: tuple[int, int | None]) -> pa.Table:
    """What is known of rows of one photo, each by its time and its face; None where none was found."""
    count = len(rows)
    columns = {name: pa.nulls(count, KEYS.field(name).type) for name in KEYS.names}
    columns |= {"row": pa.array(range(count)), "path": pa.array(["photo.jpg"] * count)}
    columns |= {"size": pa.array([time for time, _ in rows]), "mtime_ns": pa.array([time for time, _ in rows])}
    return pa.table(columns | {"face_index": pa.array([face for _, face in rows], pa.int32())}).cast(KEYS)


@pytest.mark.parametrize(
    "older", [[], [(1, None)], [(1, 0)], [(1, 0), (1, 1), (1, 2), (1, 3)], [(2, 0), (2, 1), (2, 2)]]
)
def test_faces_of_two_versions_of_a_photo_are_never_mixed(older: list[tuple[int, int | None]]) -> None:
    rows = ImageRows(_keys((2, 0), (2, 1), (2, 2), *older))
    assert rows.rows.tolist() == [0, 1, 2]
    assert rows.find(_keys((2, None)), checksum=False).tolist() == [0]
    assert rows.find(_keys((1, None)), checksum=False).tolist() == [-1]


def test_the_newest_parts_of_unfinished_runs_come_first(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "r.csv")
    for version in range(3):
        plan = _plan([(f"{version}.jpg", version), ("photo.jpg", version)])
        fingerprint = Fingerprint(plan.digest, len(plan), "m", "m", "onnx", "d")
        workspace.restart(fingerprint, plan, NOBODY)
        workspace.commit(0, _scored(plan))
    found = [table["path"][0].as_py() for table in workspace.leftovers(fingerprint).tables]
    assert found == ["2.jpg", "1.jpg", "0.jpg"]
