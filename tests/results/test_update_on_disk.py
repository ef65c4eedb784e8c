"""An update that is cut into tiny parts and kept on disk, held against one in memory and one in plain Python."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batch_emotion import plan as plans
from batch_emotion.options.runs import UpdateOptions
from batch_emotion.records import CHECKSUM
from batch_emotion.results import carrying, choices, keys, update
from batch_emotion.results.merging import merged
from batch_emotion.results.update import Comparison, compare
from batch_emotion.sources import plan_table
from batch_emotion.sources.plan_table import part_of
from batch_emotion.storage import spool
from tests.results.test_update import CLASSES, Files, _plan, _schema, _scored
from tests.support.plain_update import plain_update


@contextmanager
def _in_tiny_parts() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(spool, "_IN_MEMORY", 0)
        patch.setattr(update, "_IN_A_PART", 3)
        patch.setattr(keys, "_TOGETHER", 4)
        patch.setattr(choices, "AT_A_TIME", 2)
        patch.setattr(carrying, "AT_A_TIME", 2)
        patch.setattr(plan_table, "PLAN_ROWS", 3)
        patch.setattr(plans, "PLAN_ROWS", 3)
        yield


PATHS = st.sampled_from([*(f"{folder}/{name}" for folder in ("a", "b", "b/c") for name in "123456"), "b", "b/c"])
FILES = st.lists(st.tuples(PATHS, st.integers(0, 30)), max_size=25)
CHECKSUMS = st.integers(0, 2)


@st.composite
def _histories(draw: st.DrawFn) -> tuple[Files, Files, Files]:
    """A result, parts of an unfinished run and a plan that have some files in common, some of them twice."""
    before = draw(FILES)
    stayed = st.lists(st.sampled_from(before), max_size=25) if before else st.just([])
    between = draw(stayed) + draw(FILES)
    now = draw(st.permutations(draw(stayed) + draw(FILES)))
    return before, between, list(now)


def _with_crashes(rows: pa.Table) -> pa.Table:
    pairs = zip(rows["status"].to_pylist(), rows["size"].to_pylist(), strict=True)
    status = [("decoder_crash", "missing")[size % 2] if each == "corrupt" else each for each, size in pairs]
    return rows.set_column(rows.column_names.index("status"), "status", pa.array(status))


@settings(deadline=None, max_examples=60)
@given(
    _histories(),
    st.booleans(),
    st.booleans(),
    st.booleans(),
    st.booleans(),
    st.booleans(),
    st.booleans(),
    st.lists(PATHS, max_size=2),
    st.integers(1, 5),
    st.data(),
)
def test_an_update_is_the_same_on_disk_in_memory_and_in_plain_python(
    history: tuple[Files, Files, Files],
    faces: bool,
    retry: bool,
    crashes: bool,
    checksum: bool,
    same_model: bool,
    had_checksums: bool,
    suspects: list[str],
    shard_size: int,
    data: st.DataObject,
) -> None:
    def plan_of(files: Files) -> plans.Plan:
        sums = [data.draw(st.sampled_from(["aa", "bb", None])) for _ in files] if checksum else None
        names = [f"{path} {row}" for row, (path, _) in enumerate(files)]
        return _plan(files, sums, id=pa.array(names, pa.string()))  # type: ignore[arg-type]

    before, between, plan = (plan_of(files) for files in history)
    earlier = _scored(before, faces, marker=1).drop_columns(["index"])
    leftovers = _scored(between, faces, marker=2)
    if crashes:
        earlier, leftovers = _with_crashes(earlier), _with_crashes(leftovers)
    if not same_model:  # what vanished could not stay
        earlier = earlier.filter(pc.is_in(earlier["path"], value_set=pc.unique(plan.images["path"])))
    if checksum and not had_checksums:
        earlier = earlier.drop_columns([CHECKSUM])
    cut = len(leftovers) // 2
    parts = (leftovers.slice(0, cut), leftovers.slice(cut))
    options = UpdateOptions(retry_failures=retry, checksum=checksum)
    schema = _schema(plan, faces)
    shown = plain_update(plan, earlier, parts, suspects, options, same_model)

    def run(folder: Path | None = None) -> tuple[Comparison, pa.Table, str]:
        halves = [earlier.slice(0, len(earlier) // 3), earlier.slice(len(earlier) // 3)]
        found = compare(plan, schema, halves, parts, pa.array(suspects, pa.string()), options, same_model, folder)
        todo = part_of(plan, found.todo, folder)
        scored = _scored(todo, faces)

        def from_shard(image: int) -> Iterator[pa.Table]:
            for first in range(image // shard_size * shard_size, len(todo), shard_size):
                wanted = [row for row, at in enumerate(scored["index"].to_pylist()) if first <= at < first + shard_size]
                yield scored.take(pa.array(wanted, pa.int64()))

        rows = merged(plan, found, from_shard, schema, CLASSES, 0.0, shard_size)
        return found, pa.concat_tables([schema.empty_table(), *rows]), todo.digest

    for number in range(2):
        if number:
            with _in_tiny_parts():
                found, rows, digest = run(Path())
        else:
            found, rows, digest = run()
        assert found.todo.tolist() == shown.todo
        assert found.suspects.to_pylist() == shown.suspects
        assert {name: count for name, count in asdict(found.counts).items() if count} == +shown.counts
        todo = part_of(plan, found.todo)
        assert rows.to_pylist() == [
            {CHECKSUM: None, **row} if checksum else row for row in shown.rows(plan, _scored(todo, faces))
        ]
        assert number or digest == todo.digest


def test_nothing_of_it_is_left_on_disk(tmp_path: Path) -> None:
    plan = _plan([(f"{row}.jpg", row + 1) for row in range(50)])
    earlier = _scored(plan).drop_columns(["index"])
    with _in_tiny_parts():
        found = compare(plan, _schema(plan), [earlier], (), pa.nulls(0, pa.string()), UpdateOptions(), True, tmp_path)
        assert found.carried.is_on_disk
        assert found.counts.unchanged == 50
        assert os.listdir(tmp_path) == []
