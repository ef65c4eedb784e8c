from pathlib import Path

import numpy as np
import pytest

from batch_emotion.model.architectures import ARCHITECTURES
from batch_emotion.model.training import Augmentation, LabelledPixels, Recipe, augment, fit, read_history


def _data(count: int, seed: int) -> LabelledPixels:
    rng = np.random.default_rng(seed)
    classes = rng.integers(0, 2, count)
    pixels = (
        rng.integers(0, 60, (count, 64, 64, 3)).astype(np.uint8) + (classes * 150).astype(np.uint8)[:, None, None, None]
    )
    return LabelledPixels(pixels, np.eye(2, dtype=np.float32)[classes])


def _model() -> object:
    import keras

    keras.utils.set_random_seed(0)
    return ARCHITECTURES["seed-cnn"].build((64, 64, 3), 2)


def test_a_resumed_training_retraces_the_uninterrupted_one(tmp_path: Path) -> None:
    train, watch = _data(64, 0), _data(32, 1)
    for name in ("whole", "cut"):
        (tmp_path / name).mkdir()
    _, whole = fit(_model(), train, watch, Recipe(epochs=3), tmp_path / "whole", lambda line: None)

    class Killed(Exception):
        pass

    def kill(line: dict[str, float]) -> None:
        if line["epoch"] == 2:
            raise Killed

    with pytest.raises(Killed):
        fit(_model(), train, watch, Recipe(epochs=3), tmp_path / "cut", kill)
    seen: list[float] = []
    _, resumed = fit(
        _model(), train, watch, Recipe(epochs=3), tmp_path / "cut", lambda line: seen.append(line["epoch"])
    )
    assert seen == [3]
    for one, other in zip(whole, resumed, strict=True):
        assert one == pytest.approx(other, abs=1e-3)
    assert len(read_history(tmp_path / "cut" / "history.csv")) == 3


def test_early_stop_keeps_the_best_epoch(tmp_path: Path) -> None:
    recipe = Recipe(epochs=30, learning_rate=0.5, patience=2)
    _, history = fit(_model(), _data(64, 0), _data(32, 1), recipe, tmp_path, lambda line: None)
    losses = [line["val_loss"] for line in history]
    assert len(history) < 30
    assert len(losses) - 1 - int(np.argmin(losses)) == 2


def test_no_augmentation_leaves_the_pixels() -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (4, 16, 16, 3)).astype(np.float32)
    same = augment(pixels, Augmentation(flip=False, rotation=0, shift=0, zoom=0), (1, 2)).numpy()
    assert np.abs(same - pixels).max() < 1e-2


def test_augmentation_is_drawn_from_its_seed_and_stays_in_range() -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (8, 16, 16, 1)).astype(np.float32)
    how = Augmentation(brightness=0.3)
    one, same, other = (augment(pixels, how, seed).numpy() for seed in ((1, 2), (1, 2), (1, 3)))
    assert np.array_equal(one, same)
    assert not np.allclose(one, other)
    assert one.min() >= 0
    assert one.max() <= 255


def test_a_flip_mirrors_about_half_of_the_images() -> None:
    pixels = np.zeros((400, 8, 8, 1), np.float32)
    pixels[:, :, :4] = 200
    flipped = augment(pixels, Augmentation(rotation=0, shift=0, zoom=0), (0, 0)).numpy()
    mirrored = flipped[:, 4, 7, 0] > 100
    assert 150 < mirrored.sum() < 250
    assert np.abs(flipped[mirrored] - pixels[mirrored][:, :, ::-1]).max() < 1e-2
