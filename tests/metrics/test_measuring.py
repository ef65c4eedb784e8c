import numpy as np
import pytest
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    confusion_matrix,
    f1_score,
    log_loss,
    precision_recall_fscore_support,
)

from batch_emotion.metrics.measuring import agreement, measure, paired_difference, percentile_interval, proportion
from batch_emotion.metrics.scores import SCALARS
from tests.support.reference import plain_ece, random_predictions

NAMES = ("angry", "happy", "sad")


def test_the_scores_are_those_of_scikit_learn() -> None:
    probabilities, labels = random_predictions(400)
    predicted, exact = probabilities.argmax(axis=1), probabilities.astype(np.float64)
    scores = measure(probabilities, labels, NAMES)
    assert scores["images"] == 400
    assert scores["accuracy"] == pytest.approx(accuracy_score(labels, predicted), abs=1e-6)
    assert scores["balanced_accuracy"] == pytest.approx(balanced_accuracy_score(labels, predicted), abs=1e-6)
    assert scores["macro_f1"] == pytest.approx(f1_score(labels, predicted, average="macro"), abs=1e-6)
    assert scores["log_loss"] == pytest.approx(log_loss(labels, exact / exact.sum(axis=1, keepdims=True)), abs=1e-5)
    assert scores["ece"] == pytest.approx(plain_ece(probabilities.max(axis=1), predicted == labels), abs=1e-6)
    assert scores["confusion_matrix"] == confusion_matrix(labels, predicted).tolist()
    expected = zip(*precision_recall_fscore_support(labels, predicted), strict=True)
    for each, (precision, recall, f1, support) in zip(scores["per_class"].values(), expected, strict=True):
        found = (each["precision"], each["recall"], each["f1"], each["support"])
        assert found == pytest.approx((precision, recall, f1, support), abs=1e-6)


def test_every_scalar_and_class_has_an_interval_around_it() -> None:
    probabilities, labels = random_predictions(400)
    scores = measure(probabilities, labels, NAMES)
    assert set(scores["intervals"]) == set(SCALARS)
    for key in SCALARS:
        low, high = scores["intervals"][key]
        assert low < high
        if key != "ece":
            assert low <= scores[key] <= high
    for figures in scores["per_class"].values():
        for key, (low, high) in figures["intervals"].items():
            assert low <= figures[key] <= high


def test_the_interval_of_accuracy_is_as_wide_as_theory_says_and_the_seed_decides() -> None:
    probabilities, labels = random_predictions(1000)
    scores = measure(probabilities, labels, NAMES, seed=1)
    low, high = scores["intervals"]["accuracy"]
    deviation = np.sqrt(scores["accuracy"] * (1 - scores["accuracy"]) / 1000)
    assert high - low == pytest.approx(2 * 1.96 * deviation, rel=0.15)
    assert measure(probabilities, labels, NAMES, seed=1) == scores
    assert measure(probabilities, labels, NAMES, seed=2)["intervals"] != scores["intervals"]


def test_a_class_without_images_is_left_out_of_the_averages() -> None:
    probabilities = np.array([[0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0.8, 0.1, 0.1]])
    scores = measure(probabilities, np.array([0, 1, 1]), NAMES)
    assert scores["balanced_accuracy"] == pytest.approx((1 + 0.5) / 2)
    assert scores["per_class"]["sad"] == {
        "support": 0,
        "precision": None,
        "recall": None,
        "f1": None,
        "intervals": {"precision": None, "recall": None, "f1": None},
    }


def test_a_class_that_is_never_predicted_has_no_precision_and_an_f1_of_0() -> None:
    scores = measure(np.array([[0.8, 0.1, 0.1], [0.8, 0.1, 0.1]]), np.array([0, 1]), NAMES)
    assert scores["per_class"]["happy"]["precision"] is None
    assert scores["per_class"]["happy"]["f1"] == 0
    assert scores["macro_f1"] == pytest.approx((2 / 3 + 0) / 2, abs=1e-6)


