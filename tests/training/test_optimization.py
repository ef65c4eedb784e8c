import pytest

from batch_emotion.options.recipe import Recipe
from batch_emotion.training.optimization import optimizer_of


def _rates(recipe: Recipe, steps: int, epoch: int = 0) -> list[float]:
    optimizer = optimizer_of(recipe, steps, epoch)
    rates = []
    for step in range(steps * (recipe.epochs - epoch) + 1):
        optimizer.iterations.assign(step)
        rates.append(float(optimizer.learning_rate))
    return rates


def test_a_cosine_rises_and_falls_to_nothing() -> None:
    rates = _rates(Recipe(epochs=5, learning_rate=0.1, schedule="cosine"), 4)
    assert rates[:5] == pytest.approx([0, 0.025, 0.05, 0.075, 0.1])
    assert rates[12] == pytest.approx(0.05)
    assert rates[-1] == pytest.approx(0, abs=1e-9)


def test_without_warm_up_it_begins_at_its_peak() -> None:
    rates = _rates(Recipe(epochs=2, learning_rate=0.1, schedule="cosine", warm_up=0), 4)
    assert rates[0] == pytest.approx(0.1)
    assert rates[-1] == pytest.approx(0, abs=1e-9)


def test_the_last_layer_alone_is_trained_at_ten_times_the_rate_and_the_schedule_begins_after_it() -> None:
    recipe = Recipe(epochs=5, learning_rate=0.01, schedule="cosine", frozen=2)
    assert _rates(recipe, 4) == pytest.approx([0.1] * 21)
    rates = _rates(recipe, 4, epoch=2)
    assert rates[0] == 0
    assert max(rates) == pytest.approx(0.01)
    assert rates[-1] == pytest.approx(0, abs=1e-9)
