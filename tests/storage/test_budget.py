import random
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from batch_emotion.records import Status
from batch_emotion.storage import ahead
from batch_emotion.storage.budget import ByteBudget
from batch_emotion.storage.prefetch import ReadAhead
from batch_emotion.storage.reading import FileBytes

PATIENCE_S = 120


def test_many_threads_never_have_more_than_there_is_and_all_get_theirs() -> None:
    budget, lock = ByteBudget(100), threading.Lock()
    inside: list[int] = []
    too_much: list[list[int]] = []

    def work(seed: int) -> None:
        rng = random.Random(seed)
        for _ in range(200):
            size = rng.choice((1, 10, 40, 60, 100, 250))
            with budget.reserve(size):
                with lock:
                    inside.append(size)
                    if sum(inside) > 100 and len(inside) > 1:
                        too_much.append(list(inside))
                with lock:
                    inside.remove(size)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8), timeout=PATIENCE_S))
    assert not too_much
    assert budget.used == 0


def test_nobody_overtakes_who_waits_for_much() -> None:
    budget = ByteBudget(100)
    budget.take(60)
    big = threading.Thread(target=budget.take, args=(80,), daemon=True)
    big.start()
    while not budget._queue:
        pass
    assert not budget.try_take(10)
    budget.give_back(60)
    big.join(PATIENCE_S)
    assert budget.used == 80
    assert budget.try_take(20)
    assert not budget.try_take(1)


@pytest.mark.parametrize("are_known", [True, False])
def test_large_files_read_ahead_are_few_at_a_time(monkeypatch: pytest.MonkeyPatch, are_known: bool) -> None:
    monkeypatch.setattr(ahead, "_LARGE", 10)
    monkeypatch.setattr(ahead, "_LARGE_BYTES", 300)
    lock, live, most = threading.Lock(), 0, 0

    def fake(location: str, max_bytes: int) -> FileBytes:
        nonlocal live, most
        size = int(location.split("-")[1])
        if size > max_bytes:
            return FileBytes(b"", Status.TOO_LARGE, "too large", size)
        with lock:
            live += size
            most = max(most, live)
        return FileBytes(bytes(size), Status.OK, None, size)

    monkeypatch.setattr(ahead, "read_file", fake)
    reading = ReadAhead(1000)

    def consume(seed: int) -> None:
        nonlocal live
        rng = random.Random(seed)
        sizes = [rng.choice((1, 5, 10, 100, 200, 500, 1000, 1001)) for _ in range(300)]
        names = [f"{number}-{size}" for number, size in enumerate(sizes)]
        files = reading(names, sizes) if are_known else reading(names)
        for size in sizes:
            file = next(files)
            assert (len(file.data), file.size, file.status) == (
                (size, size, Status.OK) if size <= 1000 else (0, size, Status.TOO_LARGE)
            )
            with lock:
                live -= len(file.data)
        files.close()

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(consume, range(3), timeout=PATIENCE_S))
    reading.close()
    small = 3 * ahead.IN_FLIGHT * 10
    assert 300 < most <= 1000 + 1000 + small  # one read ahead that is larger than the budget, and one in its turn
    assert reading._budget.used == 0
