"""Ray's driver with made-up reports, and Ray itself, started once, with workers that die."""

import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from batch_emotion import PredictOptions, predict
from batch_emotion.engines.ray import driver
from batch_emotion.engines.ray.cluster import connected
from batch_emotion.engines.worker import Assignment, Shard, ShardReport, WorkersLost
from batch_emotion.errors import BatchEmotionError, TimeLimitReached, UsageError
from batch_emotion.options.runs import EngineOptions
from batch_emotion.results.workspace import Workspace
from tests.support.deadly import deadly_path

RAY = EngineOptions("ray", num_workers=2)
ROWS = pa.table({"index": pa.array([0])})
Submit = Callable[[Workspace, Sequence[Shard]], Iterator[ShardReport]]


def _options(source: Path, out: Path, **changes: object) -> PredictOptions:
    return PredictOptions((str(source),), out, **{"shard_size": 6, "batch_size": 3, "model": "seed-cnn"} | changes)  # type: ignore[arg-type]


@pytest.fixture
def drive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Submit], list[list[Shard]]]:
    """Drive four shards of one image by a made-up Ray; gives what was submitted to it."""
    workspace = Workspace(tmp_path / "r.parquet")
    workspace.folder.mkdir()
    monkeypatch.setattr(driver, "connected", lambda options: connected_already())
    submitted: list[list[Shard]] = []

    def driving(submit: Submit) -> list[list[Shard]]:
        def reports(batch: Sequence[Shard], *how: object) -> Iterator[ShardReport]:
            submitted.append(list(batch))
            yield from submit(workspace, batch)

        monkeypatch.setattr(driver, "_reports", reports)
        assignment = Assignment(workspace, "", None, 4, 1)  # type: ignore[arg-type]
        driver.RayEngine(RAY).run(assignment, lambda report: None)
        return submitted

    return driving


def connected_already() -> object:
    from contextlib import nullcontext

    return nullcontext(2)


def test_what_is_missing_is_submitted_again_alone_where_it_was_in_hand_each_time(
    drive: Callable[[Submit], list[list[Shard]]], tmp_path: Path
) -> None:
    def submit(workspace: Workspace, batch: Sequence[Shard]) -> Iterator[ShardReport]:
        for shard in batch:
            workspace.begin(shard.number)
            if shard.number == 2 and len(batch) > 1:
                raise WorkersLost("died")
            workspace.commit(shard.number, ROWS)
            yield ShardReport(shard, "here")

    submitted = drive(submit)
    assert [[shard.number for shard in batch] for batch in submitted] == [[0, 1, 2, 3], [2, 3], [2, 3], [3], [2]]
    assert [batch[0].isolated for batch in submitted] == [False, True, True, False, True]


def test_a_shard_that_ends_every_worker_ends_the_run_with_advice(
    drive: Callable[[Submit], list[list[Shard]]], tmp_path: Path
) -> None:
    def submit(workspace: Workspace, batch: Sequence[Shard]) -> Iterator[ShardReport]:
        for shard in batch:
            workspace.begin(shard.number)
            if shard.number == 2:
                raise WorkersLost("died")
            workspace.commit(shard.number, ROWS)
            yield ShardReport(shard, "here")

    with pytest.raises(BatchEmotionError, match=r"images 2 to 2 of the plan end every worker.*died.*same command"):
        drive(submit)
    workspace = Workspace(tmp_path / "r.parquet")
    assert [workspace.has(shard) for shard in range(4)] == [True, True, False, True]
    assert workspace.begun == {2}


def test_workers_that_never_begin_end_the_run(drive: Callable[[Submit], list[list[Shard]]]) -> None:
    def submit(workspace: Workspace, batch: Sequence[Shard]) -> Iterator[ShardReport]:
        raise WorkersLost("no module named batch_emotion")
        yield

    with pytest.raises(BatchEmotionError, match="do not get to work: no module named batch_emotion"):
        drive(submit)


def test_at_the_time_limit_shards_in_hand_are_waited_for_and_marks_taken_back(
    drive: Callable[[Submit], list[list[Shard]]], tmp_path: Path
) -> None:
    def submit(workspace: Workspace, batch: Sequence[Shard]) -> Iterator[ShardReport]:
        workspace.begin(0)
        yield ShardReport(batch[1], "there", is_late=True)
        workspace.commit(0, ROWS)
        yield ShardReport(batch[0], "here")
        yield ShardReport(batch[2], "there", is_late=True)

    with pytest.raises(TimeLimitReached, match="1 of 4 images"):
        drive(submit)

    def failing(workspace: Workspace, batch: Sequence[Shard]) -> Iterator[ShardReport]:
        workspace.begin(2)
        yield ShardReport(batch[0], "here", failure=OSError(28, "No space left on device"))

    with pytest.raises(OSError, match="No space"):
        drive(failing)
    assert Workspace(tmp_path / "r.parquet").begun == set()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (EngineOptions(num_workers=2), "goes with `engine.name` ray"),
        (EngineOptions("ray", num_workers=0), "`num_workers` must be at least 1"),
        (EngineOptions("ray", gpus_per_worker=-1), "`gpus_per_worker` must be at least 0"),
    ],
)
def test_options_that_make_no_sense_are_refused(options: EngineOptions, said: str, faces: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=said):
        predict(_options(faces, tmp_path / "r.parquet", engine=options))
    assert list(tmp_path.iterdir()) == []


