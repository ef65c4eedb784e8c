from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest

from batch_emotion.options.recipe import Augmentation, Recipe
from batch_emotion.training.augmentation import augment, mixup
from batch_emotion.training.batches import training_batches
from batch_emotion.training.checkpoints import read_history
from batch_emotion.training.fit import Pace, fit, predict_proba
from batch_emotion.training.pixels import LabelledPixels


def _data(count: int, seed: int) -> LabelledPixels:
    rng = np.random.default_rng(seed)
    classes = rng.integers(0, 2, count)
    light = (classes * 150).astype(np.uint8)[:, None, None, None]
    return LabelledPixels(
        rng.integers(0, 60, (count, 12, 12, 1)).astype(np.uint8) + light, np.eye(2, dtype=np.float32)[classes]
    )


def _model() -> Any:
    from keras import Input, Sequential, layers

    return Sequential(
        [
            Input((12, 12, 1)),
            layers.Rescaling(1 / 255),
            layers.Conv2D(8, 3, strides=2, use_bias=False),
            layers.BatchNormalization(momentum=0.5),
            layers.Flatten(),
            layers.Dropout(0.2),
            layers.Dense(2, activation="softmax", dtype="float32"),
        ]
    )


def test_a_resumed_training_retraces_the_uninterrupted_one(tmp_path: Path) -> None:
    train, watch = _data(64, 0), _data(32, 1)
    for name in ("whole", "cut"):
        (tmp_path / name).mkdir()
    whole = fit(_model, train, watch, Recipe(epochs=3), tmp_path / "whole").history

    class Killed(Exception):
        pass

    def kill(line: dict[str, float], pace: Pace) -> None:
        if line["epoch"] == 2:
            raise Killed

    with pytest.raises(Killed):
        fit(_model, train, watch, Recipe(epochs=3), tmp_path / "cut", kill)
    seen: list[float] = []
    tell = lambda line, pace: seen.append(line["epoch"])  # noqa: E731
    resumed = fit(_model, train, watch, Recipe(epochs=3), tmp_path / "cut", tell).history
    assert seen == [3]
    for one, other in zip(whole, resumed, strict=True):
        assert one == pytest.approx(other, abs=1e-3)
    assert len(read_history(tmp_path / "cut" / "history.csv")) == 3


def test_early_stop_keeps_the_best_epoch(tmp_path: Path) -> None:
    recipe = Recipe(epochs=30, learning_rate=0.5, patience=2)
    trained = fit(_model, _data(64, 0), _data(32, 1), recipe, tmp_path)
    history = trained.history
    losses = [line["val_loss"] for line in history]
    assert len(history) < 30
    assert len(losses) - 1 - int(np.argmin(losses)) == 2
    assert trained.kept == int(np.argmin(losses)) + 1


@pytest.mark.parametrize("judge", ["loss", "recall"])
def test_the_best_epoch_is_kept_unless_the_last_is_asked_for(judge: Literal["loss", "recall"], tmp_path: Path) -> None:
    watch, recipe = _data(40, 1), Recipe(epochs=6, learning_rate=0.5, judge=judge)
    best = fit(_model, _data(64, 0), watch, recipe, tmp_path)
    worth = [-line["val_loss"] if judge == "loss" else line["val_mean_recall"] for line in best.history]
    assert best.kept == int(np.argmax(worth)) + 1
    last = fit(_model, _data(64, 0), watch, replace(recipe, keep="last"), tmp_path)
    assert last.kept == 6
    for trained in (best, last):
        right = predict_proba(trained.model, watch.pixels).argmax(axis=1) == watch.targets.argmax(axis=1)
        assert right.mean() == pytest.approx(trained.history[trained.kept - 1]["val_accuracy"])


def test_the_figures_watched_are_those_of_keras(tmp_path: Path) -> None:
    watch = _data(40, 1)
    trained = fit(_model, _data(64, 0), watch, Recipe(epochs=1, label_smoothing=0.1), tmp_path)
    import keras

    trained.model.compile(loss=keras.losses.CategoricalCrossentropy(label_smoothing=0.1), metrics=["accuracy"])
    loss, accuracy = trained.model.test_on_batch(watch.pixels.astype(np.float32), watch.targets)
    assert trained.history[0]["val_loss"] == pytest.approx(loss, abs=1e-5)
    assert trained.history[0]["val_accuracy"] == pytest.approx(accuracy, abs=1e-6)


def test_a_frozen_start_moves_the_last_layer_alone_and_is_resumed(tmp_path: Path) -> None:
    recipe = Recipe(epochs=3, frozen=2, schedule="cosine")
    start = _model()

    def build() -> Any:
        model = _model()
        model.set_weights(start.get_weights())
        return model

    weights = [fit(build, _data(64, 0), None, recipe, tmp_path, last=last).model.get_weights() for last in (2, 3)]
    body = slice(0, -2)
    assert all(map(np.array_equal, weights[0][body], start.get_weights()[body]))
    assert not np.array_equal(weights[0][-2], start.get_weights()[-2])
    assert not any(map(np.array_equal, weights[1][body], start.get_weights()[body]))


