from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from batch_emotion.engines import local
from batch_emotion.options.images import Limits
from batch_emotion.plan import Plan
from batch_emotion.records import InputSpec
from batch_emotion.results.workspace import Workspace
from batch_emotion.scoring import Scorer
from batch_emotion.sources.planning import make_plan


class _Constant:
    name = "constant"
    busy_s = 0.0

    def predict_proba(self, pixels: np.ndarray) -> np.ndarray:
        return np.full((len(pixels), 2), 0.5, np.float32)


@pytest.fixture
def plan(faces: Path) -> Plan:
    return make_plan([str(faces)])


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    workspace = Workspace(tmp_path / "r.parquet")
    workspace.folder.mkdir()
    return workspace


@pytest.fixture
def scorer() -> Scorer:
    return Scorer(_Constant(), ("a", "b"), InputSpec((8, 8)), Limits(), batch_size=4)


def test_shards_that_are_there_are_left_alone_and_the_rest_is_scored(
    plan: Plan, workspace: Workspace, scorer: Scorer
) -> None:
    marker = pa.table({"index": pa.array(range(20, 30))})
    workspace.commit(2, marker)
    told: list[int] = []
    scored = local.score_shards(plan, scorer, workspace, 10, lambda shard, rows: told.extend(rows["index"].to_pylist()))
    assert scored == len(told) == 38
    assert told == [*range(20), *range(30, 48)]
    assert workspace.read(2, 20, 10) == marker
    for shard, count in ((0, 10), (1, 10), (3, 10), (4, 8)):
        assert workspace.read(shard, 10 * shard, count)["index"].to_pylist() == told[:count]
        del told[:count]
    assert scorer.profile.decode > 0
    assert scorer.profile.write > 0


def test_only_shards_that_a_process_died_in_are_isolated(
    plan: Plan, workspace: Workspace, scorer: Scorer, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace.begin(1)
    score = Scorer.score
    calls: list[tuple[int, bool]] = []

    def spying(
        self: Scorer, plan: Plan, isolated: bool, size: int, on_start: Callable[[int], None]
    ) -> Iterator[pa.RecordBatch]:
        calls.append((len(plan), isolated))
        return score(self, plan, isolated, size, on_start)

    monkeypatch.setattr(Scorer, "score", spying)
    assert local.score_shards(plan, scorer, workspace, 10, lambda shard, rows: None) == 48
    assert calls == [(10, False), (10, True), (28, False)]


def test_a_run_that_fails_leaves_no_shard_marked(plan: Plan, workspace: Workspace, scorer: Scorer) -> None:
    def failing(shard: local.Shard, rows: pa.RecordBatch) -> None:
        if rows["index"][0].as_py() >= 20:
            raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        local.score_shards(plan, scorer, workspace, 10, failing)
    assert [workspace.has(shard) for shard in range(5)] == [True, True, False, False, False]
    assert not any(workspace.was_begun(shard) for shard in range(5))
