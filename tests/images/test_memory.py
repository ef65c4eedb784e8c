"""Images that many threads decode at once take no more memory than a few of them would."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from batch_emotion.images import memory
from batch_emotion.storage.budget import ByteBudget

MIB = 2**20
PATIENCE_S = 120


@pytest.fixture
def budget(monkeypatch: pytest.MonkeyPatch) -> Iterator[ByteBudget]:
    budget = ByteBudget(100 * MIB)
    monkeypatch.setattr(memory, "_BUDGET", budget)
    yield budget
    assert budget.used == 0


def test_an_image_gives_back_what_it_took_even_where_it_fails(budget: ByteBudget) -> None:
    with pytest.raises(ValueError, match="damaged"), memory.OneImage():
        memory.reserve(60 * MIB)
        assert budget.used == 60 * MIB
        raise ValueError("damaged")
    assert budget.used == 0


def test_small_images_and_those_outside_a_block_wait_for_nothing(budget: ByteBudget) -> None:
    budget.take(100 * MIB)
    memory.reserve(1000 * MIB)
    with memory.OneImage():
        memory.reserve(MIB)
    budget.give_back(100 * MIB)


def test_large_images_wait_for_each_other_and_one_larger_than_all_is_alone(budget: ByteBudget) -> None:
    lock = threading.Lock()
    inside: list[int] = []
    seen: list[list[int]] = []

    def decode(size: int) -> None:
        with memory.OneImage():
            memory.reserve(size * MIB)
            with lock:
                inside.append(size)
                seen.append(list(inside))
            with lock:
                inside.remove(size)

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(decode, [30, 200, 60, 90, 10, 40] * 50, timeout=PATIENCE_S))
    assert len(seen) == 300
    assert all(sum(sizes) <= 100 or len(sizes) == 1 for sizes in seen)