def test_without_validation_images_the_last_epoch_is_kept(tmp_path: Path) -> None:
    trained = fit(_model, _data(64, 0), None, Recipe(epochs=5), tmp_path, last=2)
    assert trained.kept == len(trained.history) == 2
    assert set(trained.history[0]) == {"epoch", "accuracy", "loss"}


def test_an_epoch_has_the_steps_that_are_asked_for(tmp_path: Path) -> None:
    batches = list(training_batches(_data(10, 0), Recipe(batch_size=4, steps=5), 0))
    assert [len(images) for images, _, _ in batches] == [4] * 5
    assert [len(images) for images, _, _ in training_batches(_data(10, 0), Recipe(batch_size=4), 0)] == [4, 4, 2]


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


def test_erased_patches_are_grey_and_bounded() -> None:
    pixels = np.random.default_rng(0).choice(np.float32([0, 255]), (200, 32, 32, 1))
    still = Augmentation(flip=False, rotation=0, shift=0, zoom=0, erase=0.5)
    erased = np.abs(augment(pixels, still, (0, 0)).numpy() - pixels)[..., 0] > 1
    touched = erased.any(axis=(1, 2))
    assert 60 < touched.sum() < 140
    assert erased.any(axis=1).sum(axis=1).max() <= 17
    assert erased.any(axis=2).sum(axis=1).max() <= 17


def test_contrast_keeps_the_mean() -> None:
    pixels = np.random.default_rng(0).uniform(100, 150, (50, 16, 16, 1)).astype(np.float32)
    changed = augment(pixels, Augmentation(flip=False, rotation=0, shift=0, zoom=0, contrast=0.5), (0, 0)).numpy()
    assert np.abs(changed.mean(axis=(1, 2, 3)) - pixels.mean(axis=(1, 2, 3))).max() < 0.1
    ratio = changed.std(axis=(1, 2, 3)) / pixels.std(axis=(1, 2, 3))
    assert 0.5 <= ratio.min() < 0.7
    assert 1.3 < ratio.max() <= 1.5


def test_mixup_blends_images_and_targets_alike() -> None:
    classes = np.array([0, 0, 1, 1])
    images = np.broadcast_to(classes[:, None, None, None] * np.float32(100), (4, 8, 8, 1)).astype(np.float32)
    mixed, targets = mixup(images, np.eye(2, dtype=np.float32)[classes], 1.0, (3, 4))
    assert np.allclose(mixed.numpy()[:, 0, 0, 0], targets.numpy()[:, 1] * 100, atol=1e-3)
    assert not np.allclose(targets.numpy(), np.eye(2)[classes])


@pytest.mark.parametrize("precision", ["float32", "mixed"])
def test_the_whole_recipe_learns_and_gives_a_float32_network(
    precision: Literal["float32", "mixed"], tmp_path: Path
) -> None:
    recipe = Recipe(
        epochs=6, batch_size=16, optimizer="sgd", learning_rate=0.02, schedule="cosine", weight_decay=1e-3,
        label_smoothing=0.1, ema=0.5, precision=precision, class_weights=True,
        augmentation=Augmentation(brightness=0.05, contrast=0.1, erase=0.2, mixup=0.2),
    )  # fmt: skip
    trained = fit(_model, _data(96, 0), _data(32, 1), recipe, tmp_path)
    model, history = trained.model, trained.history
    assert history[-1]["val_accuracy"] == 1
    assert {weight.dtype for weight in model.weights} == {"float32"}
    assert {layer.compute_dtype for layer in model.layers} == {"float32"}


def test_the_average_lags_behind_the_weights(tmp_path: Path) -> None:
    quick, slow = tmp_path / "quick", tmp_path / "slow"
    losses = {}
    for folder, ema in ((quick, 0.0), (slow, 0.999)):
        folder.mkdir()
        losses[folder] = fit(_model, _data(64, 0), _data(32, 1), Recipe(epochs=2, ema=ema), folder).history[-1][
            "val_loss"
        ]
    assert losses[slow] > losses[quick]


def test_a_mirrored_network_is_the_trained_one_seen_from_both_sides(tmp_path: Path) -> None:
    recipe, watch = Recipe(epochs=2), _data(32, 1)
    plain = fit(_model, _data(64, 0), watch, recipe, tmp_path).model
    seen: list[float] = []
    tell = lambda line, pace: seen.append(line["epoch"])  # noqa: E731
    mirrored = fit(_model, _data(64, 0), watch, replace(recipe, mirror=True), tmp_path, tell).model
    assert not seen
    assert all(map(np.array_equal, plain.get_weights(), mirrored.get_weights()))
    turned = np.ascontiguousarray(watch.pixels[:, :, ::-1])
    assert not np.allclose(predict_proba(plain, watch.pixels), predict_proba(plain, turned), atol=1e-5)
    np.testing.assert_allclose(predict_proba(mirrored, watch.pixels), predict_proba(mirrored, turned), atol=1e-5)
