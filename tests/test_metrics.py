import numpy as np
import pytest
from scipy.special import softmax
from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score, log_loss

from batch_emotion.metrics import SCALARS, expected_calibration_error, measure, proportion, reliability

NAMES = ("angry", "happy", "sad")


def _answers(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    truth = rng.choice(3, count, p=[0.1, 0.6, 0.3])
    return softmax(rng.normal(size=(count, 3)) + 1.5 * np.eye(3)[truth], axis=1).astype(np.float32), truth


def test_the_figures_are_scikit_learns() -> None:
    probabilities, truth = _answers(400)
    said, exact = probabilities.argmax(axis=1), probabilities.astype(np.float64)
    told = measure(probabilities, truth, NAMES)
    assert told["images"] == 400
    assert told["accuracy"] == pytest.approx(accuracy_score(truth, said), abs=1e-6)
    assert told["balanced_accuracy"] == pytest.approx(balanced_accuracy_score(truth, said), abs=1e-6)
    assert told["macro_f1"] == pytest.approx(f1_score(truth, said, average="macro"), abs=1e-6)
    assert told["log_loss"] == pytest.approx(log_loss(truth, exact / exact.sum(axis=1, keepdims=True)), abs=1e-5)
    assert told["ece"] == pytest.approx(expected_calibration_error(probabilities, truth), abs=1e-6)
    assert np.sum(told["confusion_matrix"]) == 400
    assert told["confusion_matrix"][1][1] == int(((truth == 1) & (said == 1)).sum())


def test_every_scalar_and_class_has_an_interval_around_it() -> None:
    probabilities, truth = _answers(400)
    told = measure(probabilities, truth, NAMES)
    assert set(told["intervals"]) == set(SCALARS)
    for key in SCALARS:
        low, high = told["intervals"][key]
        assert low < high
        if key != "ece":
            assert low <= told[key] <= high
    for figures in told["per_class"].values():
        for key, (low, high) in figures["intervals"].items():
            assert low <= figures[key] <= high


def test_the_interval_of_accuracy_is_as_wide_as_theory_says_and_the_seed_decides() -> None:
    probabilities, truth = _answers(1000)
    told = measure(probabilities, truth, NAMES, seed=1)
    low, high = told["intervals"]["accuracy"]
    deviation = np.sqrt(told["accuracy"] * (1 - told["accuracy"]) / 1000)
    assert high - low == pytest.approx(2 * 1.96 * deviation, rel=0.15)
    assert measure(probabilities, truth, NAMES, seed=1) == told
    assert measure(probabilities, truth, NAMES, seed=2)["intervals"] != told["intervals"]


def test_a_class_without_images_is_left_out_of_the_averages() -> None:
    probabilities = np.array([[0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0.8, 0.1, 0.1]])
    told = measure(probabilities, np.array([0, 1, 1]), NAMES)
    assert told["balanced_accuracy"] == pytest.approx((1 + 0.5) / 2)
    assert told["per_class"]["sad"] == {
        "support": 0,
        "precision": None,
        "recall": None,
        "f1": None,
        "intervals": {"precision": None, "recall": None, "f1": None},
    }


def test_a_class_that_is_never_said_has_an_f1_of_nothing() -> None:
    told = measure(np.array([[0.8, 0.1, 0.1], [0.8, 0.1, 0.1]]), np.array([0, 1]), NAMES)
    assert told["per_class"]["happy"]["precision"] is None
    assert told["macro_f1"] == pytest.approx((2 / 3 + 0) / 2, abs=1e-6)


def test_one_image_is_enough() -> None:
    told = measure(np.array([[0.2, 0.7, 0.1]]), np.array([1]), NAMES)
    assert told["accuracy"] == 1
    assert told["intervals"]["accuracy"] == (1, 1)


def test_the_bins_hold_every_image_once() -> None:
    probabilities, truth = _answers(300)
    bins = reliability(probabilities, truth)
    assert sum(each["images"] for each in bins) == 300
    gaps = sum(each["images"] * abs(each["accuracy"] - each["confidence"]) for each in bins if each["images"])
    assert gaps / 300 == pytest.approx(expected_calibration_error(probabilities, truth), abs=1e-5)
    assert [each["confidence"] for each in bins if not each["images"]] == [None] * sum(
        not each["images"] for each in bins
    )


def test_a_proportion_and_its_interval() -> None:
    share, interval = proportion(900, 1000)
    assert share == 0.9
    assert interval == pytest.approx((0.881, 0.919), abs=0.004)
    assert proportion(0, 0) == (None, None)
