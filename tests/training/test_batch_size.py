from typing import Any

import pytest

from batch_emotion.options.recipe import Recipe
from batch_emotion.training import batch_size
from batch_emotion.training.batch_size import BatchPace, advice, batch_paces


def _model() -> Any:
    from keras import Input, Sequential, layers

    return Sequential([Input((8, 8, 1)), layers.Flatten(), layers.Dense(2, activation="softmax")])


def test_sizes_are_timed_until_one_does_not_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch_size, "SIZES", (2, 4, 8, 16))
    real = batch_size.new_model

    def small(build: Any, recipe: Recipe, images: int) -> Any:
        if recipe.batch_size > 4:
            raise MemoryError
        return real(build, recipe, images)

    monkeypatch.setattr(batch_size, "new_model", small)
    monkeypatch.setattr(batch_size, "_SLOWER", 0.0)
    paces = list(batch_paces(_model, (8, 8, 1), Recipe(steps=99)))
    assert [each.batch_size for each in paces] == [2, 4, 8]
    assert [each.images_per_second is None for each in paces] == [False, False, True]


def test_the_smallest_size_that_is_about_as_fast_is_advised() -> None:
    paces = [BatchPace(16, 100), BatchPace(32, 190), BatchPace(64, 200), BatchPace(128, None)]
    text = advice(paces, 16)
    assert "give `batch_size` 32;" in text
    assert "64 is the largest that was tried and fits" in text
    assert advice([BatchPace(16, None)], 16) == "no batch size fits into memory"
