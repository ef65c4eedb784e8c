from typing import Any

import numpy as np
import pytest

from batch_emotion.errors import BatchEmotionError
from batch_emotion.training.assessment import Answers, calibrate
from batch_emotion.training.sampling import (
    assumed_mix,
    class_prior,
    class_shares,
    epoch_order,
    epoch_rows,
    matching_shift,
    shift_logits,
)


def _targets() -> np.ndarray:
    return np.repeat(np.eye(3, dtype=np.float32), [900, 80, 20], axis=0)


def _drawn(balance: float, seed: int = 0) -> np.ndarray:
    return epoch_order(_targets(), balance, np.random.default_rng(seed))


def test_an_epoch_without_balance_takes_every_image_once() -> None:
    assert sorted(_drawn(0)) == list(range(1000))


@pytest.mark.parametrize("balance", [0.3, 0.5, 1.0])
def test_an_epoch_draws_the_mix_that_is_said(balance: float) -> None:
    drawn = _targets()[_drawn(balance)]
    assert len(drawn) == 1000
    assert drawn.mean(axis=0) == pytest.approx(class_shares(_targets(), balance), abs=0.01)


def test_full_balance_makes_classes_alike_and_spreads_draws_over_their_images() -> None:
    assert class_shares(_targets(), 1) == pytest.approx([1 / 3] * 3)
    times = np.bincount(_drawn(1), minlength=1000)
    assert set(times[980:]) <= {16, 17}
    assert set(times[:900]) == {0, 1}
    assert not np.array_equal(_drawn(1), _drawn(1, seed=1))


def test_soft_targets_are_drawn_by_what_they_hold_of_each_class() -> None:
    targets = np.array([[1, 0]] * 6 + [[0.5, 0.5]] * 2, np.float32)
    assert class_shares(targets) == pytest.approx([7 / 8, 1 / 8])
    weights = np.array([8 / 7] * 6 + [4 / 7 + 4] * 2)
    assert class_shares(targets, 1) == pytest.approx((weights / weights.sum()) @ targets)
    assert class_prior(targets) == pytest.approx([1, 0])


def test_the_prior_counts_the_likeliest_class_of_each_image_drawn() -> None:
    targets = np.array([[0.6, 0.4]] * 6 + [[0.2, 0.8]] * 2, np.float32)
    assert class_prior(targets) == pytest.approx([0.75, 0.25])
    assert class_prior(_targets(), 1) == pytest.approx([1 / 3] * 3)


def test_the_mix_assumed_goes_from_that_of_the_data_to_an_even_one() -> None:
    targets = np.repeat(np.eye(4, dtype=np.float32)[:3], [900, 80, 20], axis=0)
    assert assumed_mix(targets, 0)[0] == pytest.approx([0.9, 0.08, 0.02, 0])
    assert assumed_mix(targets, 1)[0] == pytest.approx([1 / 3, 1 / 3, 1 / 3, 0])
    mix, shift = assumed_mix(targets, 0.3)
    assert mix == pytest.approx([0.73, 0.156, 0.114, 0])
    assert shift == pytest.approx([*np.log(mix[:3] / [0.9, 0.08, 0.02]), 0])
    assert assumed_mix(targets, 0)[1] == pytest.approx(np.zeros(4))
    assert assumed_mix(targets, 0, class_weights=True)[0] == pytest.approx([1 / 3, 1 / 3, 1 / 3, 0])


def test_a_class_without_images_has_no_share() -> None:
    assert class_shares(np.array([[1, 0], [1, 0]], np.float32), 1) == pytest.approx([1, 0])


def test_shifting_the_prior_multiplies_the_probabilities_and_scales_them_to_one() -> None:
    from keras import Input, Sequential, layers

    model: Any = Sequential([Input((4,)), layers.Dense(3, activation="softmax")])
    rows = np.random.default_rng(0).normal(size=(20, 4)).astype(np.float32)
    before, after = np.array([0.2, 0.3, 0.5]), np.array([0.6, 0.3, 0.1])
    plain = np.asarray(model.predict_on_batch(rows))
    shift_logits(model, np.log(after / before))
    wanted = plain * after / before
    np.testing.assert_allclose(
        np.asarray(model.predict_on_batch(rows)), wanted / wanted.sum(axis=1, keepdims=True), atol=1e-5
    )


def test_a_network_without_a_softmax_at_its_end_is_refused() -> None:
    from keras import Input, Sequential, layers

    with pytest.raises(BatchEmotionError, match="`balance`"):
        shift_logits(Sequential([Input((4,)), layers.Dense(3)]), np.zeros(3))


def test_probabilities_are_shifted_to_the_mix_wanted() -> None:
    rng = np.random.default_rng(0)
    rows = rng.dirichlet([1, 2, 3], 500)
    wanted = np.array([0.6, 0.3, 0.1])
    shifted = rows * np.exp(matching_shift(rows, wanted))
    assert (shifted / shifted.sum(axis=1, keepdims=True)).mean(axis=0) == pytest.approx(wanted, abs=1e-6)


def test_the_finished_network_is_calibrated_for_the_mix_it_assumes() -> None:
    import keras

    network = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, activation="softmax")])
    rng = np.random.default_rng(0)
    x, targets = rng.normal(size=(200, 4)).astype(np.float32), np.eye(3, dtype=np.float32)[rng.integers(3, size=200)]
    found = Answers(np.asarray(network(x)), targets)
    shift = np.array([0.5, 0.0, -1.0])
    temperature = calibrate(network, found, shift)["temperature"]
    assert np.asarray(network(x)) == pytest.approx(found.scaled(temperature, shift).probabilities, abs=1e-4)


def test_no_shift_is_made_where_the_mix_is_right() -> None:
    rows = np.random.default_rng(0).dirichlet([1, 2, 3], 500)
    assert matching_shift(rows, rows.mean(axis=0)) == pytest.approx([0, 0, 0], abs=1e-9)


def test_an_epoch_of_one_pass_is_drawn_as_ever() -> None:
    for balance in (0.0, 0.5):
        expected = epoch_order(_targets(), balance, np.random.default_rng([7, 3]))
        assert np.array_equal(epoch_rows(_targets(), balance, 7, 3, 1000), expected)


@pytest.mark.parametrize("count", [1, 300, 1000, 2500])
def test_epochs_of_any_length_draw_every_image_as_often(count: int) -> None:
    drawn = np.concatenate([epoch_rows(_targets(), 0, 0, epoch, count) for epoch in range(4)])
    assert len(drawn) == 4 * count
    times = np.bincount(drawn, minlength=1000)
    assert times.max() - times.min() <= 1
