import numpy as np
import pytest

from batch_emotion.metrics.confusion import MatrixScores, count_pairs
from batch_emotion.metrics.measuring import measure
from tests.support.reference import random_predictions

NAMES = ("angry", "happy", "sad")


def test_counts_added_up_batch_by_batch_give_the_scores_of_the_whole() -> None:
    probabilities, labels = random_predictions(500)
    predicted, matrix = probabilities.argmax(axis=1), np.zeros((3, 3), np.int64)
    for rows in np.array_split(np.arange(500), 7):
        matrix += count_pairs(labels[rows], predicted[rows], (3, 3))
    scores, whole = MatrixScores.of(matrix), measure(probabilities, labels, NAMES, resamples=0)
    assert matrix.tolist() == whole["confusion_matrix"]
    assert float(scores.macro_f1) == pytest.approx(whole["macro_f1"], abs=1e-6)
    assert [each["f1"] for each in scores.per_class(NAMES).values()] == [
        each["f1"] for each in whole["per_class"].values()
    ]


def test_a_stack_of_matrices_is_scored_as_each_of_them() -> None:
    matrices = np.random.default_rng(0).integers(0, 9, (5, 3, 3))
    matrices[1, 2] = matrices[2, :, 0] = 0  # a class without images, and one that is never predicted
    stack = MatrixScores.of(matrices)
    for at, matrix in enumerate(matrices):
        each = MatrixScores.of(matrix)
        assert stack.accuracy[at] == each.accuracy
        assert stack.balanced_accuracy[at] == each.balanced_accuracy
        assert stack.macro_f1[at] == each.macro_f1
        assert np.array_equal(stack.precision[at], each.precision, equal_nan=True)
