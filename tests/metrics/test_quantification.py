import numpy as np
import pytest

from batch_emotion.metrics import quantification
from batch_emotion.metrics.quantification import (
    FEWEST,
    Moments,
    estimate_shares,
    estimated_mix,
    widely_apart,
)

CONCENTRATIONS = np.array([[6.0, 2, 2], [3, 4, 1], [1, 1, 8]])
NAMES = ("angry", "happy", "sad")


def _rows(label: int, images: int, rng: np.random.Generator) -> np.ndarray:
    return rng.dirichlet(CONCENTRATIONS[label], images)


def _held_out(rng: np.random.Generator, images: int = 300) -> list[Moments]:
    return [Moments(3).add(_rows(label, images, rng)) for label in range(3)]


def test_moments_are_those_of_all_rows_however_they_come() -> None:
    rows = _rows(0, 500, np.random.default_rng(0))
    moments = Moments(3).add(rows[:7]).merge(Moments(3).add(rows[7:]))
    assert moments.count == 500
    assert moments.mean == pytest.approx(rows.mean(axis=0))
    assert moments.error == pytest.approx(np.cov(rows.T) / 500, rel=5e-3)


def test_the_mix_is_found_where_counting_is_biased() -> None:
    rng = np.random.default_rng(0)
    labels = rng.choice(3, 5_000, p=[0.1, 0.7, 0.2])
    rows = np.concatenate([_rows(label, 1, rng) for label in labels])
    true = np.bincount(labels) / len(labels)
    counted = np.bincount(rows.argmax(axis=1)) / len(rows)
    shares = estimate_shares(Moments(3).add(rows), _held_out(rng, 5_000))
    assert np.abs(shares.estimate - true).max() < 0.03
    assert np.abs(counted - true).max() > 0.15
    assert shares.estimate.sum() == pytest.approx(1)
    assert (shares.low <= shares.estimate).all()
    assert (shares.estimate <= shares.high).all()


def test_95_of_100_intervals_hold_the_mix() -> None:
    rng = np.random.default_rng(1)
    inside = []
    for _ in range(60):
        mix = rng.dirichlet(np.ones(3))
        rows = np.concatenate([_rows(label, 1, rng) for label in rng.choice(3, 300, p=mix)])
        shares = estimate_shares(Moments(3).add(rows), _held_out(rng, 60))
        inside.append(((mix >= shares.low) & (mix <= shares.high)).mean())
    assert 0.9 < np.mean(inside) <= 1


def test_a_class_that_is_not_there_gets_nothing() -> None:
    rng = np.random.default_rng(2)
    shares = estimate_shares(Moments(3).add(_rows(2, 400, rng)), _held_out(rng))
    assert shares.estimate[2] > 0.95
    assert (shares.low >= 0).all()
    assert (shares.high <= 1).all()


def test_that_no_image_is_of_a_class_does_not_rule_it_out() -> None:
    sure = [Moments(3).add(np.eye(3)[[label] * 50]) for label in range(3)]
    shares = estimate_shares(Moments(3).add(np.eye(3)[[0] * 100]), sure)
    assert shares.estimate == pytest.approx([1, 0, 0], abs=1e-6)
    assert shares.high[1:] == pytest.approx([0.0295, 0.0295], abs=1e-4)
    assert shares.low == pytest.approx([0.9705, 0, 0], abs=1e-4)


def test_pictures_that_no_mix_explains_have_wide_intervals_and_count_and_estimate_part_widely(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rng = np.random.default_rng(5)
    rows = np.concatenate([_rows(label, images, rng) for label, images in enumerate((300, 600, 100))])
    surer = Moments(3).add(rows + np.array([0.08, 0.08, -0.16]))  # than any mix of the held-out images
    held_out = _held_out(rng)
    scaled = estimate_shares(surer, held_out)
    monkeypatch.setattr(quantification, "_misfit", lambda *_: 1.0)
    as_if = estimate_shares(surer, held_out)
    assert scaled.estimate.tolist() == as_if.estimate.tolist()
    assert scaled.estimate[2] == 0
    assert ((scaled.high - scaled.low) > 1.5 * (as_if.high - as_if.low))[:2].all()
    pinned = {"sad": {"share": 0.0, "low": 0.0, "high": 0.007}, "happy": {"share": 0.9, "low": 0.88, "high": 0.92}}
    assert widely_apart({"sad": 0.024, "happy": 0.87}, pinned) == ["sad"]
    assert widely_apart({"sad": 0.015, "happy": 0.84}, pinned) == []


def test_an_estimate_takes_enough_images_and_held_out_ones() -> None:
    rng = np.random.default_rng(3)
    held_out, enough = _held_out(rng), Moments(3).add(_rows(1, FEWEST, rng))
    assert estimated_mix(enough, None, NAMES) is None
    assert estimated_mix(Moments(3).add(_rows(1, FEWEST - 1, rng)), held_out, NAMES) is None
    mix = estimated_mix(enough, held_out, NAMES)
    assert mix is not None
    assert list(mix) == list(NAMES)
    assert estimated_mix(enough, held_out, NAMES) == mix, "nothing is left to chance"
    happy = mix["happy"]
    assert widely_apart({"angry": 0.0, "happy": happy["low"], "sad": 0.0}, mix) == []
    assert widely_apart({"angry": 0.5, "happy": 0.1, "sad": 0.0}, mix) == ["angry", "happy"]
