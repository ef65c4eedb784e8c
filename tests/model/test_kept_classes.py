import numpy as np
import pytest

from batch_emotion.model.bundle import bundled_models
from batch_emotion.model.catalogue import USES
from batch_emotion.model.kept_classes import keep_classes

NAMES = ("angry", "happy", "sad")


def test_probabilities_are_those_given_that_it_is_one_of_the_kept() -> None:
    rows = np.array([[0.2, 0.5, 0.3], [1e-30, 1, 3e-30], [0, 1, 0], [np.nan] * 3], np.float32)
    kept = keep_classes(rows, NAMES, ("angry", "sad"))
    assert kept.dtype == np.float32
    assert kept[:3] == pytest.approx(np.array([[0.4, 0.6], [0.25, 0.75], [0.5, 0.5]]))
    assert np.isnan(kept[3]).all()
    assert keep_classes(rows, NAMES, NAMES) is rows


def test_every_bundled_model_says_what_it_is_for() -> None:
    assert set(bundled_models()) == USES.keys()
