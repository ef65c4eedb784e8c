import numpy as np
import pytest

from batch_emotion.errors import BundleError
from batch_emotion.model.architectures import ARCHITECTURES, start_from


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_every_network_takes_pixels_and_gives_probabilities(name: str) -> None:
    architecture = ARCHITECTURES[name]
    model = architecture.build(architecture.spec.shape, 3)
    pixels = np.random.default_rng(0).integers(0, 256, (2, *architecture.spec.shape)).astype(np.float32)
    probabilities = np.asarray(model.predict_on_batch(pixels))
    assert probabilities.shape == (2, 3)
    assert np.allclose(probabilities.sum(axis=1), 1, atol=1e-5)


def test_the_seed_network_is_that_of_its_table() -> None:
    assert ARCHITECTURES["seed-cnn"].build((64, 64, 3), 6).count_params() == 637_862


def test_weights_are_taken_over_and_outputs_matched_by_name() -> None:
    build = ARCHITECTURES["pyramid"].build
    seven, six = build((48, 48, 1), 7), build((48, 48, 1), 6)
    names = ("a", "b", "c", "d", "e", "f", "g")
    others = ("g", "a", "c", "b", "e", "new")
    fresh = six.layers[-1].get_weights()[0][:, 5].copy()
    start_from(six, others, seven, names)
    pixels = np.random.default_rng(0).integers(0, 256, (4, 48, 48, 1)).astype(np.float32)
    said, known = np.asarray(six.predict_on_batch(pixels)), np.asarray(seven.predict_on_batch(pixels))
    for one, other in (("a", "b"), ("g", "e")):
        ratio = said[:, others.index(one)] / said[:, others.index(other)]
        assert np.allclose(ratio, known[:, names.index(one)] / known[:, names.index(other)], rtol=1e-4)
    assert np.array_equal(six.layers[-1].get_weights()[0][:, 5], fresh)


def test_another_network_is_no_start() -> None:
    six = ARCHITECTURES["pyramid"].build((48, 48, 1), 6)
    seed = ARCHITECTURES["seed-cnn"].build((64, 64, 3), 6)
    with pytest.raises(BundleError, match="--arch"):
        start_from(six, tuple("abcdef"), seed, tuple("abcdef"))
