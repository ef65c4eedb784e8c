from dataclasses import replace

import pytest

from batch_emotion.options.recipe import Augmentation, Recipe
from batch_emotion.training.recipes import named_recipe

PYRAMID = Recipe(
    epochs=40, batch_size=128, optimizer="sgd", learning_rate=0.1, schedule="cosine", weight_decay=0.005, ema=0.998,
    precision="mixed", augmentation=Augmentation(True, 12, 0.08, 0.12, 0.1, 0.2, 0.3),
)  # fmt: skip


def test_the_seed_is_the_original_recipe_with_the_last_epoch() -> None:
    recipe, chosen = named_recipe("seed", Recipe(), (), 28_709)
    assert recipe == Recipe(25, None, 32, "adam", 1e-3, "constant", keep="last")
    assert recipe.augmentation == Augmentation(True, 10, 0.1, 0.1, 0, 0, 0, 0)
    assert chosen == ["`keep` last"]


def test_the_strong_recipe_is_that_of_the_pyramids() -> None:
    assert named_recipe("strong", Recipe(), (), 28_709)[0] == PYRAMID


def test_an_option_that_is_given_stands_even_at_its_default() -> None:
    mine = Recipe(epochs=7, augmentation=Augmentation(rotation=3))
    recipe, chosen = named_recipe("strong", mine, {"optimizer", "zoom"}, 28_709)
    assert (recipe.epochs, recipe.optimizer, recipe.augmentation.rotation, recipe.augmentation.zoom) == (
        7,
        "adam",
        3,
        0.1,
    )
    assert recipe.augmentation.erase == 0.3
    names = {each.split()[0] for each in chosen}
    assert not names & {"`epochs`", "`optimizer`", "`rotation`", "`zoom`"}
    assert "`erase` 0.3" in chosen


def test_fine_tuning_is_slow_and_begins_with_the_last_layer() -> None:
    recipe, _ = named_recipe("fine-tune", Recipe(), (), 500)
    assert recipe.learning_rate == 0.001
    assert recipe.frozen == 5
    assert named_recipe("fine-tune", Recipe(epochs=2), (), 500)[0].frozen == 0


@pytest.mark.parametrize(("images", "batch", "steps"), [(100, 32, 50), (3_200, 32, None), (1_000_000, 128, 2_000)])
def test_epochs_of_tiny_and_huge_sets_have_sensible_steps(images: int, batch: int, steps: int | None) -> None:
    recipe, _ = named_recipe("strong", Recipe(), (), images)
    assert (recipe.batch_size, recipe.steps) == (batch, steps)
    assert recipe.learning_rate == pytest.approx(0.1 * batch / 128)
    assert 0.9 < recipe.ema <= 0.998
    given, _ = named_recipe("strong", replace(Recipe(), batch_size=16, steps=9), (), images)
    assert (given.batch_size, given.steps) == (16, 9)