def test_one_image_is_enough() -> None:
    scores = measure(np.array([[0.2, 0.7, 0.1]]), np.array([1]), NAMES)
    assert scores["accuracy"] == 1
    assert set(scores["intervals"].values()) == {None}


def test_a_proportion_and_its_interval() -> None:
    share, interval = proportion(900, 1000)
    assert share == 0.9
    assert interval == pytest.approx((0.881, 0.919), abs=0.004)
    assert proportion(0, 0) == (None, None)
    assert proportion(1, 1) == (1, None)


def test_a_paired_difference_is_that_of_the_same_resampled_images() -> None:
    rng = np.random.default_rng(3)
    here = np.repeat([True, True, False, False], [860, 40, 20, 80])
    there = np.repeat([True, False, True, False], [860, 40, 20, 80])
    difference, interval = paired_difference(40, 20, 1000)
    assert difference == 0.02
    drawn = [rng.integers(0, 1000, 1000) for _ in range(1000)]
    resampled = np.array([here[rows].mean() - there[rows].mean() for rows in drawn])
    assert interval == pytest.approx(percentile_interval(resampled, 1000), abs=0.002)
    assert paired_difference(0, 0, 0) == (None, None)
    assert paired_difference(1, 0, 1) == (1, None)
    assert paired_difference(0, 0, 50) == (0, None)


def test_a_fraction_of_all_or_of_none_has_the_exact_interval() -> None:
    assert proportion(10, 10) == (1, pytest.approx((0.6915, 1), abs=1e-4))  # Clopper and Pearson's, by R's binom.test
    assert proportion(0, 10) == (0, pytest.approx((0, 0.3085), abs=1e-4))
    right = np.eye(3)[[0] * 10 + [1] * 10] * 0.8 + 0.1
    scores = measure(right, np.array([0] * 10 + [1] * 10), NAMES)
    assert scores["intervals"]["accuracy"] == pytest.approx((0.8316, 1), abs=1e-4)
    assert scores["per_class"]["angry"]["intervals"]["recall"] == pytest.approx((0.6915, 1), abs=1e-4)
    assert scores["intervals"]["balanced_accuracy"] is None
    by_person = measure(right, np.array([0] * 10 + [1] * 10), NAMES, clusters=np.arange(20) // 4)
    assert by_person["intervals"]["accuracy"] == pytest.approx((0.4782, 1), abs=1e-4)  # of five people


def test_a_single_cluster_or_image_of_a_class_has_no_interval() -> None:
    probabilities, labels = random_predictions(60)
    labels[labels == 2] = 1
    labels[0] = 2
    of_class = measure(probabilities, labels, NAMES)["per_class"]["sad"]["intervals"]
    assert of_class["recall"] is None
    assert of_class["precision"] is not None
    one = measure(probabilities, labels, NAMES, clusters=np.zeros(60, np.int64))
    assert set(one["intervals"].values()) == {None}
    assert {found for each in one["per_class"].values() for found in each["intervals"].values()} == {None}
    predicted = probabilities.argmax(axis=1)
    assert agreement(predicted, labels, labels, NAMES, clusters=np.zeros(60, np.int64))["interval"] is None


def test_agreement_is_counted_for_the_model_for_the_labels_and_by_class() -> None:
    predicted, labels, majority = np.array([[0, 0, 1, 1, 2], [0, -1, 1, 1, 0], [0, 0, 0, 1, 2]])
    found = agreement(predicted, labels, majority, NAMES)
    assert (found["images"], found["agreement"], found["label_agreement"]) == (5, 0.8, 0.4)
    assert found["interval"] is not None
    assert found["interval"][0] < 0.8 < found["interval"][1]
    assert found["per_class"] == {
        "angry": {"images": 3, "agreement": round(2 / 3, 6)},
        "happy": {"images": 1, "agreement": 1},
        "sad": {"images": 1, "agreement": 1},
    }
    nobody = np.array([], np.int64)
    none = agreement(nobody, nobody, nobody, NAMES)
    assert (none["images"], none["agreement"], none["interval"], none["label_agreement"]) == (0, None, None, None)
