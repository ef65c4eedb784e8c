import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from batch_emotion import plan as plans
from batch_emotion.plan import Plan
from batch_emotion.sources import plan_table as tables
from batch_emotion.sources.folder import Entry
from batch_emotion.sources.plan_table import part_of, plan_table
from batch_emotion.storage import spool


def _plan(count: int, folder: Path | None = None, **attributes: list[object]) -> Plan:
    images = plan_table((_entry(row) for row in range(count)), folder)
    table = images.kept.table
    return Plan(table, pa.table(attributes) if attributes else table.select([]), 0, images)


def _entry(row: int) -> Entry:
    name = f"{row // 100}/é-{row}.jpg"
    return Entry(f"faces/{name}", f"/here/faces/{name}", (row * 7, row) if row % 5 else (-1, 0))


@pytest.fixture(params=["in memory", "on disk"])
def kept(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    if request.param == "on disk":
        monkeypatch.setattr(spool, "_IN_MEMORY", 0)
    return bool(request.param == "on disk")


def test_the_digest_that_is_computed_on_the_way_is_that_of_the_plan_and_of_earlier_versions(kept: bool) -> None:
    ids: list[object] = [str(row) for row in range(70_000)]
    for count, attributes, expected in (
        (0, {}, "a5dcb47df2394160a5ef84f6a7a17476708ac8ac950432f245cc350344d2151e"),
        (65_536, {}, "15d97650043d726945a22f48bc1421d4d9b9afde0722cd993ede843576a745ea"),
        (
            70_000,
            {"id": ids},
            "974eee02325859fe40c396cf833a26cc2aa8832a8f4222adb5a81193f15274fb",
        ),
    ):
        plan = _plan(count, **attributes)
        assert plan.stored is not None
        assert plan.stored.kept.is_on_disk == (kept and count > 0)
        assert plan.digest == expected
        assert Plan(plan.images, plan.attributes).digest == expected


def test_part_of_a_plan_is_numbered_anew_and_has_a_digest_of_its_own(
    kept: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "PLAN_ROWS", 4)
    monkeypatch.setattr(plans, "PLAN_ROWS", 4)
    whole = _plan(20, tmp_path, id=list(range(20)))
    for rows in (range(3, 13), np.array([19, 0, 7, 8, 9, 10]), np.array([], np.int64)):
        part = part_of(whole, rows, tmp_path)
        assert part.images["index"].to_pylist() == list(range(len(rows)))
        assert part.images["path"].to_pylist() == [_entry(row).path for row in rows]
        assert part.attributes["id"].to_pylist() == list(rows)
        assert part.digest == Plan(part.images, part.attributes).digest
    assert len(part_of(Plan(whole.images, whole.images.select([])), range(5)).attributes) == 5
    assert os.listdir(tmp_path) == []
