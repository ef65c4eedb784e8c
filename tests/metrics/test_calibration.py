import numpy as np
import pytest

from batch_emotion.metrics.calibration import CalibrationBins, calibration_bins, confidence_bin
from tests.support.reference import plain_ece, random_predictions


def test_the_error_of_a_hand_counted_case() -> None:
    probabilities = np.array([[0.9, 0.1], [0.9, 0.1], [0.4, 0.6], [0.5, 0.5]])
    # Bins of a tenth: 0.9 twice, one right, |1/2 - 0.9|; 0.6 right, |1 - 0.6|; 0.5 wrong, |0 - 0.5|.
    expected = (2 * 0.4 + 0.4 + 0.5) / 4
    assert calibration_bins(probabilities, np.array([0, 1, 1, 1]), bins=10).error == pytest.approx(expected)


def test_a_certain_and_right_model_has_no_error_and_a_certain_and_wrong_one_all() -> None:
    certain = np.eye(3)[[0, 1, 2]]
    assert calibration_bins(certain, np.array([0, 1, 2])).error == 0
    assert calibration_bins(certain, np.array([1, 2, 0])).error == 1


def test_a_bin_holds_its_upper_edge() -> None:
    confidence = np.array([0.0, 0.05, 0.1, 0.1001, 0.9, 1.0])
    assert confidence_bin(confidence, 10).tolist() == [0, 0, 0, 1, 8, 9]
    # 0.05 wrong and 0.1 right share a bin: |1 - 0.15| of two images; in two bins they would be 0.05 and 0.9 apart.
    bins = CalibrationBins(10).add(np.array([0.05, 0.1]), np.array([False, True]))
    assert bins.error == pytest.approx(0.85 / 2)


def test_the_bins_hold_every_image_once() -> None:
    probabilities, labels = random_predictions(300)
    bins = calibration_bins(probabilities, labels).reliability()
    assert sum(each["images"] for each in bins) == 300
    gaps = sum(each["images"] * abs(each["accuracy"] - each["confidence"]) for each in bins if each["images"])
    correct = probabilities.argmax(axis=1) == labels
    assert gaps / 300 == pytest.approx(plain_ece(probabilities.max(axis=1), correct), abs=1e-5)
    assert [each["confidence"] for each in bins if not each["images"]] == [None] * sum(
        not each["images"] for each in bins
    )


def test_bins_added_up_batch_by_batch_are_those_of_the_whole() -> None:
    probabilities, labels = random_predictions(500)
    confidence, correct, bins = probabilities.max(axis=1), probabilities.argmax(axis=1) == labels, CalibrationBins()
    for rows in np.array_split(np.arange(500), 7):
        bins.add(confidence[rows], correct[rows])
    assert bins.error == pytest.approx(plain_ece(confidence, correct))
    assert bins.mean_confidence == pytest.approx(confidence.mean(), abs=1e-6)
    assert bins.reliability() == calibration_bins(probabilities, labels).reliability()


def test_no_images_have_no_error_and_no_mean() -> None:
    assert CalibrationBins().error == 0
    assert CalibrationBins().mean_confidence is None
    assert {each["accuracy"] for each in CalibrationBins().reliability()} == {None}
