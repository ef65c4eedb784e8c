import numpy as np
import pytest

from batch_emotion.options.recipe import Degradation
from batch_emotion.training.degradation import degrade


def _images(channels: int = 1) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (200, 24, 20, channels)).astype(np.uint8)


def _changed(how: Degradation, seed: int = 0, channels: int = 1) -> np.ndarray:
    images = _images(channels)
    return (degrade(images, how, np.random.default_rng(seed)) != images).any(axis=(1, 2, 3))


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("how", [Degradation(blur=2), Degradation(shrink=0.8), Degradation(jpeg=90)])
def test_blur_shrinking_and_compression_fall_on_about_half_of_the_images(how: Degradation, channels: int) -> None:
    assert 70 < _changed(how, channels=channels).sum() < 130
    assert how.is_on


def test_nothing_is_changed_where_everything_is_off() -> None:
    assert not _changed(Degradation()).any()
    assert not Degradation(gamma=1).is_on


def test_the_same_random_state_gives_the_same_images() -> None:
    how = Degradation(blur=1, shrink=0.5, jpeg=50, gamma=1.5)
    one, same, other = (degrade(_images(), how, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


@pytest.mark.parametrize("how", [Degradation(blur=2), Degradation(shrink=0.8)])
def test_blur_and_shrinking_take_detail_away_and_keep_the_light(how: Degradation) -> None:
    before = _images().astype(float)
    after = degrade(_images(), how, np.random.default_rng(0)).astype(float)
    detail = after.std(axis=(1, 2, 3)) / before.std(axis=(1, 2, 3))
    assert detail.max() < 1.02
    assert detail.min() < 0.4
    assert np.abs(after.mean(axis=(1, 2, 3)) - before.mean(axis=(1, 2, 3))).max() < 4


def test_gamma_darkens_and_brightens_within_its_range() -> None:
    grey = np.full((300, 4, 4, 1), 128, np.uint8)
    light = degrade(grey, Degradation(gamma=2), np.random.default_rng(0))[:, 0, 0, 0]
    assert 64 <= light.min() < 70
    assert 174 < light.max() <= 181
    assert 0.3 < (light < 128).mean() < 0.7


def test_compression_keeps_the_colours_apart() -> None:
    red = np.zeros((50, 16, 16, 3), np.uint8)
    red[..., 0] = 200
    after = degrade(red, Degradation(jpeg=60), np.random.default_rng(0))
    assert after[..., 0].min() > 180
    assert after[..., 2].max() < 20