def test_ray_needs_an_output_no_threads_and_to_be_installed(
    faces: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UsageError, match="needs `out`"):
        predict(PredictOptions((str(faces),), engine=RAY))
    with pytest.raises(UsageError, match=r"`threads` goes with `engine\.name` local"):
        predict(_options(faces, tmp_path / "r.parquet", engine=RAY, threads=2))
    monkeypatch.setattr("batch_emotion.runs.checks.find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r'pip install "batch-emotion\[ray\]"'):
        predict(_options(faces, tmp_path / "r.parquet", engine=RAY))


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Ray on this machine, whose workers obey deadly images."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", deadly_path(tmp_path_factory.mktemp("ray") / "site"))
        with connected(RAY):
            yield


@pytest.mark.usefixtures("started")
def test_rays_result_is_the_local_one_row_for_row(faces: Path, tmp_path: Path) -> None:
    manifest = tmp_path / "faces.csv"
    paths = [*sorted(str(path) for path in faces.rglob("*.png"))[::3], "gone.png"]
    pc.write_csv(pa.table({"who": [f"0{number}" for number in range(len(paths))], "path": paths}), manifest)
    for source, name in ((manifest, "r.parquet"), (faces, "parts")):
        told = {}
        for engine in (EngineOptions(), RAY):
            folder = tmp_path / engine.name
            folder.mkdir(exist_ok=True)
            result = predict(_options(source, folder / name, engine=engine))
            told[engine.name] = json.loads((folder / f"{name}.run.json").read_text())
            assert result.summary.scored == result.summary.images
            assert not (folder / f"{name}.work").exists()
        there, here = (ds.dataset(tmp_path / name_ / name, format="parquet").to_table() for name_ in ("ray", "local"))
        assert there.equals(here)
        assert told["ray"]["result"]["fingerprint"] == told["local"]["result"]["fingerprint"]
        assert told["ray"]["last_run"]["statuses"] == told["local"]["last_run"]["statuses"]
        assert "workers" not in told["local"]["last_run"]
        workers = told["ray"]["last_run"]["workers"]
        assert sum(worker["images"] for worker in workers) == result.summary.images
        assert all(worker["images_per_second"] > 0 for worker in workers)


@pytest.mark.usefixtures("started")
def test_killed_workers_lose_and_double_nothing_and_a_poisonous_image_is_a_row(faces: Path, tmp_path: Path) -> None:
    source, flag = tmp_path / "faces", tmp_path / "flag"
    shutil.copytree(faces, source)
    predict(_options(source, tmp_path / "local.parquet"))
    whole = pq.read_table(tmp_path / "local.parquet").drop_columns(["size", "mtime_ns"])
    images = sorted(source.rglob("*.png"))
    flag.touch()
    with images[20].open("ab") as file:
        file.write(f"kill once {flag}".encode())
    images[31].write_bytes(b"crash")
    seen: list[int] = []
    result = predict(_options(source, tmp_path / "r.parquet", engine=RAY), lambda progress: seen.append(progress.done))
    assert not flag.exists()
    rows = pq.read_table(tmp_path / "r.parquet")
    poisoned = [number for number, path in enumerate(rows["path"].to_pylist()) if path == str(images[31])]
    assert rows["status"].to_pylist()[poisoned[0]] == "decoder_crash"
    keep = pa.array([number not in poisoned for number in range(len(rows))])
    assert rows.drop_columns(["size", "mtime_ns"]).filter(keep).equals(whole.filter(keep))
    assert result.summary.statuses == {"ok": 47, "decoder_crash": 1}
    assert seen[-1] == 48
    assert seen == sorted(set(seen))


@pytest.mark.usefixtures("started")
def test_a_failure_in_a_worker_ends_the_run_and_either_engine_carries_it_on(faces: Path, tmp_path: Path) -> None:
    source = tmp_path / "faces"
    shutil.copytree(faces, source)
    image = sorted(source.rglob("*.png"))[-1]
    image.write_bytes(b"full disk")
    options = _options(source, tmp_path / "r.parquet", engine=RAY)
    with pytest.raises(BatchEmotionError, match="free some space"):
        predict(options)
    committed = len(list((tmp_path / "r.parquet.work").glob("part-*")))
    assert list((tmp_path / "r.parquet.work").glob("begun-*")) == []
    result = predict(replace(options, engine=EngineOptions()))
    assert result.summary.scored == 48 - 6 * committed
    assert result.summary.images == 48
