import errno
import logging
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest

from batch_emotion import load_bundle
from batch_emotion.engines.worker import Assignment, Shard, ShardReport, ShardWorker
from batch_emotion.errors import BatchEmotionError, BundleError
from batch_emotion.options.images import Limits
from batch_emotion.plan import Plan
from batch_emotion.results.fingerprint import Fingerprint
from batch_emotion.results.workspace import Workspace
from batch_emotion.scoring import Scorer, ScorerSpec
from batch_emotion.sources.planning import make_plan
from tests.support.lean import without_tensorflow

_EMPTY = ShardReport(Shard(0, 0, 20), "here")


@pytest.fixture
def plan(faces: Path) -> Plan:
    return make_plan([str(faces)])


@pytest.fixture
def assignment(tmp_path: Path, plan: Plan) -> Assignment:
    bundle = load_bundle("seed-cnn")
    workspace = Workspace(tmp_path / "r.parquet")
    name = bundle.card.name
    workspace.open(
        Fingerprint(plan.digest, len(plan), bundle.sha256, name, "onnx", "").with_options(shard_size=20), plan, False
    )
    spec = ScorerSpec("seed-cnn", bundle.sha256, None, False, "onnx", "float32", 1, Limits(), 0.0, 8, False, None)
    return Assignment(workspace, workspace.identity, spec, len(plan), 20)


def test_a_worker_commits_its_slice_of_the_plan_once_and_tells_what_it_holds(
    assignment: Assignment, plan: Plan
) -> None:
    worker, shard = ShardWorker(assignment), Shard(1, 20, 20)
    report = worker(shard)
    rows = assignment.workspace.read(1, 20, 20)
    assert rows["path"].to_pylist() == plan.images["path"].to_pylist()[20:40]
    assert report.failure is None
    assert report.counts is not None
    assert report.counts["statuses"] == {"ok": 20}
    assert report.profile.start > 0
    assert report.profile.decode > 0
    assert worker(Shard(0, 0, 5)).profile.start == 0, "the model is loaded once"
    assert worker(shard).counts is None, "it was committed before"
    assert assignment.workspace.begun == set()


def test_a_worker_without_tensorflow_gives_the_same_rows(
    assignment: Assignment, monkeypatch: pytest.MonkeyPatch
) -> None:
    shard = Shard(1, 20, 20)
    ShardWorker(assignment)(shard)
    expected = assignment.workspace.read(1, 20, 20)
    without_tensorflow(monkeypatch)
    report = ShardWorker(assignment)(Shard(0, 20, 20))
    assert report.failure is None
    assert assignment.workspace.read(0, 20, 20).equals(expected)


def test_where_the_time_is_up_a_worker_ends_its_first_shard_and_begins_no_other(assignment: Assignment) -> None:
    worker = ShardWorker(replace(assignment, deadline=time.time()))
    assert not worker(Shard(0, 0, 20)).is_late
    assert worker(Shard(1, 20, 20)).is_late
    assert [assignment.workspace.has(shard) for shard in (0, 1)] == [True, False]


def test_a_marked_shard_is_decoded_in_a_child_process(assignment: Assignment, monkeypatch: pytest.MonkeyPatch) -> None:
    score, calls = Scorer.score, []

    def spying(self: Scorer, plan: Plan, isolated: bool) -> Iterator[pa.RecordBatch]:
        calls.append(isolated)
        return score(self, plan, False)

    monkeypatch.setattr(Scorer, "score", spying)
    assignment.workspace.begin(1)
    worker = ShardWorker(assignment)
    for shard in (Shard(0, 0, 20), Shard(1, 20, 20), Shard(2, 40, 8, isolated=True)):
        worker(shard)
    assert calls == [False, True, True]
    assert assignment.workspace.begun == set()


def test_failures_are_told_and_leave_no_mark(assignment: Assignment, monkeypatch: pytest.MonkeyPatch) -> None:
    shard = Shard(0, 0, 20)
    other_model = replace(assignment, scorer=replace(assignment.scorer, sha256="0" * 64))
    for run, kind, said in (
        (other_model, BundleError, "put the same model everywhere"),
        (replace(assignment, version="0.0"), BatchEmotionError, "install the same one everywhere"),
        (replace(assignment, identity="{}"), BatchEmotionError, "begun anew by another run"),
    ):
        failure = ShardWorker(run)(shard).failure
        assert type(failure) is kind
        assert said in str(failure)

    def full(shard: int, rows: pa.Table) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(assignment.workspace, "commit", full)
    failure = ShardWorker(assignment)(shard).failure
    assert isinstance(failure, OSError)
    assert failure.errno == errno.ENOSPC
    assert assignment.workspace.begun == set()


def test_what_a_worker_warns_of_is_in_its_report(assignment: Assignment, monkeypatch: pytest.MonkeyPatch) -> None:
    worker = ShardWorker(assignment)
    monkeypatch.setattr(worker, "_score", lambda shard: logging.getLogger("batch_emotion").warning("odd") or _EMPTY)
    assert worker(Shard(0, 0, 20)).warnings == ("odd",)
