import errno
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from batch_emotion.images.feeding import Feeder, by_tf_data, by_threads, by_threads_at_first
from batch_emotion.images.pipeline import stream
from batch_emotion.options.images import Limits
from batch_emotion.plan import Plan
from batch_emotion.records import DecodedImage, InputSpec, Status
from batch_emotion.sources.planning import make_plan

SPEC = InputSpec((8, 8))
LIMITS = Limits()


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    for number in range(23):
        (tmp_path / f"{number:02d}.jpg").write_bytes(bytes([number]) * 10)
    return make_plan([str(tmp_path)])


def _shade(location: str) -> tuple[DecodedImage]:
    number = int(Path(location).stem)
    return (DecodedImage(np.full(SPEC.shape, number, np.uint8), Status.OK, number, number, read_s=0.5),)


@pytest.fixture(params=[by_threads, by_tf_data, by_threads_at_first])
def feeder(request: pytest.FixtureRequest) -> Feeder:
    return request.param


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize(("batch_size", "shard_size"), [(1, None), (4, 10), (7, None), (100, 10), (100, None)])
def test_batches_come_in_order_and_keep_within_shards(
    plan: Plan, batch_size: int, shard_size: int | None, workers: int, feeder: Feeder
) -> None:
    started: list[int] = []
    hooks = {"on_start": started.append, "feeder": feeder}
    batches = list(stream(plan, SPEC, LIMITS, batch_size, _shade, workers, shard_size=shard_size, **hooks))  # type: ignore[arg-type]
    rows = [row for batch in batches for row in batch.image_index.tolist()]
    assert rows == list(range(23))
    assert [int(image[0, 0, 0]) for batch in batches for image in batch.pixels] == rows
    assert [width for batch in batches for width in batch.facts["width"].to_pylist()] == rows
    assert all(len(batch.image_index) <= batch_size for batch in batches)
    assert sorted(started) == [int(batch.image_index[0]) for batch in batches]
    for batch in batches:
        assert len({row // (shard_size or 23) for row in batch.image_index.tolist()}) == 1
        assert batch.read_s == 0.5 * len(batch.image_index)


def test_large_files_come_in_small_batches(plan: Plan) -> None:
    images = plan.images.set_column(3, "size", [[3 * 2**20] * len(plan)])
    batches = list(stream(Plan(images, plan.attributes), SPEC, LIMITS, 100, _shade))
    assert {len(batch.image_index) for batch in batches[:-1]} == {2}


def test_a_batch_is_announced_before_its_files_are_opened(plan: Plan, feeder: Feeder) -> None:
    told: list[str] = []

    def load(location: str) -> tuple[DecodedImage]:
        told.append(Path(location).stem)
        return _shade(location)

    list(stream(plan, SPEC, LIMITS, 10, load, on_start=lambda row: told.append(f"start {row}"), feeder=feeder))
    assert [told.index(f"start {row}") + 1 for row in (0, 10, 20)] == [told.index(name) for name in ("00", "10", "20")]


@pytest.mark.parametrize("culprit", ["load", "on_start"])
def test_what_goes_wrong_in_a_worker_keeps_its_type(plan: Plan, culprit: str, feeder: Feeder) -> None:
    def full(anything: object) -> DecodedImage:
        raise OSError(errno.ENOSPC, "No space left on device")

    hooks = {"load": {"loader": full}, "on_start": {"loader": _shade, "on_start": full}}[culprit]
    with pytest.raises(OSError, match="No space") as caught:
        list(stream(plan, SPEC, LIMITS, 4, feeder=feeder, **hooks))  # type: ignore[arg-type]
    assert caught.value.errno == errno.ENOSPC


def test_whoever_stops_early_gets_only_a_few_batches_decoded_and_none_afterwards(plan: Plan, feeder: Feeder) -> None:
    started: list[int] = []
    ended: list[int] = []

    def load(location: str) -> tuple[DecodedImage]:
        time.sleep(0.01)
        ended.append(1)
        return _shade(location)

    batches = stream(plan, SPEC, LIMITS, 1, load, on_start=started.append, feeder=feeder)
    next(batches)
    batches.close()
    assert len(started) == len(ended) < 23
    time.sleep(0.05)
    assert len(started) == len(ended)


def test_threads_wait_for_each_other_where_files_are_large(plan: Plan, feeder: Feeder) -> None:
    images = plan.images.set_column(3, "size", [[300 * 2**20] * len(plan)])
    lock, inside, most = threading.Lock(), 0, 0

    def load(location: str) -> tuple[DecodedImage]:
        nonlocal inside, most
        with lock:
            inside += 1
            most = max(most, inside)
        time.sleep(0.005)
        with lock:
            inside -= 1
        return _shade(location)

    batches = list(stream(Plan(images, plan.attributes), SPEC, LIMITS, 1, load, 4, feeder=feeder))
    assert len(batches) == 23
    assert most == 1
