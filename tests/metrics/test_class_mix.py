import numpy as np
import pytest

from batch_emotion.metrics.class_mix import PSEUDO_IMAGES, estimate_mix, with_mix

TRAINING = np.array([0.2, 0.3, 0.5])


def _population(mix: np.ndarray, images: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Labels drawn from a mix, and the probabilities that Bayes's rule gives under the training's mix."""
    rng = np.random.default_rng(seed)
    labels = rng.choice(3, images, p=mix)
    seen = rng.normal(np.array([0.0, 1.5, 3.0])[labels])
    likelihood = np.exp(-((seen[:, None] - [0.0, 1.5, 3.0]) ** 2) / 2)
    joint = likelihood * TRAINING
    return labels, (joint / joint.sum(axis=1, keepdims=True)).astype(np.float32)


def test_probabilities_follow_the_mix_and_come_back() -> None:
    rows = np.array([[0.2, 0.3, 0.5], [0.7, 0.2, 0.1], [np.nan] * 3], np.float32)
    even = np.full(3, 1 / 3)
    moved = with_mix(rows, TRAINING, even)
    assert moved.dtype == np.float32
    assert moved[0] == pytest.approx([1 / 3] * 3)
    assert moved[1] == pytest.approx(np.array([3.5, 2 / 3, 0.2]) / (3.5 + 2 / 3 + 0.2))
    assert np.isnan(moved[2]).all()
    assert with_mix(moved, even, TRAINING)[:2] == pytest.approx(rows[:2], abs=1e-6)


def test_the_mix_of_many_images_is_found() -> None:
    mix = np.array([0.6, 0.3, 0.1])
    labels, rows = _population(mix, 20_000)
    true = np.bincount(labels) / len(labels)
    assert np.abs(estimate_mix([rows], TRAINING) - true).max() < 0.015
    assert np.abs(rows.mean(axis=0) - true).max() > 0.1, "the mean of the probabilities is drawn to the training's mix"


def test_the_cut_of_the_images_changes_nothing() -> None:
    _, rows = _population(np.array([0.1, 0.1, 0.8]), 1_000)
    whole = estimate_mix([rows], TRAINING)
    assert (estimate_mix([rows[:7], rows[7:7], rows[7:]], TRAINING) == whole).all()


def test_few_images_stay_near_the_training() -> None:
    assert estimate_mix([], TRAINING) == pytest.approx(TRAINING)
    one = estimate_mix([np.array([[1, 0, 0]], np.float32)], TRAINING)
    assert one == pytest.approx((PSEUDO_IMAGES * TRAINING + [1, 0, 0]) / (PSEUDO_IMAGES + 1), abs=1e-6)
    assert (one > 0).all()
